"""The ``pip:`` section of a spec, resolved by uv against what conda provides.

Source: PEP 751 for uv's answer, which names each file's URL and hash.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from posixpath import expandvars
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, write_file
from bindery.environments.fields import Fields
from bindery.environments.lockfile import LockedPackage
from bindery.environments.versions import compare_versions

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bindery.environments.spec import Requirement, Spec
    from bindery.environments.virtual_packages import VirtualPackage

_UV_SYSTEMS = {
    "linux-64": "x86_64-manylinux_2_",
    "linux-aarch64": "aarch64-manylinux_2_",
    "osx-64": "x86_64-apple-darwin",
    "osx-arm64": "aarch64-apple-darwin",
}
_UV_GLIBCS = (17, 28, *range(31, 41))  # of glibc 2, those that uv has a name for
_VIA = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==\S+\s+# via (?P<via>.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class PipChoice:
    """Which files of the index there are to choose from.

    ``kept`` are names with the versions that they stay in. ``exclude_newer`` leaves out what was uploaded later, a time
    in UTC. ``machine`` are the virtual packages of the platform: wheels are for its glibc, or its macOS, or older ones.
    ``offline``: only what uv's cache has.
    """

    kept: Mapping[str, str] = field(default_factory=dict)
    exclude_newer: dt.datetime | None = None
    machine: tuple[VirtualPackage, ...] = ()
    offline: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """What uv is asked for one platform: requirements, conda's packages by PyPI's name, a folder to write in."""

    platform: str
    choice: PipChoice
    requirements: tuple[Requirement, ...]
    provided: Mapping[str, str]
    python: str
    folder: Path
    where: str


def resolve_pip(
    spec: Spec,
    platform: str,
    conda: Sequence[LockedPackage],
    *,
    folder: Path,
    where: str,
    choice: PipChoice,
) -> tuple[LockedPackage, ...]:
    """Return the pip packages of the platform, with URLs and hashes, that conda does not provide; sorted by name.

    What conda provides stays in the version that it has there. ``folder`` is empty, and is written to.

    Raises:
        BadInput: there is no python, the requirements contradict each other or conda's packages, or the machine is
            older than all wheels are for.
        ToolFailed: uv failed.

    """
    requirements = tuple(asked for asked in spec.requirements_for(platform) if asked.manager == "pip")
    if not requirements:
        return ()
    versions = {package.name: package.version for package in conda}
    if "python" not in versions:
        raise BadInput("there is a pip section, and no python among the conda packages", where, "add python")
    question = _Question(
        platform=platform,
        choice=choice,
        requirements=requirements,
        provided=_provided(conda),
        python=versions["python"],
        folder=folder,
        where=where,
    )
    write_file(folder / "requirements.in", "".join(f"{_line(asked)}\n" for asked in requirements))
    pins = "".join(f"{name}=={version}\n" for name, version in question.provided.items())
    write_file(folder / "conda.txt", pins)
    write_file(folder / "kept.txt", "".join(f"{name}=={version}\n" for name, version in choice.kept.items()))
    indexes = _indexes(spec)
    listed = _ask(question, [*indexes, "--format", "pylock.toml", "--no-annotate"])
    needs = _needs(_ask(question, [*indexes, "--annotation-style", "line"]))
    document = Fields.of_document(tomllib.loads(listed), "uv's pylock.toml", "")
    packages = document.items("packages") if document.has("packages") else ()
    return tuple(_locked(fields, question, needs) for fields in packages)


def _provided(conda: Sequence[LockedPackage]) -> dict[str, str]:
    # The front door of the wheels imports what fetches them.
    from bindery.environments.wheels.names import pypi_name  # noqa: PLC0415

    found: dict[str, str] = {}
    for package in conda:
        # A C library may have the name of a project on PyPI that is something else.
        name = pypi_name(package.name) if "python" in dict(package.dependencies) else None
        if name is not None and (name not in found or name != package.name):
            found[name] = package.version
    return dict(sorted(found.items()))


def _line(asked: Requirement) -> str:
    extras = f"[{','.join(asked.extras)}]" if asked.extras else ""
    marker = f" ; {asked.markers}" if asked.markers else ""
    if asked.url is not None:
        return f"{asked.name}{extras} @ {asked.url}{marker}"
    parts = [f"=={part}" if part[:1].isdigit() else part for part in asked.version.split(",") if part != "*"]
    return f"{asked.name}{extras}{','.join(parts)}{marker}"


def _indexes(spec: Spec) -> list[str]:
    urls = [expandvars(url) for url in spec.pip_repositories]
    if spec.allow_pypi_requests or not urls:
        return [word for url in urls for word in ("--index", url)]
    return ["--default-index", urls[0], *(word for url in urls[1:] for word in ("--index", url))]


def _ask(question: _Question, options: Sequence[str]) -> str:
    from bindery.environments.wheels.uv import run_uv  # noqa: PLC0415

    hidden = [word for name in question.provided for word in ("--no-emit-package", name)]
    arguments = ["pip", "compile", "requirements.in", "--constraint", "conda.txt", "--constraint", "kept.txt"]
    arguments += ["--no-header", *hidden, *options]
    arguments += ["--python-platform", _system(question), "--python-version", question.python]
    if question.choice.exclude_newer:
        arguments += ["--exclude-newer", question.choice.exclude_newer.isoformat()]
    if question.choice.offline:
        arguments += ["--offline"]
    status, out, err = run_uv(arguments, environ=os.environ | _macos(question.choice), folder=question.folder)
    if status != 0:
        told = (line for line in err.splitlines() if not line.startswith("warning:") or "upload date" in line)
        lines = "".join(f"\n  | {line.strip()}" for line in told)
        raise BadInput(
            f"the pip section cannot be resolved for {question.platform} beside conda's packages{lines}",
            question.where,
            ("run it once without --offline, " if question.choice.offline else "")
            + "relax a version, or take the package from conda",
        )
    return out


def _system(question: _Question) -> str:
    """Return uv's name of the newest system that the machines are sure to be, or to be newer than."""
    name = _UV_SYSTEMS[question.platform]
    if not question.platform.startswith("linux-"):
        return name
    version = _machine_version(question.choice, "__glibc") or "2.17"
    older = [minor for minor in _UV_GLIBCS if (compare_versions(f"2.{minor}", version) or 0) <= 0]
    if not older:
        raise BadInput(
            f"there is a pip section, and no wheels are made for the glibc {version} of {question.platform}",
            question.where,
            "take the packages from conda, or raise __glibc in virtual-packages.yml",
        )
    return f"{name}{older[-1]}"


def _macos(choice: PipChoice) -> dict[str, str]:
    version = _machine_version(choice, "__osx")
    return {"MACOSX_DEPLOYMENT_TARGET": version} if version else {}


def _machine_version(choice: PipChoice, name: str) -> str | None:
    return next((package.version for package in choice.machine if package.name == name), None)


def _needs(annotated: str) -> dict[str, list[str]]:
    """Return what each package needs among the others; uv says the reverse."""
    needs: dict[str, list[str]] = {}
    for match in _VIA.finditer(annotated):
        for parent in match["via"].split(", "):
            if " " not in parent:  # "-r requirements.in", "-c conda.txt"
                needs.setdefault(parent, []).append(match["name"])
    return needs


def _locked(fields: Fields, question: _Question, needs: Mapping[str, list[str]]) -> LockedPackage:
    name = fields.text("name")
    archive = fields.inner("archive") if fields.has("archive") else _chosen_file(fields, question.python)
    if archive is None:
        raise BadInput(f"pip: {name} has no file for {question.platform}", question.where, "pin another version")
    sha256 = archive.inner("hashes").text("sha256") if archive.has("hashes") else ""
    if not sha256:
        raise BadInput(f"pip: the index knows no sha256 of {name}", question.where, "use another index or version")
    url = archive.text("url")
    return LockedPackage(
        name=name,
        version=fields.text("version") if fields.has("version") else "0",
        manager="pip",
        platform=question.platform,
        dependencies=tuple((needed, "") for needed in sorted(needs.get(name, ()))),
        url=url,
        sha256=Digest("sha256", sha256),
        source_url=url if fields.has("archive") else None,
    )


def _chosen_file(fields: Fields, python: str) -> Fields | None:
    """Return the wheel built for this Python, else one for several, else one for any system, else the source."""
    abi = "cp" + "".join(python.split(".")[:2])

    def preference(wheel: Fields) -> tuple[bool, bool, str]:
        url = wheel.text("url")
        return url.endswith("-any.whl"), f"-{abi}-" not in url, url

    wheels = fields.items("wheels") if fields.has("wheels") else ()
    if wheels:
        return min(wheels, key=preference)
    return fields.inner("sdist") if fields.has("sdist") else None
