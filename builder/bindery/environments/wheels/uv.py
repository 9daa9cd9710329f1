"""uv, asked where wheels are. It answers from the index that the user has configured, whichever that is."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bindery.core import BadInput, Digest, ToolFailed, run_process
from bindery.environments.wheels.pins import Pin
from bindery.environments.wheels.tags import UV_PLATFORM, best_file_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TIMEOUT_S = 600.0
_NO_WHEEL = re.compile(r"([A-Za-z0-9._-]+==\S+) has no (?:usable )?wheels")
_NO_VERSION = re.compile(r"there is no version of ([A-Za-z0-9._-]+==\S+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """A pinned wheel and where it can be fetched: an http(s) or file URL. ``size_bytes`` is None if unknown."""

    pin: Pin
    url: str
    size_bytes: int | None

    @property
    def file_name(self) -> str:
        """The wheel's own file name."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class _ListedWheel:
    hashes: dict[str, str]
    url: str | None = None
    path: str | None = None
    size: int | None = None
    name: str | None = None

    @property
    def file_name(self) -> str:
        return self.name or unquote(urlsplit(self.url or self.path or "").path.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class _ListedPackage:
    name: str
    version: str
    wheels: tuple[_ListedWheel, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pylock:
    """The keys of a ``pylock.toml`` that matter here. Source: PEP 751."""

    packages: tuple[_ListedPackage, ...] = ()


def locate_wheels(
    pins: Sequence[Pin], minor: str, *, where: str, environ: Mapping[str, str], folder: Path
) -> tuple[Wheel, ...]:
    """Return where each pinned wheel is, in the order of the pins. ``folder`` is where uv looks for its settings.

    Raises:
        BadInput: a pin has no wheel, or none with its hash.
        ToolFailed: uv failed, for instance because no index answers.

    """
    text = "".join(f"{pin}\n" for pin in pins)
    listed = _list_wheels(text, ["--universal"], minor, where=where, environ=environ, folder=folder)
    return tuple(_find(pin, listed.get(pin.name, ()), where, folder) for pin in pins)


def best_wheels(
    requirements: str, minor: str, *, where: str, environ: Mapping[str, str], folder: Path
) -> tuple[Pin, ...]:
    """Return a pin of the wheel that fits the platform best, for each ``name==version`` line.

    Raises:
        BadInput: one has no wheel for this platform.
        ToolFailed: uv failed.

    """
    options = ["--python-platform", UV_PLATFORM]
    output = _compile(requirements, options, minor, where=where, environ=environ, folder=folder)
    pins = []
    for package in _parse(output).packages:
        named = {wheel.file_name: wheel for wheel in package.wheels}
        best = best_file_name(named, minor)
        if best is None:
            raise BadInput(f"{package.name}=={package.version} has no wheel for {UV_PLATFORM}", where)
        digest = Digest("sha256", named[best].hashes["sha256"])
        pins.append(Pin(name=package.name, version=package.version, digest=digest))
    return tuple(pins)


def run_uv(
    arguments: Sequence[str | Path], *, environ: Mapping[str, str], folder: Path, stdin: str = ""
) -> tuple[int, str, str]:
    """Return the status of ``uv pip compile``, or of another command that needs a Python, and its stdout and stderr."""
    # uv's own package finds the program beside it.
    from uv import find_uv_bin  # noqa: PLC0415

    finished = run_process(
        # It reasons for another Python than the one it is given, which builds what has no wheel. Without, it would try
        # every Python that it finds, for seconds, and the answer could depend on them.
        [find_uv_bin(), "--no-progress", "--color", "never", *arguments, "--python", sys.executable],
        env=uv_environ(environ),
        cwd=folder,
        timeout_s=TIMEOUT_S,
        stdin=stdin.encode(),
        check=False,
    )
    return finished.status, finished.stdout.decode(errors="replace"), finished.stderr.decode(errors="replace")


def uv_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: an index that is configured for pip alone counts for uv as well."""
    result = dict(environ) | {"UV_PYTHON_DOWNLOADS": "never"}
    for pip, ours in (("PIP_INDEX_URL", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")), ("PIP_EXTRA_INDEX_URL", ("UV_INDEX",))):
        if pip in environ and not any(name in environ for name in (*ours, "UV_EXTRA_INDEX_URL")):
            result[ours[0]] = environ[pip]
    return result


def _list_wheels(
    requirements: str, options: Sequence[str], minor: str, *, where: str, environ: Mapping[str, str], folder: Path
) -> dict[str, tuple[_ListedWheel, ...]]:
    output = _compile(requirements, options, minor, where=where, environ=environ, folder=folder)
    return {package.name: package.wheels for package in _parse(output).packages}


def _compile(
    requirements: str, options: Sequence[str], minor: str, *, where: str, environ: Mapping[str, str], folder: Path
) -> str:
    arguments = ["pip", "compile", "-", "--no-deps", "--format", "pylock.toml", "--python-version", minor]
    arguments += ["--only-binary", ":all:", "--no-header", "--no-annotate", *options]
    status, out, err = run_uv(arguments, environ=environ, folder=folder, stdin=requirements)
    if status != 0:
        raise explain_failure(err, where)
    return out


def explain_failure(stderr: str, where: str) -> BadInput | ToolFailed:
    """Return the error that uv's messages describe."""
    for pattern, why in ((_NO_WHEEL, "has no wheel, and Bindery builds none"), (_NO_VERSION, "is not in the index")):
        found = pattern.search(" ".join(stderr.split()))
        if found:
            return BadInput(f"{found[1]} {why}", where, "pin another version")
    # uv warns that it will reason for a Python that it does not find, which is what it is asked to do.
    told = [line for line in stderr.strip().splitlines() if not line.startswith("warning: ")]
    lines = "".join(f"\n  | {line}" for line in told)
    return ToolFailed(
        f"uv could not find the wheels{lines}", where, "check the index that UV_DEFAULT_INDEX or uv.toml names"
    )


def _parse(text: str) -> _Pylock:
    # Takes longer to import than a channel that is there takes to be found.
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    try:
        return TypeAdapter(_Pylock).validate_python(tomllib.loads(text))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ToolFailed(f"uv printed something that is not a pylock.toml: {error}") from error


def _find(pin: Pin, wheels: Sequence[_ListedWheel], where: str, folder: Path) -> Wheel:
    for wheel in wheels:
        if wheel.hashes.get("sha256") == pin.digest.hex:
            url = wheel.url if wheel.url is not None else (folder / str(wheel.path)).absolute().as_uri()
            return Wheel(pin=pin, url=url, size_bytes=wheel.size)
    raise BadInput(
        f"{pin}: none of its {len(wheels)} wheels has the {pin.digest}", where, "bindery channel --update-pins"
    )
