"""The ``pip:`` section of a spec, resolved by uv against what conda provides.

Source: PEP 751 for uv's answer, which names each file's URL and hash.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from posixpath import expandvars
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, write_file
from bindery.environments.fields import Fields
from bindery.environments.lockfile import LockedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bindery.environments.spec import Requirement, Spec

# The oldest systems that the conda packages are solved for: see virtual_packages.
_UV_PLATFORMS = {
    "linux-64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "osx-64": "x86_64-apple-darwin",
    "osx-arm64": "aarch64-apple-darwin",
}
_VIA = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==\S+\s+# via (?P<via>.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """What uv is asked for one platform: requirements, conda's packages by PyPI's name, a folder to write in."""

    platform: str
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
    kept: Mapping[str, str] | None = None,
) -> tuple[LockedPackage, ...]:
    """Return the pip packages of the platform, with URLs and hashes, that conda does not provide; sorted by name.

    What conda provides stays in the version that it has there, and what is ``kept``, a name with its version, in that
    one. ``folder`` is empty, and is written to.

    Raises:
        BadInput: there is no python, or the requirements contradict each other or conda's packages.
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
        requirements=requirements,
        provided=_provided(conda),
        python=versions["python"],
        folder=folder,
        where=where,
    )
    write_file(folder / "requirements.in", "".join(f"{_line(asked)}\n" for asked in requirements))
    pins = "".join(f"{name}=={version}\n" for name, version in question.provided.items())
    write_file(folder / "conda.txt", pins)
    write_file(folder / "kept.txt", "".join(f"{name}=={version}\n" for name, version in (kept or {}).items()))
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
    arguments += ["--python-platform", _UV_PLATFORMS[question.platform], "--python-version", question.python]
    status, out, err = run_uv(arguments, environ=os.environ, folder=question.folder)
    if status != 0:
        lines = "".join(f"\n  | {line.strip()}" for line in err.splitlines() if not line.startswith("warning:"))
        raise BadInput(
            f"the pip section cannot be resolved for {question.platform} beside conda's packages{lines}",
            question.where,
            "relax a version, or take the package from conda",
        )
    return out


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
