"""Which tests may run side by side, where several processes share a run.

A file is the least that a process is given, since what a module's fixtures make is for all of its tests. Files that
share something dear of a whole run go to one process, one after the other. What takes long comes first, so that the
small files at the end fill up what is left.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

GROUPS: Mapping[str, tuple[str, ...]] = {
    # A Docker engine takes seconds to start and a minute to fill with images, all of them in memory.
    "docker_engine": (
        "tests/images/docker_engine/*",
        "tests/images/containers/*",
        "tests/images/registry/test_commands.py",
        "tests/images/verify/test_engine_source.py",
        "tests/images/verify/test_real.py",
        "tests/images/verify/test_running.py",
    ),
    # A SIF is made from an image in minutes, once on a machine; who meets it later would wait for its lock.
    "hpc_sif": ("tests/sif/*", "tests/clusters/test_in_sif.py"),
    # Dask's workers take seconds to import what they need.
    "cluster": ("tests/clusters/*",),
}
"""The files that share a fixture of a whole run, by its name."""
FIRST = (
    "docker_engine",
    "tests/example_notebooks/*",
    "hpc_sif",
    "tests/acceptance/*",
    "cluster",
    "tests/prefixes/test_real_packages.py",
    "tests/environments/wheels/*",
    "tests/images/base/*",
    "tests/cli/test_test.py",
    "tests/environments/test_scaling.py",
)
"""What takes long, the longest first."""


def unit_of(node_id: str) -> str:
    """Return what the test is scheduled with: the name of its group, or its file."""
    file = node_id.partition("::")[0]
    for name, patterns in GROUPS.items():
        if any(fnmatchcase(file, pattern) for pattern in patterns):
            return name
    return file


def rank(unit: str) -> int:
    """Return whose turn it is: the unit with the lowest number's."""
    found = (number for number, pattern in enumerate(FIRST) if fnmatchcase(unit, pattern))
    return next(found, len(FIRST))


def make_scheduler(config: pytest.Config, log: object) -> object:
    """Return what gives each process its next unit."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - a run in one process goes without it

    class Units(LoadScopeScheduling):
        """Hands out units by their rank."""

        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

        def _assign_work_unit(self, node: object) -> None:
            self.workqueue.move_to_end(min(self.workqueue, key=rank), last=False)
            super()._assign_work_unit(node)

    return Units(config, log)
