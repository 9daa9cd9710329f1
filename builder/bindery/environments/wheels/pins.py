"""``wheels-<minor>.txt``: which wheels an environment has, each pinned to one file by its hash.

The file is a pip requirements file with one line per wheel, so that pip and uv can install it as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bindery.core import BadInput, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bindery.environments.environment import Environment

_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?P<hashes>(?: --hash=\S+)*)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Pin:
    """One wheel: its project's canonical name, its version, the digest of its file."""

    name: str
    version: str
    digest: Digest

    def __str__(self) -> str:
        """Return the pin as people write it."""
        return f"{self.name}=={self.version}"


def pins_path(environment: Environment, minor: str) -> Path:
    """Return where the environment's pins for this minor version of Python are, or would be."""
    return environment.folder / f"wheels-{minor}.txt"


def pinned_minors(environment: Environment) -> tuple[str, ...]:
    """Return the minor versions of Python for which every layer has pins, newest first."""
    found = {path.stem.removeprefix("wheels-") for path in environment.wheels_paths}
    have_all = (minor for minor in found if all(pins_path(layer, minor).is_file() for layer in environment.layers))
    return tuple(sorted(have_all, key=Version, reverse=True))


def read_pins(environment: Environment, minor: str) -> tuple[Pin, ...]:
    """Return the pins of the environment and of those it extends, sorted by name; its own pins win.

    Raises:
        BadInput: a file is missing or is not a file of pins.

    """
    pins: dict[str, Pin] = {}
    for layer in environment.layers:
        path = pins_path(layer, minor)
        if not path.is_file():
            raise BadInput("there are no pins of wheels", str(path), f"bindery channel {layer.name} --update-pins")
        pins |= {pin.name: pin for pin in parse_pins(path.read_text(encoding="utf-8"), str(path), layer.name)}
    return tuple(sorted(pins.values()))


def parse_pins(text: str, where: str, environment: str) -> tuple[Pin, ...]:
    """Return the pins in the text, sorted by name.

    Raises:
        BadInput: a line is not a pin, has not exactly one SHA-256, or pins a project twice.

    """
    pins: dict[str, Pin] = {}
    fix = f"bindery channel {environment} --update-pins"
    joined = text.replace("\\\n", "   ")
    for line in (line.split(" #")[0].strip() for line in joined.splitlines()):
        if not line or line.startswith("#"):
            continue
        pin = _parse_line(" ".join(line.split()), where, fix)
        if pin.name in pins:
            raise BadInput(f"{pin.name} is pinned twice", where, fix)
        pins[pin.name] = pin
    return tuple(sorted(pins.values()))


def _parse_line(line: str, where: str, fix: str) -> Pin:
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadInput(f"{line!r} is not a pin: expected name==version --hash=sha256:...", where, fix)
    name, version = canonicalize_name(match["name"]), match["version"]
    try:
        Version(version)
    except InvalidVersion as error:
        raise BadInput(f"{name}: {version!r} is not a version", where, fix) from error
    hashes = match["hashes"].split()
    found = _HASH.fullmatch(hashes[0]) if len(hashes) == 1 else None
    if found is None:
        raise BadInput(f"{name}: expected exactly one --hash=sha256:..., found {len(hashes)} hashes", where, fix)
    return Pin(name=name, version=version, digest=Digest("sha256", found[1]))


def encode_pins(pins: Iterable[Pin], environment: str, minor: str) -> str:
    """Return the pins as the text of their file, sorted by name."""
    head = (
        f"# The wheels of the environment {environment} for Python {minor} on linux-64, each pinned to one file.\n"
        f"# Made by: bindery channel {environment} --python {minor} --update-pins\n"
    )
    return head + "".join(f"{pin} --hash={pin.digest}\n" for pin in sorted(pins))
