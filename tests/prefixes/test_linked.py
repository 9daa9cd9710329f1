"""Environments linked for a place where they are not."""

from __future__ import annotations

import dataclasses
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import (
    PYTHON,
    Packed,
    Recipe,
    kill_in_the_middle,
    library_recipe,
    python_recipe,
    tool_recipe,
)

from bindery.core import BadInput, NoProgress, Store, digest_file, remove_tree
from bindery.prefixes import ensure_linked, find_linked
from bindery.prefixes.interpreters import choose_interpreter
from bindery.prefixes.linked_record import decode_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.prefixes.conftest import Realise

    from bindery.environments import Realised
    from bindery.prefixes import LinkedPrefix

TARGET = "/srv/conda/envs/notebook"


class Heard(NoProgress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        """Keep the line."""
        self.said.append(sentence)


def link(realised: Realised, store: Store) -> LinkedPrefix:
    """Return the environment, linked for the place that images have."""
    return ensure_linked(realised, TARGET, store=store, progress=NoProgress())


def test_files_name_the_target_and_nothing_of_the_store(store: Store, everything: Realised) -> None:
    linked = link(everything, store)
    compiled = f"lib/python{PYTHON}/__pycache__/plain.{sys.implementation.cache_tag}.pyc"
    assert f"{TARGET}/lib/python{PYTHON}/plain.py".encode() in (linked.root / compiled).read_bytes()
    assert (linked.root / "etc" / "old.conf").read_text() == f"prefix={TARGET}\n"
    assert (linked.root / "bin" / "tool").read_text().startswith(f"#!{TARGET}/bin/python{PYTHON}\n")
    assert not [path for path in files(linked.root) if str(store.root).encode() in path.read_bytes()]


def files(root: Path) -> list[Path]:
    """Return the files below the folder, sorted."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def test_entries_are_what_is_there(store: Store, everything: Realised) -> None:
    linked = link(everything, store)
    assert list(linked.entries) == sorted(linked.entries)
    found = {str(path.relative_to(linked.root)) for path in linked.root.rglob("*") if path.is_symlink()}
    found |= {str(path.relative_to(linked.root)) for path in files(linked.root)}
    assert found == set(linked.entries)
    for path, entry in linked.entries.items():
        place = linked.root / path
        if entry.kind == "link":
            assert (str(place.readlink()), entry.sha256, entry.mode) == (entry.target, "", 0o777)
        else:
            status = place.stat()
            assert (digest_file(place).hex, status.st_size) == (entry.sha256, entry.size_bytes)
            assert status.st_mode & 0o777 == entry.mode & ~0o222
            assert entry.mode in {0o755, 0o644}


def test_the_second_call_starts_nothing(
    store: Store, channel: Path, everything: Realised, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = link(everything, store)
    for archive in channel.glob("*/*"):
        archive.unlink()
    monkeypatch.setattr(subprocess, "Popen", None)
    assert link(everything, store) == first
    assert hash(first.entries) == hash(link(everything, store).entries)


def test_what_the_store_has_is_found_without_a_look_at_its_files(store: Store, everything: Realised) -> None:
    said = Heard()
    assert find_linked(everything, TARGET, store=store, progress=said) is None
    made = link(everything, store)
    remove_tree(made.root)
    assert find_linked(everything, TARGET, store=store, progress=said) == made
    assert made.digest is not None
    assert find_linked(everything, "/opt/env", store=store, progress=said) is None
    record = made.root.with_name("entries")
    record.chmod(0o644)
    record.write_bytes(record.read_bytes().replace(b"tool", b"fool", 1))
    assert find_linked(everything, TARGET, store=store, progress=said) is None
    assert said.said == []


def test_two_stores_hold_the_same_bytes(tmp_path: Path, everything: Realised) -> None:
    linked = [link(everything, Store(tmp_path / folder)) for folder in ("one", "another folder/two")]
    assert dict(linked[0].entries) == dict(linked[1].entries)
    assert linked[0].archives == linked[1].archives
    assert linked[0].archives.keys() == {"library", "old", "python", "tool"}


def test_another_target_is_another_prefix(store: Store, everything: Realised) -> None:
    elsewhere = ensure_linked(everything, "/opt/env", store=store, progress=NoProgress())
    assert (elsewhere.root / "etc" / "old.conf").read_text() == "prefix=/opt/env\n"
    assert (link(everything, store).root / "etc" / "old.conf").read_text() == f"prefix={TARGET}\n"


def damage_byte(root: Path) -> str:
    """Flip a byte, as somebody would who edits what is hard-linked into the store's packages."""
    path = root / "share" / "tool" / "data.txt"
    path.chmod(0o644)
    path.write_bytes(b"dato\n")
    path.chmod(0o444)
    return "share/tool/data.txt"


def damage_link(root: Path) -> str:
    """Let a link lead elsewhere."""
    (root / "lib" / "libit.so").unlink()
    (root / "lib" / "libit.so").symlink_to("nowhere.so")
    return "lib/libit.so"


def damage_bytecode(root: Path) -> str:
    """Take bytecode away."""
    path = root / f"lib/python{PYTHON}/__pycache__/plain.{sys.implementation.cache_tag}.pyc"
    path.unlink()
    return str(path.relative_to(root))


@pytest.mark.parametrize("damage", [damage_byte, damage_link, damage_bytecode])
def test_what_was_changed_is_linked_again(store: Store, everything: Realised, damage: Callable[[Path], str]) -> None:
    first = link(everything, store)
    path = damage(first.root)
    heard = Heard()
    again = ensure_linked(everything, TARGET, store=store, progress=heard)
    assert heard.said[0] == f"{first.root}: {path} was changed; linking again"
    assert dict(again.entries) == dict(first.entries)
    for name, entry in again.entries.items():
        if entry.kind == "file":
            assert digest_file(again.root / name).hex == entry.sha256
        else:
            assert str((again.root / name).readlink()) == entry.target


def test_a_file_that_was_only_touched_is_the_same(store: Store, everything: Realised) -> None:
    first = link(everything, store)
    (first.root / "share" / "tool" / "data.txt").touch()
    heard = Heard()
    assert ensure_linked(everything, TARGET, store=store, progress=heard) == first
    assert heard.said == []


def test_a_damaged_list_of_files_is_made_again(store: Store, everything: Realised) -> None:
    first = link(everything, store)
    record = first.root.parent / "entries"
    data = record.read_bytes()
    record.write_bytes(data.replace(b"tool", b"tooL", 1))
    heard = Heard()
    again = ensure_linked(everything, TARGET, store=store, progress=heard)
    assert heard.said == [f"{first.root.parent}: its list of files is damaged; linking again"]
    assert dict(again.entries) == dict(first.entries)
    with pytest.raises(BadInput) as caught:
        decode_record(data[:-1], "entries")
    assert str(caught.value) == "entries: is damaged"


def foreign(realised: Realised) -> Realised:
    """Return the environment for a processor that this machine does not have."""
    other = "linux-aarch64" if platform.machine() == "x86_64" else "linux-64"
    packages = tuple(dataclasses.replace(package, platform=other) for package in realised.lock.packages)
    lock = dataclasses.replace(realised.lock, packages=packages, platforms=(other,), content_hash=((other, "0" * 64),))
    return dataclasses.replace(realised, lock=lock, platform=other)


def foreign_python(version: str) -> Recipe:
    """Return a Python that this machine cannot run."""
    minor = ".".join(version.split(".")[:2])
    return Recipe(
        name="python",
        version=version,
        files={
            f"bin/python{minor}": Packed(data=b"\x7fELF of another processor", mode=0o755),
            f"lib/python{minor}/plain.py": Packed(data=b"VALUE = 1\n"),
        },
    )


def test_another_platform_is_compiled_by_a_python_of_the_same_version(store: Store, realise_packages: Realise) -> None:
    realised = foreign(realise_packages(foreign_python(f"{PYTHON}.99"), tool_recipe(), library_recipe()))
    heard = Heard()
    linked = ensure_linked(realised, TARGET, store=store, progress=heard)
    mine = platform.python_version()
    place = f"Python {PYTHON}.99 of {realised.platform}"
    assert heard.said == [f"Tiny 2026.11.22: Python {mine} compiled the bytecode, in the place of {place}"]
    assert (linked.bytecode, linked.python_version) == (mine, f"{PYTHON}.99")
    compiled = [path for path in linked.entries if path.endswith(".pyc")]
    assert compiled == [
        f"lib/python{PYTHON}/__pycache__/plain.{sys.implementation.cache_tag}.pyc",
        f"lib/python{PYTHON}/site-packages/tool/__pycache__/__init__.{sys.implementation.cache_tag}.pyc",
    ]
    native = link(realise_packages(python_recipe(), tool_recipe()), store)
    assert [linked.entries[path].sha256 for path in compiled] == [native.entries[path].sha256 for path in compiled]


@pytest.mark.parametrize("version", ["3.99.1", f"{PYTHON}.0rc1"])
def test_another_platform_has_no_bytecode_where_nothing_compiles_for_it(
    store: Store, realise_packages: Realise, version: str
) -> None:
    realised = foreign(realise_packages(foreign_python(version), tool_recipe()))
    heard = Heard()
    linked = ensure_linked(realised, TARGET, store=store, progress=heard)
    said = (
        f"Tiny 2026.11.22: has no bytecode, since nothing here compiles for Python {version} of {realised.platform}; "
        "imports are slow"
    )
    assert heard.said == [said]
    assert linked.bytecode == ""
    assert not [path for path in linked.entries if path.endswith(".pyc")]


def test_a_python_on_the_path_that_does_not_start_is_passed_over(
    tmp_path: Path, realise_packages: Realise, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python3.99").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("python3.99")
    assert choose_interpreter(foreign(realise_packages(foreign_python("3.99.1")))) is None


def test_an_environment_without_python_is_linked(store: Store, realise_packages: Realise) -> None:
    linked = link(realise_packages(library_recipe()), store)
    assert (linked.python_version, linked.bytecode, linked.variables) == ("", "", {})


@pytest.mark.parametrize("moment", [0.1, 0.4, 0.7, 1.0])
def test_killed_while_linking_then_run_again(tmp_path: Path, everything: Realised, moment: float) -> None:
    store = Store(tmp_path / "killed")
    call = f"ensure_linked(realised, {TARGET!r}, store=store, progress=NoProgress())"
    kill_in_the_middle(call, everything, store, moment)
    linked = link(everything, store)
    assert all(digest_file(linked.root / path).hex == e.sha256 for path, e in linked.entries.items() if e.sha256)
    assert [path.name for path in (store.root / "linked").iterdir() if not path.name.startswith(".")] == [
        linked.root.parent.name
    ]
    assert list((store.root / "linked" / ".work").iterdir()) == []
