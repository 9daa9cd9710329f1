"""Names of Debian packages: those that a repository asks for, and those that a base has.

Source: Debian Policy 4.6, sections 5.6.1 ("Source") and 5.6.12 ("Version"); dpkg-query(1) for the status file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# apt takes more than names: options, patterns, files, and a minus behind a name, which removes the package.
_WANTED = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](?:=(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*)?")
_INSTALLED = "install ok installed"
APT_FILE = "apt.txt"


@dataclass(frozen=True, order=True, kw_only=True, slots=True)
class BasePackage:
    """A package of a base; ``arch`` is Debian's word: ``amd64``, ``arm64``, ``all``."""

    name: str
    version: str
    arch: str

    def __str__(self) -> str:
        """Return ``name=version=arch``."""
        return f"{self.name}={self.version}={self.arch}"


def parse_base_package(text: str, where: str) -> BasePackage:
    """Return the package that ``name=version=arch`` says.

    Raises:
        BadInput: the text is not of that form.

    """
    parts = text.split("=")
    if len(parts) != 3 or not all(parts):
        raise BadInput(f"{text!r} is not a package, name=version=arch", where)
    return BasePackage(name=parts[0], version=parts[1], arch=parts[2])


def parse_apt_packages(text: str, where: str = APT_FILE) -> tuple[str, ...]:
    """Return the packages that an ``apt.txt`` lists, sorted: ``name`` or ``name=version`` each.

    Raises:
        BadInput: a word of it is not the name of a package.

    """
    words = [word for line in text.splitlines() for word in line.partition("#")[0].split()]
    return check_apt_packages(words, where)


def check_apt_packages(words: Sequence[str], where: str = APT_FILE) -> tuple[str, ...]:
    """Return the words sorted, each once, if each is the name of a package and nothing else.

    Raises:
        BadInput: one of them is not.

    """
    for word in words:
        if not _WANTED.fullmatch(word):
            raise BadInput(f"{word!r} is not the name of a Debian package", where, "write one name on each line")
    return tuple(sorted(set(words)))


def parse_status(text: str) -> tuple[BasePackage, ...]:
    """Return the packages that dpkg's ``status`` says are installed, sorted."""
    found = (
        BasePackage(name=one.get("Package", ""), version=one.get("Version", ""), arch=one.get("Architecture", ""))
        for one in _stanzas(text)
        if one.get("Status") == _INSTALLED
    )
    return tuple(sorted(found))


def describe_difference(locked: Sequence[BasePackage], found: Sequence[BasePackage]) -> str:
    """Return what is in one of them only, at most ten packages; empty if they are the same."""
    before, after = ({(one.name, one.arch): one.version for one in some} for some in (locked, found))
    lines = [
        f"{name} {before.get((name, arch), 'is new')} -> {after.get((name, arch), 'gone')}"
        for name, arch in sorted(before.keys() | after.keys())
        if before.get((name, arch)) != after.get((name, arch))
    ]
    more = [f"and {len(lines) - 10} more"] if len(lines) > 10 else []
    return ", ".join(lines[:10] + more)


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    for stanza in text.split("\n\n"):
        # Lines that go on with a field start with a space.
        fields = (line.partition(":") for line in stanza.splitlines() if line and not line[0].isspace())
        yield {key: value.strip() for key, _, value in fields}
