"""A run → what a release keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments import ReleasedNotebook
from bindery.notebooks.results import Outcome

if TYPE_CHECKING:
    from bindery.environments import Lock, PackagesSource
    from bindery.notebooks.results import NotebookResult, TestRun

NOTHING_COMPARED = "nothing compared"


def released_notebooks(
    run: TestRun, *, environment: str, lock: Lock, packages: PackagesSource, where: str
) -> tuple[ReleasedNotebook, ...]:
    """Return how the notebooks fared, with what they ran on; ``where`` is the file that the run was read from.

    A run on the packages that are released must have been on this very lock. A run on the substitute made of wheels
    is taken, and says so.

    Raises:
        BadInput: the run is of another environment or lock, or of a folder that Bindery did not install.

    """
    again = f"bindery test --environment {environment}"
    if run.environment != environment:
        raise BadInput(f"is a run in {run.environment}, not in {environment}", where, again)
    ran_on = _source(run, where, again)
    if ran_on == packages:
        expected = str(lock.digest(run.platform)) if run.platform in lock.platforms else "none"
        if run.lock_digest != expected:
            raise BadInput(
                f"is a run on the lock {run.lock_digest}, and {run.platform} of what is released is {expected}",
                where,
                f"{again} --packages {packages}",
            )
    elif ran_on == "conda-forge":
        raise BadInput(
            "is a run on conda-forge's packages, and wheels are released", where, f"{again} --packages wheels"
        )
    return tuple(_released(one, ran_on, run) for one in sorted(run.notebooks, key=lambda one: one.name))


def _source(run: TestRun, where: str, fix: str) -> PackagesSource:
    match run.packages:
        case "conda-forge" | "wheels" as packages:
            return packages
        case _:
            raise BadInput("is a run in a folder of which no lock is known", where, fix)


def _released(result: NotebookResult, packages: PackagesSource, run: TestRun) -> ReleasedNotebook:
    empty = result.outcome is Outcome.PASSED and not any(cell.compared for cell in result.cells)
    return ReleasedNotebook(
        name=result.name,
        verdict=NOTHING_COMPARED if empty else result.outcome.value,
        cells=len(result.cells),
        differing=sum(cell.outcome is Outcome.DIFFERS for cell in result.cells),
        packages=packages,
        platform=run.platform,
        python=run.python,
    )
