from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.clusters import LocalCluster, connect_cluster
from bindery.core import ToolFailed, WrongUse

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cluster_of_somebody_else_is_used_and_left_alone(
    cluster: LocalCluster, environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    environ = {**base_environ, **cluster.environ}
    with connect_cluster(environment_python, environ, cluster.address, folder=tmp_path) as theirs:
        assert theirs.environ == {"DASK_SCHEDULER_ADDRESS": cluster.address}
        assert theirs.address == cluster.address
        assert theirs.dashboard is None
        assert theirs.description.endswith(f" in all, at {cluster.address}")
        theirs.evict("any")
        assert theirs.metrics("any") is None  # type: ignore[func-returns-value]
        with pytest.raises(WrongUse) as scaled:
            theirs.scale(3)
        with pytest.raises(WrongUse) as adapted:
            theirs.adapt(1, 3)
    assert str(scaled.value) == f"{cluster.address}: cannot scale to 3 workers: somebody else runs this cluster"
    assert str(adapted.value) == f"{cluster.address}: cannot adapt between 1 and 3: somebody else runs this cluster"
    assert cluster.metrics("any").graphs == 0  # still there


def test_an_address_where_nobody_answers_is_an_error(
    environment_python: Path, base_environ: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ToolFailed) as caught:
        connect_cluster(environment_python, base_environ, "tcp://127.0.0.1:1", folder=tmp_path)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"the cluster's process ({environment_python}): connect: OSError: Timed out")


def test_a_scheduler_without_workers_is_an_error(base_environ: dict[str, str], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nread request\necho \'{"ok": {"workers": 0, "threads": 0}}\'\n')
    python.chmod(0o755)
    with pytest.raises(ToolFailed) as caught:
        connect_cluster(python, base_environ, "tcp://10.0.0.1:8786", folder=tmp_path)
    assert str(caught.value) == (
        "tcp://10.0.0.1:8786: the scheduler has no workers\n  fix: start some, or leave --scheduler out"
    )
