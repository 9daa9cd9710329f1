from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput, Store, ToolFailed, default_store

BUILDER = """
import os, sys, time
from pathlib import Path
from bindery.core import Store

def build(work):
    work.mkdir()
    (work / "half").write_text("half")
    print("building", flush=True)
    if sys.argv[2] == "hang":
        time.sleep(600)
    time.sleep(0.3)
    (work / "whole").write_text("whole")
    with open(sys.argv[3], "a") as log:
        log.write("built\\n")

Store(Path(sys.argv[1])).ensure("prefix", "a", build)
"""


def start_builder(store: Path, manner: str, log: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", BUILDER, str(store), manner, str(log)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def write_x(work: Path) -> None:
    work.write_text("x", encoding="utf-8")


def make_folder(work: Path) -> None:
    work.mkdir()
    (work / "file").write_text("x", encoding="utf-8")


def works(store: Store, kind: str) -> list[str]:
    return sorted(one.name for one in (store.root / kind / ".work").iterdir())


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "store")
    path = store.ensure("archive", "numpy-1.0_0.conda", write_x)
    assert path == tmp_path / "deep" / "store" / "archive" / "numpy-1.0_0.conda"
    assert path.read_text(encoding="utf-8") == "x"

    def never(work: Path) -> None:
        raise AssertionError(work)

    assert store.ensure("archive", "numpy-1.0_0.conda", never) == path
    assert works(store, "archive") == []


def test_a_build_that_fails_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    def fail(work: Path) -> None:
        make_folder(work)
        (work / "file").chmod(0o400)
        work.chmod(0o500)
        raise RuntimeError("no network")

    store = Store(tmp_path)
    with pytest.raises(RuntimeError, match=r"^no network$"):
        store.ensure("prefix", "a", fail)
    assert works(store, "prefix") == []
    assert not store.path("prefix", "a").exists()
    assert (store.ensure("prefix", "a", make_folder) / "file").exists()


def test_a_builder_that_is_killed_leaves_nothing_that_another_sees(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    killed = start_builder(store.root, "hang", tmp_path / "log")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "building\n"
    assert not store.path("prefix", "a").exists()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not store.path("prefix", "a").exists()

    path = store.ensure("prefix", "a", make_folder)
    assert [one.name for one in path.iterdir()] == ["file"]
    assert works(store, "prefix") == []


def test_what_a_killed_builder_had_started_is_ended(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    stale = store.root / "prefix" / ".work" / "a~killed" / "a"
    stale.mkdir(parents=True)
    write = 'echo ready; while :; do mkdir -p "$PWD"; echo x > "$PWD/file"; done'
    with subprocess.Popen(["sh", "-c", write], cwd=stale, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as orphan:
        assert orphan.stdout is not None
        assert orphan.stdout.readline() == b"ready\n"
        store.ensure("prefix", "a", make_folder)
        assert orphan.wait() == -signal.SIGTERM
    assert works(store, "prefix") == []


def test_two_processes_build_an_entry_once(tmp_path: Path) -> None:
    both = [start_builder(tmp_path / "store", "end", tmp_path / "log") for _ in range(2)]
    for one in both:
        one.communicate(timeout=60)
        assert one.returncode == 0
    assert (tmp_path / "log").read_text(encoding="utf-8") == "built\n"
    assert sorted(one.name for one in (tmp_path / "store" / "prefix" / "a").iterdir()) == ["half", "whole"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
@pytest.mark.parametrize("build", [write_x, make_folder])
def test_without_locks_the_first_of_two_entries_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, build: object
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        del descriptor, operation
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    store = Store(tmp_path)
    both_build = threading.Barrier(2)
    inodes: list[int] = []

    def slow(work: Path) -> None:
        both_build.wait(30)
        assert callable(build)
        build(work)

    def ensure() -> None:
        inodes.append(store.ensure("prefix", "a", slow).stat().st_ino)

    threads = [threading.Thread(target=ensure) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(inodes) == 2
    assert store.path("prefix", "a").exists()
    assert works(store, "prefix") == []


def test_without_locks_the_work_of_another_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        del descriptor, operation
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    theirs = tmp_path / "prefix" / ".work" / "a~theirs"
    theirs.mkdir(parents=True)
    Store(tmp_path).ensure("prefix", "a", write_x)
    assert theirs.exists()


def test_another_fault_of_a_lock_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        del descriptor, operation
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"):
        Store(tmp_path).ensure("prefix", "a", write_x)


def test_a_full_disk_is_told_with_the_entry(tmp_path: Path) -> None:
    def fill(work: Path) -> None:
        work.symlink_to("/dev/full")
        work.write_bytes(b"x")

    store = Store(tmp_path)
    with pytest.raises(ToolFailed) as caught:
        store.ensure("prefix", "a", fill)
    assert str(caught.value) == f"{tmp_path}/prefix/a: the disk is full\n  fix: free some space, or set BINDERY_STORE"
    assert works(store, "prefix") == []


def test_a_store_of_somebody_else_is_told_and_its_entries_are_used(user_folder: Path) -> None:
    store = Store(user_folder / "store")
    path = store.ensure("prefix", "a", write_x)
    for folder in (path.parent / ".locks", path.parent / ".work", path.parent):
        folder.chmod(0o555)
    assert store.ensure("prefix", "a", write_x) == path
    with pytest.raises(ToolFailed) as caught:
        store.ensure("prefix", "b", write_x)
    assert str(caught.value) == (
        f"{path.parent}/.locks/b: permission denied\n  fix: see whose it is, or set BINDERY_STORE to a folder of yours"
    )


def test_a_folder_that_is_closed_for_writing_is_moved_into_its_place(user_folder: Path) -> None:
    def build(work: Path) -> None:
        make_folder(work)
        work.chmod(0o555)

    path = Store(user_folder / "store").ensure("prefix", "a", build)
    assert stat.S_IMODE(path.stat().st_mode) == 0o555
    assert (path / "file").exists()


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a~b", "-a", "é", "a b", "a\n"])
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    for kind, key in ((name, "key"), ("kind", name)):
        with pytest.raises(BadInput) as caught:
            Store(Path("/store")).path(kind, key)
        assert str(caught.value) == f"/store: {name!r} cannot be the name of an entry"


@given(key=st.text(alphabet="aZ0._+@=-/~\n", max_size=8))
def test_an_entry_is_always_right_below_its_kind(key: str) -> None:
    try:
        path = Store(Path("/store")).path("kind", key)
    except BadInput:
        return
    assert Path(os.path.normpath(path)) == path
    assert path.parent == Path("/store/kind")


def test_the_store_is_where_the_user_says() -> None:
    assert default_store({"BINDERY_STORE": "/data/store", "XDG_CACHE_HOME": "/cache"}) == Store(Path("/data/store"))
    assert default_store({"BINDERY_STORE": "~/store"}) == Store(Path.home() / "store")
    assert default_store({"BINDERY_STORE": "store"}) == Store(Path.cwd() / "store")


def test_else_the_store_is_in_the_users_cache() -> None:
    assert default_store({"XDG_CACHE_HOME": "/cache", "BINDERY_STORE": ""}) == Store(Path("/cache/bindery"))
    assert default_store({}) == Store(Path.home() / ".cache" / "bindery")
