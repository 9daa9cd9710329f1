"""A site's files, put into a folder; and what in a folder is no longer what it would be if it were written now."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery import __version__
from bindery.core import BadInput, Digest, disk_errors, parse_digest, write_file
from bindery.sif.sites.contents import read_contents
from bindery.sif.sites.render import render_site_files

if TYPE_CHECKING:
    from bindery.sif.sites.render import SiteFile
    from bindery.sif.sites.site import Site

_HEAD = re.compile(
    r"^# written by bindery (?P<version>\S+): .*\n# site: (?P<site>\S+) (?P<site_digest>\S+)\n"
    r'# sif: (?P<sif>".*") (?P<sif_digest>\S+)$',
    re.MULTILINE,
)
_HEADED = "libexec/enter.sh"
_OWNED = ("bin", "inside", "shims")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What the files in a folder were made of, as they say."""

    version: str
    site: str
    site_digest: Digest
    sif: Path
    sif_digest: Digest


@dataclass(frozen=True, kw_only=True, slots=True)
class Stale:
    """A file that is not what it would be now, and why; ``path`` is relative to the folder, empty for all of it."""

    path: str
    why: str


def write_site_files(site: Site, sif: Path, folder: Path) -> tuple[Path, ...]:
    """Return the paths of the site's files for the SIF, which are now in the folder; those of programs gone are gone.

    Raises:
        BadInput: the site has a placeholder left, its submit host cannot be one, the file is no SIF of ours, or a path
            cannot be used.
        ToolFailed: the disk is full or cannot be written.

    """
    place = folder.absolute()
    files = render_site_files(site, read_contents(sif), place)
    for file in files:
        _put(place / file.path, file)
    wanted = {place / file.path for file in files}
    with disk_errors(place):
        for path in [path for owned in _OWNED for path in (place / owned).glob("*") if path not in wanted]:
            path.unlink()
    return tuple(place / file.path for file in files)


def read_origin(folder: Path) -> Origin:
    """Return what the files in the folder were made of.

    Raises:
        BadInput: none of them is there.

    """
    path = folder / _HEADED
    found = _HEAD.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if found is None:
        fix = "bindery site NAME --sif FILE -o FOLDER writes them"
        raise BadInput("has no files of a site", str(folder), fix)
    return Origin(
        version=found["version"],
        site=found["site"],
        site_digest=parse_digest(found["site_digest"]),
        sif=Path(json.loads(found["sif"])),
        sif_digest=parse_digest(found["sif_digest"]),
    )


def find_stale(site: Site, folder: Path) -> tuple[Stale, ...]:
    """Return what in the folder differs from what the site, the SIF and this version of Bindery make now.

    Raises:
        BadInput: the folder has no files of a site, or they cannot be made anew.

    """
    place = folder.absolute()
    origin = read_origin(place)
    if not origin.sif.is_file():
        return (Stale(path="", why=f"the SIF {origin.sif} is not there"),)
    contents = read_contents(origin.sif)
    causes = []
    if origin.version != __version__:
        causes.append(f"written by bindery {origin.version}, and this is {__version__}")
    if origin.site != site.name:
        causes.append(f"written for the site {origin.site}, not {site.name}")
    elif origin.site_digest != site.digest:
        causes.append(f"{site.path} has changed since")
    if origin.sif_digest != contents.digest:
        causes.append(f"the SIF {origin.sif} has changed since")
    if causes:
        return tuple(Stale(path="", why=cause) for cause in causes)
    files = render_site_files(site, contents, place)
    return tuple(Stale(path=str(file.path), why=why) for file in files if (why := _difference(place / file.path, file)))


def _put(path: Path, file: SiteFile) -> None:
    if file.target is None:
        write_file(path, file.text, mode=file.mode)
        with disk_errors(path):
            path.chmod(file.mode)  # whoever writes them may have a umask that keeps the others of a site out
        return
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.unlink(missing_ok=True)
        part.symlink_to(file.target)
        part.replace(path)


def _difference(path: Path, file: SiteFile) -> str:
    if not os.path.lexists(path):
        return "is missing"
    if file.target is not None:
        same = path.is_symlink() and str(path.readlink()) == file.target
    else:
        same = path.is_file() and path.read_bytes() == file.text.encode()
    if not same:
        return "was edited"
    if file.target is None and stat.S_IMODE(path.stat().st_mode) != file.mode:
        return f"has the mode {stat.S_IMODE(path.stat().st_mode):o}, not {file.mode:o}"
    return ""
