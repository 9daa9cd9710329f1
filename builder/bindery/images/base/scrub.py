"""What of a fresh Debian goes into a base: what its packages brought, and nothing of the machine that installed it.

Left out: caches, logs, backups, locks, keys of hosts, devices, sources of packages; and what a container does not
need: manuals, translations, the sources of locales. Copyrights stay. The name files of the machine are there and
empty, so that engines have something to put theirs upon. Privileged bits are dropped: the environment has no use for
them, and a Singularity file could not have them. Extended attributes, file capabilities among them, are dropped too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from bindery.core import BadInput
from bindery.core.tarstreams import TarMember, bytes_member
from bindery.images.base.accounts import JOVYAN, Account, add_account

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from bindery.core.tarstreams import Source

FORMAT = 1  # what is left out, and what is put in: another number is another base
STATUS = "var/lib/dpkg/status"
EMPTY_FILES = ("etc/hostname", "etc/hosts", "etc/resolv.conf")
_ACCOUNTS = frozenset({"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"})
_STICKY = 0o1777  # what of a mode is kept: not setuid, not setgid

# Nothing below these is kept.
_EMPTIED = re.compile(
    r"(?:dev|proc|sys|tmp|var/tmp|var/backups|var/lib/apt/lists|var/cache/apt|etc/apt/sources\.list\.d|etc/ssl/private"
    r"|usr/share/(?:man|info|i18n|lintian|linda|locale|help|gtk-doc|omf|bug))/.+"
)
# Of these the folders are kept: services want to find the place of their logs.
_NO_FILES = re.compile(r"(?:run|var/log|var/cache)/.+|usr/share/doc/(?!.*/copyright$).+")
_LEFT_OUT = re.compile(
    r"etc/(?:\.pwd\.lock|machine-id|(?:passwd|group|shadow|gshadow|subuid|subgid)-|ssh/ssh_host_.*|apt/sources\.list"
    r"|(?:apt/(?:apt\.conf|preferences)\.d|dpkg/dpkg\.cfg\.d)/99mmdebstrap|ssl/certs/ssl-cert-snakeoil\.pem)"
    r"|var/lib/dpkg/(?:(?:status|diversions|statoverride)-old|available.*|lock|lock-frontend|triggers/Lock|cmethopt)"
    r"|var/lib/(?:apt/extended_states|dbus/machine-id|systemd/(?:random-seed|catalog/database))"
    r"|usr/.*/__pycache__(?:/.*)?"  # its times are those of files whose times become 0
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scrubbed:
    """The members of a base's layer, sorted by path, and what dpkg says is installed."""

    members: tuple[TarMember, ...]
    status: str


def scrub_archive(archive: tarfile.TarFile, where: str, account: Account = JOVYAN) -> Scrubbed:
    """Return what of the archive goes into the layer; the archive must stay open while its members are read.

    Raises:
        BadInput: the archive is no Debian, or the account's name or number is taken.

    """
    kept = {name: info for info in archive if (name := _plain(info.name)) and _is_kept(name, info)}
    if STATUS not in kept or not kept.keys() >= _ACCOUNTS:
        raise BadInput("is not a Debian root folder: its accounts or its list of packages are missing", where)
    made = {path: bytes_member(path, b"") for path in EMPTY_FILES}
    for path in sorted(_ACCOUNTS):
        text = add_account(path, _read_text(archive, kept[path]), account, where)
        made[path] = _owned(bytes_member(path, text.encode()), kept[path])
    home = account.home.removeprefix("/")
    made[home] = TarMember(path=home, mode=0o755, uid=account.number, gid=account.number)
    found = {member.path: member for member in _members(archive, kept)}
    members = sorted((found | made).values(), key=lambda member: _order(member.path))
    return Scrubbed(members=tuple(members), status=_read_text(archive, kept[STATUS]))


def _is_kept(name: str, info: tarfile.TarInfo) -> bool:
    if _EMPTIED.fullmatch(name) or _LEFT_OUT.fullmatch(name):
        return False
    if not info.isdir() and _NO_FILES.fullmatch(name):
        return False
    return info.isdir() or info.isreg() or info.issym() or info.islnk()


def _members(archive: tarfile.TarFile, kept: Mapping[str, tarfile.TarInfo]) -> Iterator[TarMember]:
    firsts: dict[str, str] = {}  # of files with several names: which of the names has the content
    for name in sorted(kept, key=_order):
        info = kept[name]
        if info.isdir() or info.issym():
            target = info.linkname if info.issym() else None
            yield TarMember(
                path=name, mode=0o777 if target else info.mode & _STICKY, target=target, uid=info.uid, gid=info.gid
            )
            continue
        content = _content(archive, info)
        key = _plain(content.name)
        first = firsts.setdefault(key, name)
        if first == name:
            # TarFile.extractfile gives None for what is no file only.
            opened = cast("partial[AbstractContextManager[Source]]", partial(archive.extractfile, content))
            yield _owned(TarMember(path=name, mode=0, size_bytes=content.size, open=opened), content)
        else:
            yield _owned(TarMember(path=name, mode=0, hardlink=first), content)


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> tarfile.TarInfo:
    return archive.getmember(info.linkname) if info.islnk() else info


def _owned(member: TarMember, info: tarfile.TarInfo) -> TarMember:
    return TarMember(
        path=member.path,
        mode=info.mode & _STICKY,
        size_bytes=member.size_bytes,
        open=member.open,
        hardlink=member.hardlink,
        uid=info.uid,
        gid=info.gid,
    )


def _order(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _plain(name: str) -> str:
    return "" if name == "." else name.removeprefix("./").strip("/")


def _read_text(archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    stream = archive.extractfile(info)
    return "" if stream is None else stream.read().decode()
