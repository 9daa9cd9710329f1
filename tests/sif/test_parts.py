"""Files that take their place in one step, and what is left of those that did not."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.name_space import after_mounting

from bindery.core import ToolFailed
from bindery.sif import parts
from bindery.sif.parts import part_beside, prepended, put_in_place

if TYPE_CHECKING:
    from collections.abc import Callable

FRONT = bytes(range(256)) * 32  # two pages


def make(target: Path, environ: dict[str, str] | None = None) -> None:
    with part_beside(target, environ or {}) as part:
        part.write_bytes(b"content" * 1000)
        with prepended(FRONT, part, target, environ or {}) as whole:
            put_in_place(whole, target)


def test_the_file_takes_its_place_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_bytes(b"old")
    make(tmp_path / "x.sif")
    assert (tmp_path / "x.sif").read_bytes() == FRONT + b"content" * 1000
    assert [one.name for one in tmp_path.iterdir()] == ["x.sif"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert (tmp_path / "x.sif").stat().st_mode & 0o777 == 0o755 & ~umask


def test_where_the_file_system_cannot_shift_the_content_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_shift", lambda _descriptor, _length: False)
    make(tmp_path / "x.sif")
    assert (tmp_path / "x.sif").read_bytes() == FRONT + b"content" * 1000
    assert [one.name for one in tmp_path.iterdir()] == ["x.sif"]


def test_where_the_kernel_cannot_copy_we_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(parts, "_shift", lambda _descriptor, _length: False)
    monkeypatch.setattr(os, "copy_file_range", refuse)
    make(tmp_path / "x.sif")
    assert (tmp_path / "x.sif").read_bytes() == FRONT + b"content" * 1000


def test_a_libc_without_the_call_is_a_file_system_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_args, **_words: object())
    assert parts._shift(0, 4096) is False


@pytest.mark.parametrize("mount", ["tmpfs", "ramfs"])
def test_other_file_systems_give_the_same_file(tmp_path: Path, mount: str) -> None:
    script = f"""
import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r})
from bindery.sif.parts import part_beside, prepended, put_in_place
target = Path({str(tmp_path)!r}) / "x.sif"
with part_beside(target, {{}}) as part:
    part.write_bytes(b"content" * 1000)
    with prepended(bytes(range(256)) * 32, part, target, {{}}) as whole:
        put_in_place(whole, target)
sys.stdout.buffer.write(target.read_bytes())
"""
    command = after_mounting(f"mount -t {mount} none '{tmp_path}'", sys.executable, "-c", script)
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == FRONT + b"content" * 1000


def break_down(target: Path) -> None:
    with part_beside(target, {}) as part:
        part.write_bytes(b"half")
        raise ZeroDivisionError


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        break_down(tmp_path / "x.sif")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("x.sif", b"old")]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    left, busy, other = (tmp_path / name for name in (".x.sif.1.part", ".x.sif.2.part", ".y.sif.1.part"))
    for path in (left, busy, other):
        path.write_bytes(b"half")
    with busy.open("rb+") as stream:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        make(tmp_path / "x.sif")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".x.sif.2.part", ".y.sif.1.part", "x.sif"]
    make(tmp_path / "x.sif")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".y.sif.1.part", "x.sif"]


def test_a_file_that_somebody_took_for_left_over_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, taken = fcntl.flock, list[Path]()

    def take_first(descriptor: int, how: int) -> None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", take_first)
    with part_beside(tmp_path / "x.sif", {}) as part:
        assert list(tmp_path.iterdir()) == [part]
        assert taken == [part]


def test_two_in_one_process_leave_each_other_alone(tmp_path: Path) -> None:
    with part_beside(tmp_path / "x.sif", {}) as first, part_beside(tmp_path / "x.sif", {}) as second:
        assert first.exists()
        assert second.exists()


@pytest.mark.parametrize(
    ("prepare", "what", "fix"),
    [
        (lambda _: None, "there is no such folder", "make it, or write to another folder with -o"),
        (lambda folder: folder.write_bytes(b""), "is not a folder", "write to another folder with -o"),
    ],
    ids=["missing", "file"],
)
def test_folders_that_are_none_are_said(tmp_path: Path, prepare: Callable[[Path], None], what: str, fix: str) -> None:
    prepare(tmp_path / "folder")
    with pytest.raises(ToolFailed) as raised:
        make(tmp_path / "folder" / "x.sif")
    assert str(raised.value) == f"{tmp_path}/folder: {what}\n  fix: {fix}"


@pytest.mark.parametrize(
    ("number", "what", "fix"),
    [
        (errno.ENOSPC, "the disk is full", "free some space, or write to another folder with -o"),
        (errno.EDQUOT, "the disk quota is used up", "free some space, or write to another folder with -o"),
        (errno.EROFS, "the file system is read-only", "write to another folder with -o"),
        (errno.EACCES, "permission denied", "write to another folder with -o"),
    ],
)
def test_disks_that_cannot_be_written_are_said(tmp_path: Path, number: int, what: str, fix: str) -> None:
    with pytest.raises(ToolFailed) as raised, part_beside(tmp_path / "x.sif", {}):
        raise OSError(number, "x")
    assert str(raised.value) == f"{tmp_path}: {what}\n  fix: {fix}"
    assert list(tmp_path.iterdir()) == []


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="broken"), part_beside(tmp_path / "x.sif", {}):
        raise OSError(errno.EIO, "broken")


def lfs(folder: Path, *, is_lustre: bool) -> dict[str, str]:
    """Return an environment with a stand-in for Lustre's program, which writes down how it was called."""
    folder.mkdir()
    program = folder / "lfs"
    script = f'#!/bin/sh\necho "$@" >> {folder}/said\n[ "$1" = setstripe ] && : > "$6"\nexit {0 if is_lustre else 1}\n'
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_on_lustre_the_file_is_striped_before_it_is_written(tmp_path: Path) -> None:
    environ = lfs(tmp_path / "bin", is_lustre=True)
    with part_beside(tmp_path / "x.sif", environ) as part:
        assert part.read_bytes() == b""
        assert (tmp_path / "bin" / "said").read_text().splitlines() == [
            f"getstripe --directory {tmp_path}",
            f"setstripe --stripe-count 8 --stripe-size 4M {part}",
        ]


def test_elsewhere_it_is_not(tmp_path: Path) -> None:
    environ = lfs(tmp_path / "bin", is_lustre=False)
    make(tmp_path / "x.sif", environ)
    assert (tmp_path / "bin" / "said").read_text().splitlines()[0] == f"getstripe --directory {tmp_path}"
    assert "setstripe" not in (tmp_path / "bin" / "said").read_text()
