"""The packers: found, called with the right words, and what they say when they fail."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.sif.layers import file, folder, tar

from bindery.core import BadInput, ToolFailed
from bindery.sif.squashfs import Squasher, Squashing, find_squasher, run_squasher

SQUASHING = Squashing(compression="gzip", processors=2, epoch_s=7)
PROGRAMS = ("tar2sqfs", "mksquashfs")


def stand_in(folder_: Path, name: str, script: str) -> Path:
    folder_.mkdir(exist_ok=True)
    path = folder_ / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_first_of_the_programs_is_taken(tmp_path: Path) -> None:
    for name in reversed(PROGRAMS):
        path = stand_in(tmp_path / "bin", name, "true")
        assert find_squasher({"PATH": str(tmp_path / "bin")}) == Squasher(name=name, path=str(path))


@pytest.mark.parametrize("environ", [{}, {"PATH": ""}, {"PATH": "/nowhere"}])
def test_none_of_the_programs_is_an_error(environ: dict[str, str]) -> None:
    with pytest.raises(ToolFailed) as raised:
        find_squasher(environ)
    assert str(raised.value) == (
        "none of tar2sqfs, mksquashfs is on PATH\n  fix: install squashfs-tools-ng, or squashfs-tools 4.5 or newer"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tar2sqfs", "-q -f -s -x -c gzip -X level=1 -j 2 -Q 16 /x/part"),
        (
            "mksquashfs",
            (
                "- /x/part -tar -noappend -quiet -no-progress -no-xattrs -processors 2 -mem 128M "
                "-root-mode 755 -root-time 0 -root-uid 0 -root-gid 0 "
                "-comp gzip -Xcompression-level 1"
            ),
        ),
    ],
)
def test_programs_are_called_with_these_words(name: str, expected: str) -> None:
    assert Squasher(name=name, path="/bin/x").command(SQUASHING, Path("/x/part")) == ["/bin/x", *expected.split()]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_packs_and_packs_again_the_same(tmp_path: Path, name: str, compression: str) -> None:
    archive = tar(folder("a"), file("a/b", b"1" * 300_000), file("a/c", bytes(200_000)))
    made = []
    for processors in (1, 2):
        squashing = Squashing(compression="gzip" if compression == "gzip" else "zstd", processors=processors, epoch_s=7)
        squasher = Squasher(name=name, path=name)
        part = tmp_path / f"part{processors}"
        part.touch()  # it is there already, and keeps its place on the disk
        inode = part.stat().st_ino
        with run_squasher(squasher, squashing, part, os.environ) as sink:
            sink.write(archive)
        assert part.stat().st_ino == inode
        made.append(part.read_bytes())
    assert made[0] == made[1]
    listed = subprocess.run(
        ["unsquashfs", "-no-progress", "-lls", "-UTC", tmp_path / "part1"], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in listed.splitlines()[-4:]] == [
        "squashfs-root",
        "squashfs-root/a",
        "squashfs-root/a/b",
        "squashfs-root/a/c",
    ]


def pack(squasher: Squasher, part: Path, pieces: list[bytes]) -> None:
    with run_squasher(squasher, SQUASHING, part, os.environ) as sink:
        for piece in pieces:
            sink.write(piece)


def failed(tmp_path: Path, script: str, data: bytes = b"x" * 500_000) -> str:
    path = stand_in(tmp_path / "bin", "tar2sqfs", script)
    with pytest.raises(ToolFailed) as raised:
        pack(Squasher(name="tar2sqfs", path=str(path)), tmp_path / "part", [data] * 20)
    return str(raised.value)


def test_a_failure_says_what_the_program_said(tmp_path: Path) -> None:
    assert failed(tmp_path, "seq 10; cat > /dev/null; exit 3") == (
        "tar2sqfs: ended with status 3\n  | 6\n  | 7\n  | 8\n  | 9\n  | 10"
    )
    assert failed(tmp_path, "cat > /dev/null; echo 'it hurts' >&2; exit 3").endswith("status 3\n  | it hurts")


def test_a_program_that_ends_early_is_a_failure(tmp_path: Path) -> None:
    assert failed(tmp_path, "echo no >&2; exit 1") == "tar2sqfs: ended with status 1\n  | no"


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "bin", "tar2sqfs", "echo 'file: I/O error' >&2; exit 1")
    with pytest.raises(ToolFailed) as raised:
        pack(Squasher(name="tar2sqfs", path=str(path)), Path("/dev/full"), [])
    assert str(raised.value) == "/dev: the disk is full\n  fix: free some space, or write to another folder with -o"


def test_a_program_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    missing = Squasher(name="tar2sqfs", path=str(tmp_path / "no"))
    with pytest.raises(ToolFailed) as raised, run_squasher(missing, SQUASHING, tmp_path / "part", {}):
        pass
    command = f"{tmp_path}/no -q -f -s -x -c gzip -X level=1 -j 2 -Q 16 {tmp_path}/part"
    assert str(raised.value) == f"{command}: cannot be started: No such file or directory"


def break_down(squasher: Squasher, folder_: Path) -> None:
    with run_squasher(squasher, SQUASHING, folder_ / "part", os.environ) as sink:
        while not (folder_ / "pid").exists() or not (folder_ / "pid").read_text():
            time.sleep(0.01)
        sink.write(b"x" * 100)
        raise BadInput("oh")


def test_whoever_writes_may_fail_and_the_program_ends(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "bin", "tar2sqfs", f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    squasher = Squasher(name="tar2sqfs", path=str(path))
    with pytest.raises(BadInput, match="oh"):
        break_down(squasher, tmp_path)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_the_program_sees_no_more_of_the_environment_than_it_needs(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "bin", "tar2sqfs", f"cat > /dev/null; env > {tmp_path}/seen")
    environ = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SQFS_X": "1", "SOURCE_DATE_EPOCH": "5"}
    with run_squasher(Squasher(name="tar2sqfs", path=str(path)), SQUASHING, tmp_path / "part", environ) as sink:
        sink.write(b"")
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert {key: seen[key] for key in seen.keys() - {"PWD", "_", "SHLVL", "OLDPWD"}} == {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "7",
    }
