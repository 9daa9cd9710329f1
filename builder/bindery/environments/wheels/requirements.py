"""What a wheel requires, said in conda's words: markers evaluated, extras expanded, versions translated.

Source: PyPA "Dependency specifiers" and "Version specifiers"; conda's MatchSpec.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bindery.core import BadInput
from bindery.environments.wheels.names import MISSING_NEEDS, conda_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.specifiers import Specifier, SpecifierSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The interpreter that a channel is made for: its full version, such as ``3.12.1``."""

    python_version: str

    @property
    def minor(self) -> str:
        """Such as ``3.12``."""
        return ".".join(self.python_version.split(".")[:2])

    @property
    def tag(self) -> str:
        """Such as ``312``."""
        return self.minor.replace(".", "")

    def markers(self, extra: str) -> dict[str, str]:
        """Return what environment markers see. The kernel is left out: it is not known what it will be."""
        return {
            "extra": extra,
            "implementation_name": "cpython",
            "implementation_version": self.python_version,
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python_version,
            "python_version": self.minor,
            "sys_platform": "linux",
        }


def parse_requirements(lines: Iterable[str], where: str) -> tuple[Requirement, ...]:
    """Return a wheel's ``Requires-Dist``.

    Raises:
        BadInput: one cannot be read.

    """
    found = []
    for line in lines:
        try:
            found.append(Requirement(line))
        except InvalidRequirement as error:
            raise BadInput(f"Requires-Dist: {line!r} is not a requirement", where) from error
    return tuple(found)


def conda_depends(
    name: str,
    extras: Sequence[str],
    required: Mapping[str, Sequence[Requirement]],
    target: Target,
) -> tuple[str, ...]:
    """Return conda's specs for what the wheel of this canonical name needs with these extras, sorted.

    ``required`` holds the requirements of every wheel of the channel, so that ``other[extra]`` can be expanded.
    """
    own = conda_name(name)
    specs = {_conda_spec(requirement) for requirement in _expand(name, tuple(extras), required, target, set())} | set(
        MISSING_NEEDS.get(name, ())
    )
    return tuple(sorted(spec for spec in specs if spec.split(" ")[0] != own))


def _expand(
    name: str,
    extras: tuple[str, ...],
    required: Mapping[str, Sequence[Requirement]],
    target: Target,
    seen: set[tuple[str, str]],
) -> Iterator[Requirement]:
    for extra in ("", *extras):
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for requirement in required.get(name, ()):
            if not _applies(requirement, extra, target):
                continue
            other = canonicalize_name(requirement.name)
            yield requirement
            for wanted in sorted(requirement.extras):
                yield from _only_extra(other, canonicalize_name(wanted), required, target, seen)


def _only_extra(
    name: str, extra: str, required: Mapping[str, Sequence[Requirement]], target: Target, seen: set[tuple[str, str]]
) -> Iterator[Requirement]:
    """Yield what the extra adds; what the wheel needs without it is written in the wheel's own package."""
    if (name, extra) in seen:
        return
    seen.add((name, extra))
    for requirement in required.get(name, ()):
        if _applies(requirement, extra, target) and not _applies(requirement, "", target):
            yield requirement
            for wanted in sorted(requirement.extras):
                yield from _only_extra(
                    canonicalize_name(requirement.name), canonicalize_name(wanted), required, target, seen
                )


def _applies(requirement: Requirement, extra: str, target: Target) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(dict(target.markers(extra)))


def _conda_spec(requirement: Requirement) -> str:
    return join_spec(conda_name(requirement.name), requirement.specifier)


def join_spec(name: str, specifiers: SpecifierSet) -> str:
    """Return conda's spec for any of the versions that the specifiers allow."""
    parts = [part for specifier in sorted(specifiers, key=str) for part in conda_versions(specifier)]
    return f"{name} {','.join(parts)}" if parts else name


def conda_versions(specifier: Specifier) -> tuple[str, ...]:
    """Return the terms, all of which hold in conda for the versions for which the specifier holds in PyPI."""
    operator, version = specifier.operator, specifier.version
    if version.endswith(".*"):
        return (version if operator == "==" else f"!={version}",)
    match operator:
        case "~=":
            release = Version(version).release[:-1]
            epoch = re.match(r"\d+!", version)
            above = ".".join(map(str, (*release[:-1], release[-1] + 1)))
            return (f">={version}", f"<{epoch[0] if epoch else ''}{above}.0a0")
        case "===":
            return (f"=={version}",)
        case "<" if not Version(version).is_prerelease:
            # In PyPI's order 2.0rc1 is not allowed by <2.0; conda's plain order would let it in.
            return (f"<{version}a0" if "." in version else f"<{version}.0a0",)
        case _:
            return (f"{operator}{version}",)
