"""Text → lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import BadInput
from bindery.environments.documents import parse_document
from bindery.environments.fields import Fields
from bindery.environments.lockfile.scan import scan_packages
from bindery.environments.lockfile.values import Lock, LockedChannel, LockedPackage

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
_PACKAGES = "\npackage:\n"
_PACKAGE_KEYS = frozenset(
    (
        *("name", "version", "manager", "platform", "dependencies", "url", "hash"),
        *("source", "build", "category", "optional"),
    )
)
LIMIT_MIB = 16
"""Beyond it only what is written as conda-lock writes it is read, which takes neither its time nor its memory."""


def read_lock(path: Path, fix: str = "") -> Lock:
    """Return the lock that the file holds.

    Raises:
        BadInput: there is no such file, or it is not a lock; ``fix`` says what to do about it.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput("there is no such lock", str(path), fix) from error
    except UnicodeDecodeError as error:
        raise BadInput("is not text in UTF-8", str(path), fix) from error
    return parse_lock(text, str(path), fix)


def parse_lock(text: str, where: str, fix: str = "") -> Lock:
    """Return the lock that the text of a ``conda-lock.yml`` is; ``where`` and ``fix`` are for errors.

    Raises:
        BadInput: it is not YAML, too much of it, not version 1, or a field is missing, of another type, or not what
            a program that reads it can trust.

    """
    head, separator, _ = text.partition(_PACKAGES)
    packages = scan_packages(text, len(head) + len(_PACKAGES)) if separator else None
    document = Fields.of_document(
        parse_document(text if packages is None else head, where, fix, limit_mib=LIMIT_MIB), where, fix
    )
    version = document.raw("version")
    if version != VERSION or isinstance(version, bool):
        raise BadInput(f"version is {version}, and Bindery reads version {VERSION}", where, fix)
    if packages is None:
        packages = tuple(_parse_package(fields) for fields in document.items("package", named_by="name"))
    _refuse_repetition(packages, where, fix)
    return _with_metadata(document.inner("metadata"), packages)


def _parse_package(fields: Fields) -> LockedPackage:
    manager = fields.text("manager")
    if manager not in {"conda", "pip"}:
        raise fields.error(f"manager is {manager}, neither conda nor pip")
    hashes = fields.inner("hash")
    source = fields.inner("source") if fields.has("source") else None
    fields.refuse_others(_PACKAGE_KEYS)
    package = LockedPackage(
        name=fields.text("name"),
        version=fields.text("version"),
        manager="conda" if manager == "conda" else "pip",
        platform=fields.text("platform"),
        dependencies=fields.pairs("dependencies") if fields.has("dependencies") else (),
        url=fields.text("url"),
        md5=hashes.digest("md5") if manager == "conda" or hashes.has("md5") else None,
        sha256=hashes.digest("sha256"),
        source_url=source.text("url") if source else None,
        recorded_build=fields.text("build") if fields.has("build") else None,
        category=fields.text("category") if fields.has("category") else "main",
        optional=fields.truth("optional"),
    )
    if package.fault:
        raise fields.error(package.fault)
    return package


def _refuse_repetition(packages: tuple[LockedPackage, ...], where: str, fix: str) -> None:
    seen: set[tuple[str, ...]] = set()
    for index, package in enumerate(packages):
        if (identity := (*package.key, package.category)) in seen:
            label = f"{where}: package[{index}] {package.name}"
            raise BadInput(f"is there twice for {package.platform}, category {package.category}", label, fix)
        seen.add(identity)


def _with_metadata(fields: Fields, packages: tuple[LockedPackage, ...]) -> Lock:
    return Lock(
        packages=packages,
        content_hash=fields.pairs("content_hash"),
        channels=tuple(
            LockedChannel(url=channel.text("url"), used_env_vars=channel.texts("used_env_vars"))
            for channel in fields.items("channels", named_by="url")
        ),
        platforms=fields.texts("platforms"),
        sources=fields.texts("sources"),
        time_metadata=fields.pairs("time_metadata") if fields.has("time_metadata") else (),
        git_metadata=fields.pairs("git_metadata") if fields.has("git_metadata") else (),
        inputs_metadata=fields.pairs_by_key("inputs_metadata") if fields.has("inputs_metadata") else (),
        custom_metadata=fields.pairs("custom_metadata") if fields.has("custom_metadata") else (),
    )
