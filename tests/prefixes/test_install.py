"""Packages in, prefix out: real archives, real rattler, and the tree that follows from the archives alone."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import (
    PLACEHOLDER,
    PYTHON,
    Packed,
    Recipe,
    kill_in_the_middle,
    library_recipe,
    python_recipe,
    tool_recipe,
)

from bindery.core import BadInput, BinderyError, CheckFailed, NoProgress, Store, ToolFailed, digest_bytes, digest_file
from bindery.prefixes import ensure_prefix, prefix_path, read_record, verify_prefix

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefixes.conftest import Realise

    from bindery.environments import Realised


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of every file below the folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = (0, str(path.readlink()))
        elif path.is_file():
            found[str(path.relative_to(folder))] = (stat.S_IMODE(path.stat().st_mode), digest_file(path).hex)
    return found


@pytest.mark.parametrize(
    "folder",
    ["s", "a folder/with spaces", "long-" + 110 * "x"],
    ids=["short", "spaces", "first-lines-too-long-for-the-kernel"],
)
def test_what_is_installed_is_what_follows_from_the_archives(tmp_path: Path, everything: Realised, folder: str) -> None:
    store = Store(tmp_path / folder)
    prefix = ensure_prefix(everything, store=store, progress=NoProgress())
    # A shorter check: ensure_prefix would have failed.
    assert verify_prefix(prefix.path, everything, store=store, progress=NoProgress()) == ()
    assert prefix.python_version == f"{PYTHON}.99"


def test_installed_scripts_run(tmp_path: Path, everything: Realised) -> None:
    for folder in ("s", "long-" + 110 * "x"):
        prefix = ensure_prefix(everything, store=Store(tmp_path / folder), progress=NoProgress())
        library = prefix.path / "lib" / f"python{PYTHON}" / "site-packages"
        finished = subprocess.run(
            [prefix.path / "bin" / "tool"], env={"PYTHONPATH": str(library)}, capture_output=True, check=True
        )
        assert finished.stdout == b"tool ran\n"
        finished = subprocess.run([prefix.path / "bin" / "tool-script"], env={}, capture_output=True, check=True)
        assert finished.stdout.decode() == f"{prefix.path}\n"


def test_files_are_read_only_and_folders_are_not(store: Store, everything: Realised) -> None:
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    assert stat.S_IMODE((prefix / "bin" / "it").stat().st_mode) == 0o555
    assert stat.S_IMODE((prefix / "share" / "it" / "group-writable").stat().st_mode) == 0o444
    assert stat.S_IMODE((prefix / "share" / "tool" / "data.txt").stat().st_mode) == 0o444
    assert stat.S_IMODE((prefix / "share").stat().st_mode) == 0o755


def test_bytecode_names_the_final_place_and_is_not_checked_again(store: Store, everything: Realised) -> None:
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    library = prefix / "lib" / f"python{PYTHON}"
    compiled = library / "__pycache__" / f"plain.{sys.implementation.cache_tag}.pyc"
    data = compiled.read_bytes()
    assert data[4:8] == b"\x01\0\0\0"  # PEP 552: hash-based, not checked
    assert str(library / "plain.py").encode() in data
    assert sorted(path.name.split(".")[0] for path in library.rglob("*.pyc")) == ["__init__", "paths", "plain"]


def test_records_for_conda_hold_nothing_of_this_machine_but_the_prefix(store: Store, everything: Realised) -> None:
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    records = sorted((prefix / "conda-meta").glob("*.json"))
    assert [path.name for path in records] == [
        "library-1.0-0.json",
        "old-1.0-0.json",
        f"python-{PYTHON}.99-0.json",
        "tool-1.0-0.json",
    ]
    tool = json.loads(records[3].read_text())
    assert tool["url"] == "https://conda.anaconda.org/test-channel/noarch/tool-1.0-0.conda"
    assert "bin/tool-deep" in tool["files"]
    assert not any(str(store.root) in path.read_text() for path in records)


def test_the_second_call_starts_nothing(
    store: Store, channel: Path, everything: Realised, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure_prefix(everything, store=store, progress=NoProgress())
    for archive in channel.glob("*/*"):
        archive.unlink()
    monkeypatch.setattr(subprocess, "Popen", None)
    assert ensure_prefix(everything, store=store, progress=NoProgress()) == first


def test_two_stores_hold_the_same_files(tmp_path: Path, everything: Realised) -> None:
    snapshots = []
    for name, mask in (("one", 0o022), ("two", 0o077)):
        before = os.umask(mask)
        try:
            prefix = ensure_prefix(everything, store=Store(tmp_path / name), progress=NoProgress()).path
        finally:
            os.umask(before)
        snapshots.append(
            {path: entry for path, entry in snapshot(prefix).items() if not path.startswith("conda-meta/")}
        )
    changed = {path for path in snapshots[0].keys() | snapshots[1].keys() if snapshots[0][path] != snapshots[1][path]}
    # These name their prefix; everything else is the same.
    assert changed == {
        "bin/it.pl",
        "bin/tool",
        "bin/tool-deep",
        "bin/tool-script",
        "etc/old.conf",
        "lib/libit.so.1",
        f"lib/python{PYTHON}/__pycache__/paths.{sys.implementation.cache_tag}.pyc",
        f"lib/python{PYTHON}/__pycache__/plain.{sys.implementation.cache_tag}.pyc",
        f"lib/python{PYTHON}/paths.py",
        f"lib/python{PYTHON}/site-packages/tool/__pycache__/__init__.{sys.implementation.cache_tag}.pyc",
    }


def test_the_first_package_by_name_has_a_path_that_several_have(store: Store, realise_packages: Realise) -> None:
    recipes = [
        Recipe(name=name, files={"share/both": Packed(data=name.encode()), f"share/{name}": Packed(data=b"1")})
        for name in ("zebra", "ant", "bee")
    ]
    prefix = ensure_prefix(realise_packages(*recipes), store=store, progress=NoProgress()).path
    assert (prefix / "share" / "both").read_text() == "ant"
    assert sorted(path.name for path in (prefix / "share").iterdir()) == ["ant", "bee", "both", "zebra"]


def test_an_environment_without_python_has_no_interpreter(store: Store, realise_packages: Realise) -> None:
    prefix = ensure_prefix(realise_packages(library_recipe()), store=store, progress=NoProgress())
    with pytest.raises(BadInput) as caught:
        _ = prefix.python
    assert str(caught.value) == f"{prefix.path}: has no Python\n  fix: add python to its environment.yml"


def test_a_prefix_tells_what_it_was_made_from(store: Store, everything: Realised) -> None:
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    realised, found = read_record(prefix)
    assert found == store
    assert realised.digest == everything.digest
    assert (realised.label, realised.mirrors) == (everything.label, everything.mirrors)
    assert prefix_path(realised, found) == prefix


def test_edited_unpacked_packages_are_unpacked_again(store: Store, everything: Realised) -> None:
    ensure_prefix(everything, store=store, progress=NoProgress())
    # As a half-unpacked package would be, or one that somebody edited through a hard link.
    module = store.root / "packages" / "tool-1.0-0" / "site-packages" / "tool" / "__init__.py"
    module.chmod(0o644)
    module.write_bytes(b"def main():\n    print('edited')\n")
    (store.root / "packages" / "library-1.0-0" / "lib" / "libit.so.1").unlink()
    fewer = dataclasses.replace(
        everything,
        lock=dataclasses.replace(
            everything.lock, packages=tuple(p for p in everything.lock.packages if p.name != "old")
        ),
    )
    prefix = ensure_prefix(fewer, store=store, progress=NoProgress()).path
    assert verify_prefix(prefix, fewer, store=store, progress=NoProgress()) == ()


@pytest.mark.parametrize("moment", [0.05, 0.3, 0.6, 0.9])
def test_killed_while_installing_then_run_again(tmp_path: Path, everything: Realised, moment: float) -> None:
    store = Store(tmp_path / "killed")
    kill_in_the_middle("ensure_prefix(realised, store=store, progress=NoProgress())", everything, store, moment)
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    assert verify_prefix(prefix, everything, store=store, progress=NoProgress()) == ()
    assert [path.name for path in (store.root / "prefixes").iterdir() if not path.name.startswith(".")] == [prefix.name]
    assert list((store.root / "prefixes" / ".work").iterdir()) == []


def nothing_but_caches(store: Store) -> bool:
    return not any(path for path in (store.root / "prefixes").glob("*") if not path.name.startswith("."))


def test_an_archive_with_another_hash_is_refused(store: Store, channel: Path, everything: Realised) -> None:
    archive = channel / "noarch" / "tool-1.0-0.conda"
    right = digest_file(archive).hex
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(BadInput) as caught:
        ensure_prefix(everything, store=store, progress=NoProgress())
    assert str(caught.value) == (
        f"{archive}: sha256 is {digest_file(archive).hex}, expected {right}\n"
        "  fix: nothing was installed; if the file was published anew, lock again"
    )
    assert nothing_but_caches(store)


def test_a_lock_for_another_platform_is_refused(store: Store, everything: Realised) -> None:
    with pytest.raises(BadInput) as caught:
        ensure_prefix(dataclasses.replace(everything, platform="osx-64"), store=store, progress=NoProgress())
    assert str(caught.value) == f"Tiny 2026.11.22: is for osx-64, and this machine is {everything.platform}"


def test_a_package_with_a_link_script_is_refused(store: Store, realise_packages: Realise) -> None:
    script = Packed(data=b"#!/bin/sh\n", mode=0o755)
    realised = realise_packages(Recipe(name="sly", files={"bin/.sly-post-link.sh": script}))
    with pytest.raises(BadInput) as caught:
        ensure_prefix(realised, store=store, progress=NoProgress())
    assert str(caught.value) == (
        f"https://conda.anaconda.org/test-channel/{realised.platform}/sly-1.0-0.conda: wants to run "
        "bin/.sly-post-link.sh when it is installed, so what it installs does not follow from the lock\n"
        "  fix: leave sly out, or take a version of it without the script"
    )
    assert nothing_but_caches(store)


def test_link_scripts_that_are_listed_are_installed_and_not_run(store: Store, realise_packages: Realise) -> None:
    script = Packed(data=b"#!/bin/sh\ntouch $PREFIX/ran\n", mode=0o755)
    realised = realise_packages(Recipe(name="graphviz", files={"bin/.graphviz-post-link.sh": script}))
    prefix = ensure_prefix(realised, store=store, progress=NoProgress()).path
    assert (prefix / "bin" / ".graphviz-post-link.sh").is_file()
    assert not (prefix / "ran").exists()


def test_a_python_package_without_python_is_refused(store: Store, realise_packages: Realise) -> None:
    with pytest.raises(BadInput) as caught:
        ensure_prefix(realise_packages(tool_recipe()), store=store, progress=NoProgress())
    assert str(caught.value) == (
        "https://conda.anaconda.org/test-channel/noarch/tool-1.0-0.conda: needs Python, and the lock has none"
    )


def test_a_prefix_longer_than_the_placeholder_is_refused(tmp_path: Path, realise_packages: Realise) -> None:
    store = Store(tmp_path / ("y" * 249))
    realised = realise_packages(library_recipe())
    path = prefix_path(realised, store)
    with pytest.raises(BinderyError) as caught:
        ensure_prefix(realised, store=store, progress=NoProgress())
    assert str(caught.value) == (
        f"https://conda.anaconda.org/test-channel/{realised.platform}/library-1.0-0.conda: lib/libit.so.1: has room "
        f"for a prefix of {len(PLACEHOLDER)} bytes, and {path} has {len(str(path))}\n"
        "  fix: set BINDERY_STORE to a folder with a shorter name"
    )


def test_a_python_that_does_not_start_is_named(store: Store, realise_packages: Realise) -> None:
    recipe = python_recipe()
    broken = {**recipe.files, f"bin/python{PYTHON}": Packed(data=b"#!/bin/sh\necho no >&2\nexit 9\n", mode=0o755)}
    realised = realise_packages(dataclasses.replace(recipe, files=broken))
    with pytest.raises(ToolFailed) as caught:
        ensure_prefix(realised, store=store, progress=NoProgress())
    assert str(caught.value).endswith("bytecode_script.py: ended with status 9\n  | no")
    assert nothing_but_caches(store)


def test_a_package_that_contradicts_itself_is_found_out(store: Store, realise_packages: Realise) -> None:
    realised = realise_packages(Recipe(name="liar", files={"share/x": Packed(data=b"is", claimed=b"no")}))
    with pytest.raises(CheckFailed) as caught:
        ensure_prefix(realised, store=store, progress=NoProgress())
    assert str(caught.value) == (
        "Tiny 2026.11.22: 1 files are not what the lock makes\n"
        f"  | share/x: has sha256 {digest_bytes(b'is').hex[:12]}…, not {digest_bytes(b'no').hex[:12]}…\n"
        "  fix: a package contradicts itself, or bindery is wrong; nothing was installed"
    )
    assert nothing_but_caches(store)


@pytest.mark.parametrize(
    ("script", "message"),
    [("true", "compiled 0 of 4 files"), ("echo hello", "answered b'hello'"), ("echo 1", "answered b'1'")],
)
def test_a_python_that_answers_nonsense_is_not_believed(
    store: Store, realise_packages: Realise, script: str, message: str
) -> None:
    recipe = python_recipe()
    broken = {**recipe.files, f"bin/python{PYTHON}": Packed(data=f"#!/bin/sh\n{script}\n".encode(), mode=0o755)}
    realised = realise_packages(
        dataclasses.replace(recipe, files=broken), dataclasses.replace(tool_recipe(), entry_points=())
    )
    with pytest.raises(ToolFailed) as caught:
        ensure_prefix(realised, store=store, progress=NoProgress())
    where, _, what = str(caught.value).partition(": ")
    assert where.endswith(f"/bin/python{PYTHON}")
    assert what == message
    assert nothing_but_caches(store)


def test_a_linking_process_that_dies_is_no_success(
    store: Store, everything: Realised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nread order\necho linked tool\necho 'Segmentation fault' >&2\nexit 0\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(ToolFailed) as caught:
        ensure_prefix(everything, store=store, progress=NoProgress())
    assert str(caught.value) == (
        f"{store.root}/packages: packages cannot be linked: ended before it was done: Segmentation fault"
    )
    assert nothing_but_caches(store)
