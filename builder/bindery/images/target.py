"""What commands on images are pointed at, as a person writes it.

Source: containers-transports(5), for ``oci:``, ``docker://`` and ``docker-daemon:``. The other two are ours: a plain
name is in the store, and ``container:`` is one that runs, or has run.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, WrongUse, parse_digest
from bindery.images.layout import IMAGES, store_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.core import Store

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9.-]+:[0-9]+/"
# Source: OCI distribution-spec v1.1, "Pulling manifests": the grammar of names and tags.
_NAME = re.compile(rf"(?:{_HOST})?{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_TRANSPORT = re.compile(r"([a-z][a-z0-9-]*):")
_PATHS = ("/", "./", "../", "~/")
_FORMS = "NAME[:TAG], oci:FOLDER[:TAG], docker://HOST/NAME[:TAG], docker-daemon:NAME or container:NAME"
# What skopeo and apptainer take and we do not; they would otherwise read as a name and its tag.
_REFUSED = frozenset({"dir", "sif", "oci-archive", "docker-archive", "containers-storage", "tarball", "ostree"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreTarget:
    """An image in the store, by name (``pangeo``), tag (``pangeo:2025.08.14``), digest, or all three.

    ``bindery build`` prints all three. If there is a digest it decides, and the name is for people.
    """

    name: str = ""
    tag: str | None = None
    digest: Digest | None = None

    @property
    def key(self) -> str:
        """What the layout's ``resolve`` takes: the digest if there is one, else the name with its tag."""
        return str(self.digest) if self.digest else self.tagged

    @property
    def tagged(self) -> str:
        """The name, with the tag if there is one."""
        return f"{self.name}:{self.tag}" if self.tag else self.name

    def __str__(self) -> str:
        """Return what a person would write."""
        return "@".join(filter(None, (self.tagged, str(self.digest or ""))))


@dataclass(frozen=True, kw_only=True, slots=True)
class LayoutTarget:
    """An image in an OCI layout; ``reference`` is a name in its index or a digest, empty if it has one image only."""

    folder: Path
    reference: str = ""

    def __str__(self) -> str:
        """Return what a person would write."""
        return f"oci:{self.folder}:{self.reference}" if self.reference else f"oci:{self.folder}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryTarget:
    """An image in a registry: ``HOST/NAME[:TAG|@DIGEST]``, for ``registry.parse_reference``."""

    reference: str

    def __str__(self) -> str:
        """Return what a person would write."""
        return f"docker://{self.reference}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DaemonTarget:
    """An image that a docker engine has, by name or ID."""

    reference: str

    def __str__(self) -> str:
        """Return what a person would write."""
        return f"docker-daemon:{self.reference}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerTarget:
    """A container of a docker engine, by name or ID."""

    container: str

    def __str__(self) -> str:
        """Return what a person would write."""
        return f"container:{self.container}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseTarget:
    """A release of an environment, ``pangeo@2025.08.14``: no image, but commands that take images take it as well."""

    text: str

    def __str__(self) -> str:
        """Return what a person would write."""
        return self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class PathTarget:
    """A path: a prefix, or (later) a Singularity file."""

    path: Path

    def __str__(self) -> str:
        """Return what a person would write."""
        return str(self.path)


Target = StoreTarget | LayoutTarget | RegistryTarget | DaemonTarget | ContainerTarget | ReleaseTarget | PathTarget


def parse_target(text: str, exists: Callable[[str], bool] = os.path.exists) -> Target:
    """Return what the text points at; whether it is there is another question.

    ``exists`` says whether a path is there: ``a/b`` is a path if it is, else the name of an image.

    Raises:
        WrongUse: the text is of no form that we know.
        BadInput: what follows an ``@`` looks like a digest, and is none.

    """
    if text.startswith(_PATHS) or text in {".", "..", "~"}:
        return PathTarget(path=Path(text).expanduser())
    transport = _TRANSPORT.match(text)
    if transport:
        found = _parse_transport(transport[1], text[transport.end() :], text)
        if found is not None:
            return found
    return PathTarget(path=Path(text)) if "/" in text and exists(text) else _parse_name(text)


def _parse_transport(word: str, rest: str, text: str) -> Target | None:
    match word:
        case "oci":
            return _parse_layout(text, rest)
        case "docker":
            if not rest.startswith("//"):
                raise WrongUse("the name of a registry follows two slashes", text, f"docker://{rest.lstrip('/')}")
            return RegistryTarget(reference=_filled(rest.removeprefix("//"), text, "docker://HOST/NAME[:TAG|@DIGEST]"))
        case "docker-daemon":
            return DaemonTarget(reference=_filled(rest, text, "docker-daemon:NAME[:TAG], or the ID of an image"))
        case "container":
            return ContainerTarget(container=_filled(rest, text, "container:NAME, or container:ID"))
        case "sha256":
            return StoreTarget(digest=_digest(text, text))
        case _:
            if word in _REFUSED or rest.startswith("//"):
                raise WrongUse(f"images are not read from {word}:", text, f"use one of {_FORMS}")
            return None


def _parse_layout(text: str, rest: str) -> LayoutTarget:
    folder, _, reference = rest.partition(":")
    return LayoutTarget(folder=Path(_filled(folder, text, "oci:FOLDER, or oci:FOLDER:TAG")), reference=reference)


def _parse_name(text: str) -> StoreTarget | ReleaseTarget:
    head, at, digest = text.partition("@")
    name, tag = head, None
    if ":" in head.rpartition("/")[2]:
        name, _, tag = head.rpartition(":")
    if not _NAME.fullmatch(name) or (tag is not None and not _TAG.fullmatch(tag)):
        raise WrongUse("is not the name of an image", text or "''", f"use one of {_FORMS}")
    if not at:
        return StoreTarget(name=name, tag=tag)
    if tag is None and ":" not in digest:
        _filled(digest, text, "NAME@RELEASE, or NAME@sha256:DIGITS")
        return ReleaseTarget(text=text)
    return StoreTarget(name=name, tag=tag, digest=_digest(digest, text))


def _filled(word: str, text: str, form: str) -> str:
    if not word:
        raise WrongUse("ends too early", text, f"write {form}")
    return word


def _digest(word: str, text: str) -> Digest:
    try:
        digest = parse_digest(word)
    except BadInput as error:
        raise BadInput(error.what, text) from error
    if digest.algorithm != "sha256":
        raise BadInput(f"{word} is not a digest of an image", text, "write sha256: and 64 digits")
    return digest


def find_image_target(text: str, store: Store) -> Target | None:
    """Return the image that the text names; None if it names none, but perhaps an environment, a lock or a revision.

    Where a name could be something else (``main:pangeo`` is a revision of git), it is an image if the store has it.

    Raises:
        WrongUse: it begins like an image, and is of no form that we know.
        BadInput: what looks like a digest is none.

    """
    if text.startswith(("oci:", "docker:", "docker-daemon:", "container:", "sha256:")):
        return parse_target(text)
    if ":" not in text or not (store.root / IMAGES / "index.json").is_file():
        return None
    try:
        target = parse_target(text)
    except WrongUse:
        return None
    if not isinstance(target, StoreTarget):
        return None
    names = store_layout(store).names()
    return target if target.digest is not None or target.tagged in names else None
