"""The real base: what is in it, what is not, and that everybody makes the same."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bindery.core import NoProgress, Store
from bindery.images import Image, open_layout, read_image, store_layout
from bindery.images.base import ensure_base, read_base_lock
from bindery.images.compression import open_decompressed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.testbed
MACHINE_FILES = re.compile(r"(?:etc|var|root|home|run)/.*")


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A base on the disk, without owners, and the headers of its layer."""

    folder: Path
    headers: dict[str, tarfile.TarInfo]

    def run(self, *words: str) -> str:
        """Return what a program in the base prints."""
        inside = ["unshare", "--map-root-user", "--root", str(self.folder), *words]
        env = {"PATH": "/usr/bin:/bin:/usr/sbin", "LANG": "en_US.UTF-8"}
        return subprocess.run(inside, env=env, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def unpacked(debian_base: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unpacked]:
    """Return the real base, unpacked."""
    folder = tmp_path_factory.mktemp("unpacked")
    (layer,) = debian_base.manifest.layers
    headers: dict[str, tarfile.TarInfo] = {}
    with (
        debian_base.layout.open_blob(layer.digest) as blob,
        tarfile.open(fileobj=open_decompressed(blob, layer.media_type), mode="r|") as archive,
    ):
        for member in archive:
            headers[member.name] = member
            archive.extract(member, folder, set_attrs=not member.isdir())
    yield Unpacked(folder=folder, headers=headers)
    shutil.rmtree(folder)


def test_programs_run_and_speak_english_in_unicode(unpacked: Unpacked) -> None:
    assert {"C.utf8", "en_US.utf8", "POSIX"} <= set(unpacked.run("locale", "-a").split())
    assert unpacked.run("bash", "-c", "printf '%s' ${#1}", "bash", "aé") == "2"
    assert unpacked.run("tini", "--version").startswith("tini version 0.")
    # Git and ssh want a /dev/null, which engines bring.
    for program in ("git", "ssh", "less"):
        assert "not found" not in unpacked.run("ldd", f"/usr/bin/{program}")
    assert unpacked.run("date", "-d", "@0", "+%H %Z") == "00 UTC\n"
    assert unpacked.run("env", "TZ=Europe/Berlin", "date", "-d", "@0", "+%H %Z") == "01 CET\n"


def test_everybody_is_jovyan_with_a_home(unpacked: Unpacked) -> None:
    assert unpacked.run("getent", "passwd", "1000") == "jovyan:x:1000:1000::/home/jovyan:/bin/bash\n"
    assert unpacked.run("getent", "group", "jovyan") == "jovyan:x:1000:\n"
    home = unpacked.headers["home/jovyan"]
    assert (home.uid, home.gid, home.mode) == (1000, 1000, 0o755)


def test_what_people_expect_is_there(unpacked: Unpacked) -> None:
    for path in (
        "etc/ssl/certs/ca-certificates.crt",
        "usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "usr/share/doc/bash/copyright",
        "usr/bin/less",
        "usr/bin/git",
    ):
        assert path in unpacked.headers
    assert unpacked.headers["tmp"].mode == 0o1777
    assert unpacked.headers["etc/shadow"].mode == 0o640


def test_no_privileges_no_devices_no_times_no_names_of_users(unpacked: Unpacked) -> None:
    headers = unpacked.headers.values()
    assert {path for path, one in unpacked.headers.items() if not one.issym() and one.mode & 0o6000} == set()
    assert {one.mtime for one in headers} == {0}
    assert {one.uname + one.gname for one in headers} == {""}
    assert all(one.isreg() or one.isdir() or one.issym() or one.islnk() for one in headers)


def test_nothing_of_the_machine_that_made_it_is_there(unpacked: Unpacked) -> None:
    for path in ("etc/hostname", "etc/hosts", "etc/resolv.conf"):
        assert unpacked.headers[path].size == 0
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    hosts = {urlsplit(site).hostname or "" for site in listed.split()}
    assert hosts
    node = os.uname().nodename
    traces = [*hosts, node] if len(node) > 6 else [*hosts]  # a short name is part of many words
    written = [one for path, one in unpacked.headers.items() if one.isreg() and MACHINE_FILES.fullmatch(path)]
    assert len(written) > 300
    for one in written:
        data = (unpacked.folder / one.name).read_bytes()
        assert [trace for trace in traces if trace.encode() in data] == [], one.name


def test_the_lock_lists_its_packages(debian_base: Image, debian_base_lock: Path) -> None:
    lock = read_base_lock(debian_base_lock, "linux-64")
    assert lock is not None
    assert lock.digest == debian_base.digest
    assert len(lock.packages) > 90
    assert {"bash", "ca-certificates", "git", "libc6", "tini", "tzdata"} <= {one.name for one in lock.packages}
    assert "apt" not in {one.name for one in lock.packages}


@pytest.fixture
def subordinate_user() -> Iterator[pwd.struct_passwd]:
    """Return an ordinary user with subordinate ids: one made for this test, or whoever tests, if not root."""
    if os.geteuid() != 0:
        yield pwd.getpwuid(os.geteuid())
        return
    name = f"bindery-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", name], check=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        subprocess.run(["userdel", "--remove", name], capture_output=True, check=True)


def test_root_and_a_user_of_another_zone_and_umask_make_the_same(
    debian_base: Image, debian_base_lock: Path, test_store: Store, subordinate_user: pwd.struct_passwd
) -> None:
    # Not in pytest's folder, into which only its own user can go.
    folder = Path(tempfile.mkdtemp(prefix="bindery-user-"))
    try:
        os.chown(folder, subordinate_user.pw_uid, subordinate_user.pw_gid)
        run_as(subordinate_user, folder)
        lock, locked = read_base_lock(folder / "base.lock", "linux-64"), read_base_lock(debian_base_lock, "linux-64")
        made = read_image(open_layout(folder / "store" / "images"), str(lock.digest) if lock else "")
    finally:
        shutil.rmtree(folder)
    assert lock is not None
    assert locked is not None
    if lock.packages != locked.packages:
        # The test store's base is from another day, and the mirror went on.
        again = folder.with_suffix(".lock")
        layout = store_layout(test_store)
        debian_base = ensure_base(
            again, "debian:bookworm", update=True, layout=layout, store=test_store, progress=NoProgress()
        )
        again.unlink()
    assert (made.config.diff_ids, made.digest) == (debian_base.config.diff_ids, debian_base.digest)


def run_as(user: pwd.struct_passwd, folder: Path) -> None:
    """Make a base in the folder in a process of that user, on the other side of the world."""
    # Not a new interpreter: root's own may lie where nobody else can read it, so all that is needed is here by now.
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
            os.umask(0o077)
            os.environ |= {"TZ": "Pacific/Auckland", "LC_ALL": "C", "HOME": str(folder)}
            store = Store(folder / "store")
            ensure_base(
                folder / "base.lock",
                "debian:bookworm",
                update=False,
                layout=store_layout(store),
                store=store,
                progress=NoProgress(),
            )
        except BaseException:  # noqa: BLE001 - it is told, and this process ends here whatever it was
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
