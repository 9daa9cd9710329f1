"""A lock's packages → the tree of the prefix that they make, to the byte, without installing anything.

From the archives, whose hashes are checked before: ``paths.json`` for what is there, the tar headers for modes and
links, ``link.json`` for the scripts that are made, and the bytes themselves where a placeholder becomes the prefix.
Those may come from the unpacked package, if they have the digest of those in the archive. Memory holds one at a time.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes
from bindery.prefixes.archives import open_payload, plain_name, read_member
from bindery.prefixes.conda_meta import encode_records, expected_record
from bindery.prefixes.contents import find_python
from bindery.prefixes.entry_points import encode_script
from bindery.prefixes.link_scripts import verify_no_link_script
from bindery.prefixes.linking import unpacked_folder
from bindery.prefixes.members import ensure_members, read_members
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
    from collections.abc import Iterator, Mapping

    from bindery.core import Store
    from bindery.prefixes.contents import PackageContents, PythonLayout
    from bindery.prefixes.members import PackedMember

_UNCOMPILED_FOLDERS = frozenset({"test", "tests", "idle_test"})


def expect_tree(
    packages: tuple[PackageContents, ...], prefix: str, platform: str, store: Store | None = None
) -> ExpectedTree:
    """Return the tree that the packages make in a folder that is, or will be, at ``prefix``.

    With a store, what it keeps of archives is used, so that they need not be read again.

    Raises:
        BadInput: an archive is damaged or contradicts itself, or a package has a link script.

    """
    python = find_python(packages)
    entries: dict[str, Expected] = {}
    losers: dict[str, list[str]] = defaultdict(list)
    for package in sorted(packages, key=lambda package: package.locked.name):
        reader = _PayloadReader(package, prefix, platform, store)
        for path, entry in _expect_package(package, python, reader):
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
    package: PackageContents, python: PythonLayout | None, reader: _PayloadReader
) -> Iterator[tuple[str, Expected]]:
    locked = package.locked
    if package.noarch == "python" and python is None:
        raise BadInput("needs Python, and the lock has none", locked.url)
    for packed, entry in reader.read():
        path = _installed_path(packed, python) if package.noarch == "python" and python else packed
        verify_no_link_script(path, locked.name, locked.url)
        yield path, entry
    if package.noarch == "python" and python:
        for script in package.entry_points:
            data = encode_script(script, f"{reader.prefix}/{python.executable}", reader.platform)
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
    """One package's payload as it is in the prefix."""

    def __init__(self, package: PackageContents, prefix: str, platform: str, store: Store | None) -> None:
        self.prefix, self.platform = prefix, platform
        self._package, self._store = package, store
        self._seen: dict[str, ExpectedFile] = {}

    def read(self) -> Iterator[tuple[str, Expected]]:
        """Yield each file and link with its name in the archive."""
        archive, locked, paths = self._package.archive, self._package.locked, self._package.paths
        digested = {name for name, packed in paths.items() if packed.placeholder or not packed.sha256}
        if self._store is None:
            members = read_members(archive, digested)
        else:
            members = ensure_members(archive, locked.sha256.hex, digested, self._store)
        members = tuple(member for member in members if member.name in paths)  # nobody installs the others
        missing = paths.keys() - {member.name for member in members}
        replaced = self._replace_all([member for member in members if self._has_placeholder(member)])
        for member in members:
            yield member.name, self._expect(member, replaced)
        if missing:
            raise BadInput(f"misses {min(missing)}, which its paths.json names", str(archive))

    def _has_placeholder(self, member: PackedMember) -> bool:
        return member.kind == "file" and self._package.paths[member.name].placeholder is not None

    def _expect(self, member: PackedMember, replaced: Mapping[str, tuple[str, int]]) -> Expected:
        archive, package = str(self._package.archive), self._package.locked.name
        if member.kind == "link":
            return ExpectedLink(package, member.target)
        if member.kind == "hard":
            entry = self._seen.get(member.target)
            if entry is None:
                raise BadInput(f"{member.name} is a link to {member.target}, which does not come before it", archive)
        elif member.kind == "file":
            packed = self._package.paths[member.name]
            claimed = (packed.sha256, packed.size_bytes) if packed.sha256 else (member.sha256, member.size_bytes)
            sha256, size_bytes = replaced.get(member.name, claimed)
            entry = ExpectedFile(package, sha256, size_bytes, EXECUTABLE if member.is_executable else PLAIN)
        else:
            raise BadInput(f"{member.name} is neither a file nor a link", archive)
        self._seen[member.name] = entry
        return entry

    def _replace_all(self, members: list[PackedMember]) -> dict[str, tuple[str, int]]:
        """Return digest and size of the files that have a placeholder, with the prefix in its place."""
        found: dict[str, tuple[str, int]] = {}
        for member in members:
            data = self._unpacked(member)
            if data is None:
                break  # the package is not unpacked yet, or somebody edited it
            found[member.name] = self._replace(member.name, data)
        wanted = {member.name for member in members} - found.keys()
        if wanted:
            with open_payload(self._package.archive) as (tar, packed):
                for header in packed:
                    name = plain_name(header)
                    if name in wanted:
                        found[name] = self._replace(name, read_member(tar, header, self._package.archive))
        return found

    def _unpacked(self, member: PackedMember) -> bytes | None:
        if self._store is None:
            return None
        try:
            data = (unpacked_folder(self._store, self._package.locked) / member.name).read_bytes()
        except OSError:
            return None
        return data if digest_bytes(data).hex == member.sha256 else None

    def _replace(self, name: str, data: bytes) -> tuple[str, int]:
        placeholder = self._package.paths[name].placeholder
        if placeholder and placeholder.mode == "binary":
            data = replace_binary(data, placeholder.text, self.prefix, f"{self._package.locked.url}: {name}")
        elif placeholder:
            data = replace_text(data, placeholder.text, self.prefix, self.platform)
        return digest_bytes(data).hex, len(data)
