"""The tool that makes Debians: real, against the machine's own mirror, and what is said when it cannot."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.confined import open_folder

from bindery.core import BadInput, ToolFailed
from bindery.images.base.mmdebstrap import DebianRecipe, debian_archive, tool_version

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.testbed
RECIPE = DebianRecipe(suite="bookworm", arch="amd64")
KEPT = "see that apt-get update works here, or give a base that was kept: --base oci:FOLDER"
MAKE = """
import os
import pwd
from bindery.images.base.mmdebstrap import DebianRecipe, debian_archive
with debian_archive(DebianRecipe(suite="bookworm", arch="amd64"), os.environ):
    pass
"""

OUTLIVE = """
import ctypes, os, subprocess, sys
from contextlib import suppress
set_child_subreaper = 36  # prctl(2): orphans among our descendants become our children
ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
print(subprocess.Popen([sys.executable, "-c", sys.argv[1]]).pid, flush=True)
with suppress(ChildProcessError):
    while True:
        os.wait()
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder for temporary files that users of all kinds may enter, empty before the test.

    It is not pytest's: each run of pytest closes the folder that all runs of a user share.
    """
    with open_folder("mmdebstrap") as place:
        folder = place / "temporary"
        folder.mkdir(mode=0o755)
        monkeypatch.setenv("TMPDIR", str(folder))
        yield folder


def make(recipe: DebianRecipe) -> None:
    with debian_archive(recipe, os.environ):
        pass


@pytest.mark.parametrize(("word", "told"), [("nosuchpackage", "nosuchpackage"), ("git=7.0", "git 7.0")])
def test_an_unknown_package_is_named(temporary: Path, word: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        make(DebianRecipe(suite="bookworm", arch="amd64", packages=(word,)))
    assert str(caught.value) == f"debian:bookworm: has no package {told}\n  fix: correct its name in apt.txt"
    assert list(temporary.iterdir()) == []


def test_a_mirror_that_does_not_answer_is_told_with_a_way_out(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = temporary.parent / "apt.conf"
    dead = 'Acquire::Retries "0";\nAcquire::http::Proxy "http://127.0.0.1:9";\nAcquire::https::Proxy "http://127.0.0.1:9";\n'
    configuration.write_text(dead, encoding="utf-8")
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    with pytest.raises(ToolFailed) as caught:
        make(RECIPE)
    assert (caught.value.where, caught.value.fix) == ("debian:bookworm", KEPT)
    assert caught.value.what.startswith("mmdebstrap could not make it\n  | ")
    assert "127.0.0.1:9" in caught.value.what
    assert list(temporary.iterdir()) == []


@pytest.fixture
def small_disk(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on a disk of 60 MiB, which is where temporary files go."""
    folder = temporary / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m,mode=1777", "tmpfs", str(folder)], check=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.usefixtures("as_root")
def test_a_full_disk_is_called_by_its_name(small_disk: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        make(RECIPE)
    assert str(caught.value) == f"{small_disk}: the disk is full\n  fix: free some space, or set TMPDIR"
    assert list(small_disk.iterdir()) == []


def interrupt_in_the_middle(temporary: Path, number: signal.Signals) -> None:
    """Start to make a Debian, and send the signal when there is half of one; return when nothing runs any more."""
    words = [sys.executable, "-c", OUTLIVE, MAKE]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        maker = int(process.stdout.readline())
        wait_for(lambda: any(temporary.glob("*/mmdebstrap.*/usr")))
        os.kill(maker, number)
        process.wait()
    assert str(temporary) not in running_commands()
    assert str(temporary) not in Path("/proc/mounts").read_text(encoding="utf-8")


def test_ctrl_c_leaves_no_mounts_no_processes_and_no_folders(temporary: Path) -> None:
    interrupt_in_the_middle(temporary, signal.SIGINT)
    assert list(temporary.iterdir()) == []


def test_what_a_killed_make_leaves_is_removed_by_the_next(temporary: Path) -> None:
    interrupt_in_the_middle(temporary, signal.SIGKILL)
    (temporary / "bindery-base-others").mkdir()
    with pytest.raises(BadInput):
        make(DebianRecipe(suite="bookwurm", arch="amd64"))
    assert [one.name for one in temporary.iterdir()] == ["bindery-base-others"]


def wait_for(is_so: object) -> None:
    """Return once it is so; the limit of the test ends the wait."""
    assert callable(is_so)
    while not is_so():
        time.sleep(0.05)


def running_commands() -> str:
    """Return the command lines of what runs on this machine."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_without_the_tool_the_line_to_type_is_given(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        tool_version({"PATH": str(tmp_path)})
    assert str(caught.value) == (
        "mmdebstrap: a base is made of Debian packages, and this program for it is missing\n"
        "  fix: sudo apt-get install mmdebstrap uidmap, or take a base from elsewhere: --base docker://…, oci:FOLDER"
    )


@contextmanager
def being(name: str) -> Iterator[None]:
    """Have the rights of another user while the context lasts, as far as file systems and the tool can see."""
    there = os.geteuid()
    os.seteuid(pwd.getpwnam(name).pw_uid)
    try:
        yield
    finally:
        os.seteuid(there)


@pytest.mark.usefixtures("as_root")
def test_a_user_without_subordinate_ids_is_told_what_to_type(temporary: Path) -> None:
    temporary.chmod(0o777)
    with being("nobody"), pytest.raises(ToolFailed) as caught:
        make(RECIPE)
    assert str(caught.value) == (
        "/etc/subuid: nobody has no 65536 subordinate ids, which making a base takes\n"
        "  fix: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 nobody"
    )
    assert list(temporary.iterdir()) == []


FAULTS = {
    "E: arm64 can neither be executed natively nor via qemu user emulation with binfmt_misc": (
        "this machine cannot run programs for arm64, which setting up its packages takes\n"
        "  fix: sudo apt-get install qemu-user-static binfmt-support arch-test, or --base docker://… or oci:FOLDER"
    ),
    "E: unshare() failed: Operation not permitted": (
        "this system lets ordinary users make no namespaces\n"
        "  fix: run it as root, or take a base from elsewhere: --base docker://… or oci:FOLDER"
    ),
    "E: Package 'mail-reader' has no installation candidate": (
        "has no package mail-reader\n  fix: correct its name in apt.txt"
    ),
    "W: GPG error: http://mirror.invalid bookworm InRelease: NO_PUBKEY 0E98404D386FA1D9": (
        "mmdebstrap could not make it\n"
        "  | W: GPG error: http://mirror.invalid bookworm InRelease: NO_PUBKEY 0E98404D386FA1D9\n"
        "  fix: sudo apt-get install debian-archive-keyring, and see that apt-get update works here"
    ),
    "E: dpkg died": "mmdebstrap could not make it\n  | E: dpkg died",
}


@pytest.mark.parametrize("said", FAULTS)
def test_what_other_machines_lack_is_told(temporary: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    # This machine lacks none of it, so a program says what the tool says where it is so.
    program = temporary.parent / "mmdebstrap"
    program.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises((BadInput, ToolFailed)) as caught:
        make(DebianRecipe(suite="bookworm", arch="arm64"))
    assert str(caught.value) == f"debian:bookworm: {FAULTS[said]}"
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("rights", ["+all", "-sys_admin"])
def test_root_needs_no_rights_that_it_lacks_in_a_container(temporary: Path, rights: str) -> None:
    program = temporary.parent / "mmdebstrap"
    program.write_text("#!/bin/sh\nreadlink /proc/self/ns/mnt >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    environ = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    command = ["setpriv", f"--bounding-set={rights}", sys.executable, "-c", MAKE]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert "debian:bookworm: mmdebstrap could not make it\n  | mnt:[" in done.stderr
    assert (Path("/proc/self/ns/mnt").readlink().name in done.stderr) == (rights == "-sys_admin")


def test_the_version_is_that_of_the_tool() -> None:
    assert tool_version(os.environ).startswith("mmdebstrap 1.")
