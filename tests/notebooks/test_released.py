from __future__ import annotations

import pytest
from tests.notebooks.report.conftest import Sample

from bindery.core import BadInput
from bindery.environments import Lock
from bindery.notebooks.released import released_notebooks


def test_run_on_conda_forge_says_nothing_of_wheels() -> None:
    run = Sample().run(environment="ocean", release=None, packages="conda-forge")
    lock = Lock(packages=(), content_hash=(), channels=(), platforms=("linux-64",), sources=())
    with pytest.raises(BadInput) as caught:
        released_notebooks(run, environment="ocean", lock=lock, packages="wheels", where="results.json")
    assert str(caught.value) == (
        "results.json: is a run on conda-forge's packages, and wheels are released\n"
        "  fix: bindery test --environment ocean --packages wheels"
    )
