"""A lock's packages → the tree of the prefix that they make, to the byte, without installing anything.

From the archives: ``paths.json`` for what is there, the tar headers for modes and links, ``link.json`` for the scripts
that are made, and the bytes themselves where a placeholder becomes the prefix. Archives are read as streams, so memory
holds one file at a time; their hashes are checked before.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, inner_path
from bindery.prefixes.archives import open_payload, plain_name, read_member
from bindery.prefixes.conda_meta import encode_records, expected_record
from bindery.prefixes.contents import find_python
from bindery.prefixes.entry_points import encode_script
from bindery.prefixes.link_scripts import verify_no_link_script
from bindery.prefixes.replacement import replace_binary, replace_text
from bindery.prefixes.tree import (
    EXECUTABLE,
    PLAIN,
    Expected,
    ExpectedBytecode,
    ExpectedFile,
    ExpectedLink,
    ExpectedTree,
)

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator
    from pathlib import Path

    from bindery.prefixes.contents import PackageContents, PackedPath, PythonLayout

_UNCOMPILED_FOLDERS = frozenset({"test", "tests", "idle_test"})


def expect_tree(packages: tuple[PackageContents, ...], prefix: str, platform: str) -> ExpectedTree:
    """Return the tree that the packages make in a folder that is, or will be, at ``prefix``.

    Raises:
        BadInput: an archive is damaged or contradicts itself, or a package has a link script.

    """
    python = find_python(packages)
    entries: dict[str, Expected] = {}
    losers: dict[str, list[str]] = defaultdict(list)
    for package in sorted(packages, key=lambda package: package.locked.name):
        for path, entry in _expect_package(package, python, prefix, platform):
            if path in entries:
                losers[path].append(package.locked.name)
            else:
                entries[path] = entry
    if python:
        entries |= _expect_bytecode(entries, python)
    records = encode_records(packages, entries)
    entries |= {path: expected_record(package, data) for path, (package, data) in records.items()}
    return ExpectedTree(
        prefix=prefix,
        platform=platform,
        python=python,
        entries=entries,
        losers={path: tuple(names) for path, names in losers.items()},
    )


def _expect_package(
    package: PackageContents, python: PythonLayout | None, prefix: str, platform: str
) -> Iterator[tuple[str, Expected]]:
    locked = package.locked
    if package.noarch == "python" and python is None:
        raise BadInput("needs Python, and the lock has none", locked.url)
    reader = _PayloadReader(package, prefix, platform)
    for packed, entry in reader.read():
        path = _installed_path(packed, python) if package.noarch == "python" and python else packed
        verify_no_link_script(path, locked.name, locked.url)
        yield path, entry
    if package.noarch == "python" and python:
        for script in package.entry_points:
            data = encode_script(script, f"{prefix}/{python.executable}", platform)
            yield f"bin/{script.command}", ExpectedFile(locked.name, digest_bytes(data).hex, len(data), EXECUTABLE)


def _installed_path(packed: str, python: PythonLayout) -> str:
    first, _, rest = packed.partition("/")
    match first:
        case "site-packages":
            return f"{python.site_packages}/{rest}"
        case "python-scripts":
            return f"bin/{rest}"
        case _:
            return packed


def _expect_bytecode(entries: dict[str, Expected], python: PythonLayout) -> dict[str, Expected]:
    found: dict[str, Expected] = {}
    for path, entry in entries.items():
        if isinstance(entry, ExpectedFile) and _is_compiled(path, python):
            folder, name = posixpath.split(path)
            stem = name.removesuffix(".py")
            found[f"{folder}/__pycache__/{stem}.{python.cache_tag}.pyc"] = ExpectedBytecode(entry.package, path)
    return found


def _is_compiled(path: str, python: PythonLayout) -> bool:
    # A third of the stack's Python files are packages' own tests, which nobody imports.
    return (
        path.startswith(f"{python.library}/")
        and path.endswith(".py")
        and _UNCOMPILED_FOLDERS.isdisjoint(path.split("/"))
    )


class _PayloadReader:
    """One package's archive, read once."""

    def __init__(self, package: PackageContents, prefix: str, platform: str) -> None:
        self._package, self._prefix, self._platform = package, prefix, platform
        self._seen: dict[str, ExpectedFile] = {}

    def read(self) -> Iterator[tuple[str, Expected]]:
        """Yield each file and link with its name in the archive."""
        archive, paths = self._package.archive, self._package.paths
        missing = dict.fromkeys(paths)
        with open_payload(archive) as (tar, members):
            for member in members:
                name = str(inner_path(plain_name(member), str(archive)))
                if name in paths:  # nobody installs the others
                    missing.pop(name, None)
                    yield name, self._expect(tar, member, name, paths[name])
        if missing:
            raise BadInput(f"misses {next(iter(missing))}, which its paths.json names", str(archive))

    def _expect(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str, packed: PackedPath) -> Expected:
        archive, package = self._package.archive, self._package.locked.name
        if member.issym():
            return ExpectedLink(package, member.linkname)
        if member.islnk():
            entry = self._seen.get(member.linkname.removeprefix("./"))
            if entry is None:
                raise BadInput(f"{name} is a link to {member.linkname}, which does not come before it", str(archive))
        elif member.isreg():
            mode = EXECUTABLE if member.mode & 0o111 else PLAIN
            sha256, size = self._content(tar, member, packed, archive)
            entry = ExpectedFile(package, sha256, size, mode)
        else:
            raise BadInput(f"{name} is neither a file nor a link", str(archive))
        self._seen[name] = entry
        return entry

    def _content(
        self, tar: tarfile.TarFile, member: tarfile.TarInfo, packed: PackedPath, archive: Path
    ) -> tuple[str, int]:
        placeholder = packed.placeholder
        if placeholder is None and packed.sha256:
            return packed.sha256, packed.size_bytes
        data = read_member(tar, member, archive)
        if placeholder and placeholder.mode == "binary":
            data = replace_binary(
                data, placeholder.text, self._prefix, f"{self._package.locked.url}: {plain_name(member)}"
            )
        elif placeholder:
            data = replace_text(data, placeholder.text, self._prefix, self._platform)
        return digest_bytes(data).hex, len(data)
