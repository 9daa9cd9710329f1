"""What has to move when something else does, in channels made for it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Store
from bindery.environments import Environment, LockRequest, plan_lock, write_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bindery.core import Json

SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [{}]\n"


def write_channel(folder: Path, packages: str) -> None:
    """Write a channel; each line is a name and a version, what it needs, and after a bar what it allows only."""
    records: dict[str, Json] = {}
    for line in filter(str.strip, packages.splitlines()):
        head, _, rest = line.strip().partition(":")
        needs, _, allows = rest.partition("|")
        name, version = head.split()
        depends: list[Json] = [one.strip() for one in needs.split(",") if one.strip()]
        constrains: list[Json] = [one.strip() for one in allows.split(",") if one.strip()]
        records[f"{name}-{version}-0.conda"] = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": depends,
            "constrains": constrains,
            "md5": hashlib.md5(head.encode(), usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(head.encode()).hexdigest(),
            "subdir": "noarch",
        }
    for subdir, found in (("noarch", records), ("linux-64", dict[str, "Json"]())):
        document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": found}
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        (folder / subdir / "repodata.json").write_text(json.dumps(document), encoding="utf-8")


Move = tuple[dict[str, str], dict[str, str]]


@pytest.fixture
def move(
    tmp_path: Path, make_environment: Callable[[str], Environment], solver_store: Store
) -> Callable[[str, str, str, LockRequest], Move]:
    """Return a function: lock from a first channel, ask something of a second one; versions and reasons come back."""

    def plan(first: str, second: str, asked: str, request: LockRequest) -> Move:
        environment = make_environment(SPEC.format(asked))
        mirrors = {"conda-forge": str(tmp_path / "channel")}
        write_channel(tmp_path / "channel", first)
        before = plan_lock(environment, LockRequest(mirrors=mirrors), store=solver_store, progress=NoProgress())
        write_plan(before, environment)
        write_channel(tmp_path / "channel", f"{first}\n{second}")
        request = LockRequest(mirrors=mirrors, update=request.update, add=request.add, keep=request.keep)
        found = plan_lock(environment, request, store=solver_store, progress=NoProgress())
        versions = {change.name: change.after.version if change.after else "-" for change in found.changes}
        return versions, {change.name: found.why(change) for change in found.changes}

    return plan


def test_a_newer_package_takes_along_only_what_it_needs(move: Callable[..., Move]) -> None:
    first = """
        app 1: lib >=1, tool
        lib 1:
        tool 1:
    """
    second = """
        app 2: lib >=2, tool
        lib 2:
        lib 3:
        tool 2:
    """
    versions, reasons = move(first, second, "app", LockRequest(update=("app",)))
    assert versions == {"app": "2", "lib": "3"}
    assert reasons == {"app": "asked for", "lib": "app 2 needs lib >=2"}


def test_what_cannot_bear_the_newer_package_moves(move: Callable[..., Move]) -> None:
    first = """
        app 1: lib <2
        other 1: lib
        lib 1:
    """
    second = """
        app 2: lib
        lib 2:
        other 2: lib
    """
    versions, reasons = move(first, second, "app, other", LockRequest(update=("lib",)))
    assert versions == {"app": "2", "lib": "2"}
    assert reasons["app"] == "app 1 (0) needs lib <2, which is now 2 (0)"


def test_what_is_not_allowed_beside_it_moves(move: Callable[..., Move]) -> None:
    versions, reasons = move("a 1:\nb 1:", "b 2: | a >=2\na 2:", "a, b", LockRequest(update=("b",)))
    assert versions == {"a": "2", "b": "2"}
    assert reasons["a"] == "b 2 allows only a >=2"


def test_the_fewest_move_where_there_is_a_choice(move: Callable[..., Move]) -> None:
    # new 1 goes with hub 1 if three others move, or with all three if hub moves.
    first = """
        hub 1: x, y, z
        x 1:
        y 1:
        z 1:
        hub 0: x, y, z
    """
    second = """
        new 1: link
        link 1: | x >=2, y >=2, z >=2
        link 2: | hub <1
        x 2:
        y 2:
        z 2:
    """
    versions, reasons = move(first, second, "hub", LockRequest(add=("new",)))
    assert versions == {"hub": "0", "link": "2", "new": "1"}
    assert reasons == {"hub": "link 2 allows only hub <1", "link": "new 1 needs link", "new": "asked for"}


def test_an_older_version_is_added_if_nothing_moves_then(move: Callable[..., Move]) -> None:
    versions, _ = move("a 1:", "a 2:\nb 1: a\nb 2: a >=2", "a", LockRequest(add=("b",)))
    assert versions == {"b": "1"}


def test_the_newest_that_there_is_a_solution_for(move: Callable[..., Move]) -> None:
    versions, _ = move("a 1:", "a 2:\na 3: nowhere\na 4:", "a<4", LockRequest(update=("a",)))
    assert versions == {"a": "2"}


def test_what_nothing_needs_any_more_leaves(move: Callable[..., Move]) -> None:
    versions, reasons = move("a 1: b\nb 1: c\nc 1:", "a 2:", "a", LockRequest(update=("a",)))
    assert versions == {"a": "2", "b": "-", "c": "-"}
    assert reasons["c"] == "nothing needs it any more"


def test_two_are_updated_together(move: Callable[..., Move]) -> None:
    versions, _ = move("a 1: b 1.*\nb 1:\nc 1:", "a 2: b 2.*\nb 2:\nc 2:", "a, c", LockRequest(update=("a", "b")))
    assert versions == {"a": "2", "b": "2"}


def test_everything_moves_where_everything_has_to(move: Callable[..., Move]) -> None:
    names = [f"lib{number}" for number in range(30)]
    first = "core 1:\n" + "\n".join(f"{name} 1: core 1.*" for name in names)
    second = "core 2:\n" + "\n".join(f"{name} 2: core 2.*" for name in names) + "\nfree 2:"
    versions, reasons = move(
        f"{first}\nfree 1:", second, ", ".join(["core", "free", *names]), LockRequest(update=("core",))
    )
    assert versions == {"core": "2"} | dict.fromkeys(names, "2")
    assert reasons["lib7"] == "lib7 1 (0) needs core 1.*, which is now 2 (0)"


def test_a_contradiction_is_named(move: Callable[..., Move]) -> None:
    with pytest.raises(BadInput) as caught:
        move("a 1:", "b 1: a >=2", "a", LockRequest(add=("b",)))
    assert caught.value.what.startswith("cannot be solved for linux-64\n  | ")
    assert "a >=2" in caught.value.what
