"""Small projects of notebooks, and the environment to run them in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

GENERATOR = '''"""Makes the input of the test's notebooks."""


def make(count):
    if count < 0:
        raise ValueError("a negative count")
    return list(range(count))


def twice(number):
    return 2 * number
'''


class MakeProject(Protocol):
    """Called with a folder and the sources of notebooks' cells by name; returns the folder, now a project."""

    def __call__(self, folder: Path, notebooks: Mapping[str, Sequence[str]]) -> Path:
        """Write the project."""


@pytest.fixture(scope="session")
def stack_prefix(stack_python: Callable[[str], Path]) -> Path:
    """Return an environment with the whole stack."""
    return stack_python("3.11").parent.parent


@pytest.fixture(scope="session")
def make_project() -> MakeProject:
    """Return a function that makes projects. Notebooks have no references yet."""

    def make(folder: Path, notebooks: Mapping[str, Sequence[str]]) -> Path:
        (folder / "notebooks" / "data").mkdir(parents=True)
        (folder / "bindery.toml").write_text("[test]\nworkers = 1\nmemory_per_worker = '1GiB'\n")
        (folder / "notebooks" / "data" / "gen.py").write_text(GENERATOR)
        for name, sources in notebooks.items():
            cells = [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"cell-{number}",
                    "metadata": {"tags": ["parameters"]} if "# parameters" in source else {},
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(sources)
            ]
            kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
            document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
            (folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps(document))
        return folder

    return make
