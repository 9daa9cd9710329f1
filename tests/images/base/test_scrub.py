"""What of a fresh Debian goes into a base."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput
from bindery.core.tarstreams import TarMember, write_tar
from bindery.images.base.scrub import scrub_archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": b"root:x:0:\n",
    "etc/shadow": b"root:*:20780:0:99999:7:::\n",
    "etc/gshadow": b"root:*::\n",
}
STATUS = {"var/lib/dpkg/status": b"Package: bash\n"}


def entry(
    name: str, data: bytes = b"", *, mode: int = 0o644, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"./{name}")
    info.mode, info.type, info.linkname, info.size = mode, kind, link, len(data)
    info.uid, info.gid, info.mtime, info.uname = 0, 0, 1700000000, "builder"
    info.pax_headers = {"comment": data.decode()}
    return info


def archive(path: Path, entries: Sequence[tarfile.TarInfo]) -> Path:
    """Write an archive of the entries, whose content is in their comment, and of what every Debian has."""
    always = [entry(name, data) for name, data in (ACCOUNTS | STATUS).items()]
    with tarfile.open(path, "w") as tar:
        tar.addfile(entry("", kind=tarfile.DIRTYPE))
        for info in (*always, *entries):
            data = info.pax_headers["comment"].encode()
            info.pax_headers = {}
            tar.addfile(info, io.BytesIO(data))
    return path


def scrub(path: Path, *entries: tarfile.TarInfo) -> dict[str, TarMember]:
    """Return what is kept, by path, without what every base has."""
    with tarfile.open(archive(path / "debian.tar", entries)) as tar:
        members = scrub_archive(tar, "debian:bookworm").members
    always = {*ACCOUNTS, *STATUS, "etc/hostname", "etc/hosts", "etc/resolv.conf", "home/jovyan"}
    return {member.path: member for member in members if member.path not in always}


@pytest.mark.parametrize(
    "name",
    [
        "dev/null",
        "proc/cpuinfo",
        "sys/kernel",
        "tmp/x",
        "var/tmp/x",
        "run/x.pid",
        "etc/.pwd.lock",
        "etc/machine-id",
        "etc/passwd-",
        "etc/gshadow-",
        "etc/subuid-",
        "etc/apt/sources.list",
        "etc/apt/sources.list.d/0000main.sources",
        "etc/apt/apt.conf.d/99mmdebstrap",
        "etc/apt/preferences.d/99mmdebstrap",
        "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
        "etc/ssh/ssh_host_ed25519_key",
        "etc/ssl/private/ssl-cert-snakeoil.key",
        "etc/ssl/certs/ssl-cert-snakeoil.pem",
        "usr/lib/python3/dist-packages/x/__pycache__/x.cpython-311.pyc",
        "usr/share/doc/bash/changelog.gz",
        "usr/share/man/man1/bash.1.gz",
        "usr/share/info/dir",
        "usr/share/locale/de/LC_MESSAGES/bash.mo",
        "usr/share/i18n/locales/de_DE",
        "usr/share/lintian/overrides/bash",
        "var/backups/dpkg.status.0",
        "var/cache/debconf/config.dat",
        "var/cache/ldconfig/aux-cache",
        "var/cache/apt/pkgcache.bin",
        "var/lib/apt/extended_states",
        "var/lib/apt/lists/x_Packages",
        "var/lib/dbus/machine-id",
        "var/lib/dpkg/status-old",
        "var/lib/dpkg/available",
        "var/lib/dpkg/lock",
        "var/lib/dpkg/triggers/Lock",
        "var/lib/systemd/random-seed",
        "var/log/dpkg.log",
        "var/log/apt/history.log",
    ],
)
def test_nothing_of_the_machine_is_kept(tmp_path: Path, name: str) -> None:
    assert scrub(tmp_path, entry(name)) == {}


@pytest.mark.parametrize(
    "name",
    [
        "usr/bin/bash",
        "usr/share/doc/bash/copyright",
        "usr/share/common-licenses/GPL-3",
        "usr/share/zoneinfo/Europe/Berlin",
        "usr/lib/locale/en_US.utf8/LC_CTYPE",
        "usr/lib/locale/C.utf8/LC_CTYPE",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/ld.so.cache",
        "etc/profile",
        "etc/apt/apt.conf.d/70debconf",
        "var/lib/dpkg/info/bash.list",
        "root/.profile",
    ],
)
def test_what_packages_brought_is_kept(tmp_path: Path, name: str) -> None:
    assert list(scrub(tmp_path, entry(name))) == [name]


@pytest.mark.parametrize(("name", "is_kept"), [("var/log/nginx", True), ("run/lock", True), ("dev/shm", False)])
def test_folders_for_logs_are_kept_and_devices_are_not(tmp_path: Path, name: str, is_kept: bool) -> None:  # noqa: FBT001
    assert list(scrub(tmp_path, entry(name, kind=tarfile.DIRTYPE, mode=0o755))) == [name] * is_kept


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes_are_left_out_wherever_they_are(tmp_path: Path, kind: bytes) -> None:
    assert scrub(tmp_path, entry("srv/device", kind=kind)) == {}


@pytest.mark.parametrize(
    ("before", "after"), [(0o4755, 0o755), (0o2755, 0o755), (0o6711, 0o711), (0o1777, 0o1777), (0o640, 0o640)]
)
def test_privileged_bits_are_dropped_and_the_rest_stays(tmp_path: Path, before: int, after: int) -> None:
    kept = scrub(tmp_path, entry("usr/bin/x", mode=before), entry("srv/x", mode=before, kind=tarfile.DIRTYPE))
    assert {member.mode for member in kept.values()} == {after}


def test_owners_stay_and_the_first_name_of_a_file_has_its_content(tmp_path: Path) -> None:
    owned = entry("usr/bin/perl", b"perl", mode=0o755)
    owned.uid, owned.gid = 3, 42
    later = entry("usr/bin/a-perl", kind=tarfile.LNKTYPE, link="./usr/bin/perl")
    kept = scrub(tmp_path, owned, later)
    first, second = kept["usr/bin/a-perl"], kept["usr/bin/perl"]
    assert (first.size_bytes, first.hardlink, first.uid, first.gid, first.mode) == (4, None, 3, 42, 0o755)
    assert (second.size_bytes, second.hardlink) == (0, "usr/bin/a-perl")


def test_a_file_is_kept_under_a_name_whose_other_name_is_left_out(tmp_path: Path) -> None:
    hidden = entry("usr/share/man/tool", b"tool")
    kept = scrub(tmp_path, hidden, entry("usr/bin/tool", kind=tarfile.LNKTYPE, link="./usr/share/man/tool"))
    assert [(member.path, member.size_bytes, member.hardlink) for member in kept.values()] == [
        ("usr/bin/tool", 4, None)
    ]


def test_the_machine_has_no_name_and_everybody_has_a_home(tmp_path: Path) -> None:
    names = entry("etc/hostname", b"builder-7"), entry("etc/resolv.conf", kind=tarfile.SYMTYPE, link="/run/resolv")
    with tarfile.open(archive(tmp_path / "debian.tar", names)) as tar:
        members = {member.path: member for member in scrub_archive(tar, "debian:bookworm").members}
    for name in ("etc/hostname", "etc/hosts", "etc/resolv.conf"):
        assert (members[name].size_bytes, members[name].target, members[name].mode) == (0, None, 0o644)
    home = members["home/jovyan"]
    assert (home.uid, home.gid, home.mode, home.open) == (1000, 1000, 0o755, None)


def test_order_and_time_of_the_archive_do_not_matter(tmp_path: Path) -> None:
    def encoded(*entries: tarfile.TarInfo) -> bytes:
        made = io.BytesIO()
        with tarfile.open(archive(tmp_path / "debian.tar", entries)) as tar:
            write_tar(scrub_archive(tar, "debian:bookworm").members, made, epoch_s=0)
        return made.getvalue()

    files = [entry("usr/a", b"1"), entry("usr/a-b", b"2"), entry("usr", kind=tarfile.DIRTYPE, mode=0o755)]
    first = encoded(*files)
    for info, data in zip(files, (b"1", b"2", b""), strict=True):
        info.mtime, info.uname, info.pax_headers = 5, "other", {"comment": data.decode()}
    assert encoded(*reversed(files)) == first


@pytest.mark.parametrize("lacking", ["etc/shadow", "var/lib/dpkg/status"])
def test_what_is_no_debian_is_refused(tmp_path: Path, lacking: str) -> None:
    path = archive(tmp_path / "debian.tar", [])
    with tarfile.open(path) as whole, tarfile.open(tmp_path / "less.tar", "w") as less:
        for info in whole:
            if info.name != f"./{lacking}":
                less.addfile(info, whole.extractfile(info) if info.isreg() else None)
    with tarfile.open(tmp_path / "less.tar") as tar, pytest.raises(BadInput) as caught:
        scrub_archive(tar, "debian:bookworm")
    assert str(caught.value) == (
        "debian:bookworm: is not a Debian root folder: its accounts or its list of packages are missing"
    )
