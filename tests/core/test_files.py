from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput, ToolFailed, disk_errors, inner_path, remove_tree, write_file

CLOSED_FIX = "see whose it is, or set BINDERY_STORE to a folder of yours"


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_file_is_written_with_its_folders_and_its_mode(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "b", "é", mode=0o600)
    assert (tmp_path / "a" / "b").read_bytes() == b"\xc3\xa9"
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o600


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    contents = {letter * 300_000 for letter in "ab"}
    write_file(path, "a" * 300_000)
    seen: set[str] = set()
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.add(path.read_text(encoding="utf-8"))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(40):
            write_file(path, "ab"[number % 2] * 300_000)
    finally:
        ended.set()
        reader.join()
    assert seen
    assert seen <= contents
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("number", "what"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the disk quota is used up")]
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, what: str
) -> None:
    def fsync(descriptor: int) -> None:
        del descriptor
        raise OSError(number, os.strerror(number))

    write_file(tmp_path / "x", "old")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ToolFailed) as caught:
        write_file(tmp_path / "x", "new")
    assert str(caught.value) == f"{tmp_path}/x: {what}\n  fix: free some space, or set BINDERY_STORE"
    assert (tmp_path / "x").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["x"]


def test_an_interrupt_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        del descriptor
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "x", "new")
    assert names(tmp_path) == []


def test_a_folder_of_somebody_else_is_told(user_folder: Path) -> None:
    user_folder.joinpath("theirs").mkdir(mode=0o555)
    with pytest.raises(ToolFailed) as caught:
        write_file(user_folder / "theirs" / "x", "new")
    told = str(caught.value)
    assert told.startswith(f"{user_folder}/theirs/.x.")
    assert told.endswith(f".part: permission denied\n  fix: {CLOSED_FIX}")


def test_a_read_only_file_system_is_told() -> None:
    with pytest.raises(ToolFailed) as caught, disk_errors(Path("/store")):
        raise OSError(errno.EROFS, "Read-only file system")
    assert str(caught.value) == f"/store: the file system is read-only\n  fix: {CLOSED_FIX}"


def test_other_errors_of_the_disk_stay_what_they_are() -> None:
    with pytest.raises(IsADirectoryError), disk_errors(Path("/store")):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")


def test_a_tree_is_removed_whatever_its_modes(user_folder: Path) -> None:
    tree = user_folder / "tree"
    (tree / "closed" / "inner").mkdir(parents=True)
    (tree / "closed" / "inner" / "file").write_text("x", encoding="utf-8")
    (tree / "file").write_text("x", encoding="utf-8")
    (tree / "link").symlink_to(tree / "closed")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "file").chmod(0)
    for folder, mode in ((tree / "closed" / "inner", 0), (tree / "closed", 0o555), (tree, 0o400)):
        folder.chmod(mode)
    remove_tree(tree)
    assert names(user_folder) == []


def test_removing_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").write_text("x", encoding="utf-8")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    remove_tree(tmp_path / "tree")
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["x"]


def test_removing_nothing_and_a_file_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    remove_tree(tmp_path / "file")
    assert names(tmp_path) == []


@pytest.mark.parametrize("text", ["", ".", "/", "/etc/passwd", "..", "a/../b", "../a", "a/..", "a\0b"])
def test_a_path_that_leaves_its_folder_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        inner_path(text, "x.conda")
    assert str(caught.value) == f"x.conda: the path {text!r} leaves its folder"


@pytest.mark.parametrize("text", ["a", "a/b", "./a", "a/", "..a/b..", " "])
def test_a_path_inside_is_returned(text: str) -> None:
    assert inner_path(text, "x.conda") == PurePosixPath(text)


@given(text=st.text(alphabet="a./\0 ", max_size=12))
def test_no_path_ever_leaves_its_folder(text: str) -> None:
    try:
        path = inner_path(text, "x")
    except BadInput:
        return
    assert os.path.normpath(f"/folder/{path}").startswith("/folder/")
