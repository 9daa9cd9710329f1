"""What must be known of a base before anything is laid upon it: its users, its folders, the programs that start us."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, encode_json
from bindery.images.compression import open_decompressed
from bindery.images.documents import Node

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Json, Store
    from bindery.images.layout import Image

KIND = "base-facts"
FORMAT = 1
PASSWD, GROUP = "etc/passwd", "etc/group"
TINI = ("usr/bin/tini", "usr/local/bin/tini", "bin/tini", "sbin/tini", "usr/bin/tini-static", "tini")
BASH = ("bin/bash", "usr/bin/bash")
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


Folder = tuple[int, int, int]
"""Mode, user and group of a folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseFacts:
    """The base's ``/etc/passwd`` and ``/etc/group`` as text, its folders by path, and which of TINI and BASH it has."""

    passwd: str
    group: str
    folders: Mapping[str, Folder]
    programs: frozenset[str]

    @property
    def tini(self) -> str | None:
        """The absolute path of tini, None if the base has none."""
        return next((f"/{path}" for path in TINI if path in self.programs), None)

    @property
    def has_bash(self) -> bool:
        """Whether there is a bash, which the entrypoint is written for."""
        return any(path in self.programs for path in BASH)


def ensure_base_facts(base: Image, store: Store) -> BaseFacts:
    """Return the facts of the base, read from its layers once and kept in the store.

    Raises:
        BadInput: a layer is missing, damaged or no archive.

    """

    def build(work: Path) -> None:
        facts = read_base_facts(base)
        document: dict[str, Json] = {
            "passwd": facts.passwd,
            "group": facts.group,
            "folders": {path: list(folder) for path, folder in facts.folders.items()},
            "programs": [*sorted(facts.programs)],
        }
        work.write_bytes(encode_json(document))

    path = store.ensure(KIND, f"{FORMAT}-{base.digest.hex}", build)
    node = Node.of_document(path.read_bytes(), str(path))
    folders = node.needed("folders")
    return BaseFacts(
        passwd=node.text("passwd"),
        group=node.text("group"),
        folders={name: _folder(folders.values[name], str(path)) for name in folders.values},
        programs=frozenset(node.texts("programs")),
    )


def _folder(value: Json, where: str) -> Folder:
    match value:
        case [int(mode), int(uid), int(gid)]:
            return mode, uid, gid
    raise BadInput("is damaged", where, "remove it, and run the command again")


def read_base_facts(base: Image) -> BaseFacts:
    """Return the facts of the base, its layers laid upon each other.

    Raises:
        BadInput: a layer is missing, damaged or no archive.

    """
    reader = _Reader()
    for descriptor, _ in base.layers:
        where = f"layer {descriptor.digest}"
        with base.layout.open_blob(descriptor.digest, where) as blob:
            stream = open_decompressed(blob, descriptor.media_type)
            try:
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    reader.read(archive)
            except tarfile.TarError as error:
                raise BadInput(f"is not a tar archive: {error}", where) from error
    return BaseFacts(
        passwd=reader.texts.get(PASSWD, ""),
        group=reader.texts.get(GROUP, ""),
        folders=dict(sorted(reader.folders.items())),
        programs=frozenset(reader.programs),
    )


class _Reader:
    """Keeps what is left after each layer: a later one replaces, and whiteouts remove."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.folders: dict[str, Folder] = {}
        self.programs: set[str] = set()

    def read(self, archive: tarfile.TarFile) -> None:
        """Take in the members of one layer."""
        for member in archive:
            path = member.name.removeprefix("./").strip("/")
            folder, _, name = path.rpartition("/")
            if name == _OPAQUE:
                self._forget_below(folder)
            elif name.startswith(_WHITEOUT):
                gone = "/".join(filter(None, (folder, name.removeprefix(_WHITEOUT))))
                self._forget_below(gone)
                self._forget(gone)
            elif path:
                self._take(archive, member, path)

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
        self._forget(path)
        if member.isdir():
            self.folders[path] = (member.mode, member.uid, member.gid)
        elif path in TINI or path in BASH:
            self.programs.add(path)
        elif path in {PASSWD, GROUP} and member.isreg():
            stream = archive.extractfile(member)
            self.texts[path] = stream.read().decode(errors="surrogateescape") if stream else ""

    def _forget(self, path: str) -> None:
        self.texts.pop(path, None)
        self.folders.pop(path, None)
        self.programs.discard(path)

    def _forget_below(self, folder: str) -> None:
        below = f"{folder}/" if folder else ""
        for path in [*self.texts, *self.folders, *self.programs]:
            if path.startswith(below):
                self._forget(path)
