"""The channel of an environment: its wheels and an interpreter as conda packages, with the index that solvers read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest, ToolFailed, digest_bytes, encode_json, host_platform, parse_json
from bindery.environments.wheels.interpreters import choose_interpreter
from bindery.environments.wheels.pins import pinned_minors, pins_path, read_pins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bindery.core import Json, Progress, Store
    from bindery.environments.environment import Environment
    from bindery.environments.wheels.interpreters import Interpreter
    from bindery.environments.wheels.pins import Pin

KIND = "channels"
INTERPRETERS = "interpreters"
SUMMARY_NAME = "channel.json"
SUBDIRS = ("linux-64", "noarch")
# A new number makes every channel anew: raise it when a channel's bytes change for the same pins and interpreter.
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelChannel:
    """A folder that conda reads as a channel. ``glibc`` is the version that its files ask for, such as ``2.36``."""

    folder: Path
    digest: Digest
    python_version: str
    glibc: str
    packages: int

    @property
    def url(self) -> str:
        """What locks write: the channel is on no server, and the name cannot be on one."""
        return f"https://wheels.invalid/{self.digest.hex}/"

    @property
    def python_minor(self) -> str:
        """Such as ``3.12``."""
        return ".".join(self.python_version.split(".")[:2])


def ensure_wheel_channel(
    environment: Environment,
    *,
    interpreter: str | None,
    store: Store,
    progress: Progress,
    environ: Mapping[str, str] | None = None,
) -> WheelChannel:
    """Return the environment's wheel channel, after making it if it is not in the store.

    ``interpreter`` is a version or a path; None takes the lock's minor version if this machine has it, else the
    distribution's own.

    Raises:
        BadInput: the pins, a wheel, or the interpreter cannot be used.
        ToolFailed: this is not Linux on x86-64, uv or a server failed, or the disk is full.

    """
    _refuse_other_platforms()
    outer = os.environ if environ is None else environ
    chosen = choose_interpreter(
        interpreter,
        locked_minor(environment),
        _minors(environment),
        outer,
        fix=f"bindery channel {environment.name} --update-pins --python VERSION",
    )
    pins = read_pins(environment, chosen.minor)
    python = _ensure_interpreter(chosen, store, progress, outer)
    digest = _channel_digest(pins, chosen.version, python)

    def build(work: Path) -> None:
        # Everything below is imported when a channel is made: finding one that is there takes a tenth of the time.
        from bindery.environments.wheels.assemble import assemble_channel  # noqa: PLC0415

        where = str(pins_path(environment, chosen.minor))
        assemble_channel(
            work,
            pins,
            chosen.version,
            python,
            where=where,
            folder=environment.folder,
            store=store,
            progress=progress,
            environ=outer,
        )

    return read_channel(store.ensure(KIND, digest.hex, build), digest)


def read_channel(folder: Path, digest: Digest) -> WheelChannel:
    """Return the channel that lies in the folder.

    Raises:
        BadInput: its summary cannot be read.

    """
    path = folder / SUMMARY_NAME
    try:
        summary = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput("cannot be read", str(path), f"delete {folder}; it will be made again") from error
    match summary:
        case {"python": str(python), "glibc": str(glibc), "packages": int(packages)}:
            return WheelChannel(folder=folder, digest=digest, python_version=python, glibc=glibc, packages=packages)
    raise BadInput("is no summary of a channel", str(path), f"delete {folder}; it will be made again")


def locked_minor(environment: Environment) -> str | None:
    """Return the minor version of Python in the environment's lock, or in that of one it extends; None without one."""
    from bindery.environments.lockfile import read_lock  # noqa: PLC0415 - a channel of a path needs no lock

    for layer in reversed(environment.layers):
        if layer.lock_path.is_file():
            for package in read_lock(layer.lock_path).packages_for("linux-64"):
                if package.name == "python":
                    return ".".join(package.version.split(".")[:2])
    return None


def _minors(environment: Environment) -> tuple[str, ...]:
    minors = pinned_minors(environment)
    if not minors:
        raise BadInput(
            f"the environment {environment.name} has no wheels-<Python's minor version>.txt",
            str(environment.folder),
            f"bindery channel {environment.name} --update-pins --python VERSION",
        )
    return minors


def _refuse_other_platforms() -> None:
    platform: str = host_platform()
    if platform != "linux-64":
        raise ToolFailed(
            f"wheel channels are made on linux-64 only, this is {platform}", fix="use --packages conda-forge"
        )


def _ensure_interpreter(chosen: Interpreter, store: Store, progress: Progress, environ: Mapping[str, str]) -> Path:
    """Return the folder of the interpreter's packages."""
    from bindery.environments.wheels.cpython import FORMAT as CPYTHON_FORMAT  # noqa: PLC0415
    from bindery.environments.wheels.cpython import source_files, write_python  # noqa: PLC0415

    described: list[Json] = [CPYTHON_FORMAT, str(chosen.base_prefix), chosen.version]
    for path in source_files(chosen):
        status = path.stat()
        described.append([str(path), status.st_size, status.st_mtime_ns, status.st_mode])

    def build(work: Path) -> None:
        with progress.task(f"pack Python {chosen.version}", None, "packages") as task:
            task.advance(write_python(chosen, environ, work))

    return store.ensure(INTERPRETERS, digest_bytes(encode_json(described)).hex, build)


def _channel_digest(pins: Sequence[Pin], version: str, python: Path) -> Digest:
    from bindery.environments.wheels.convert import FORMAT as PACKAGE_FORMAT  # noqa: PLC0415
    from bindery.environments.wheels.cpython import read_identity  # noqa: PLC0415

    return digest_bytes(
        encode_json(
            {
                "format": [FORMAT, PACKAGE_FORMAT],
                "interpreter": str(read_identity(python)),
                "platform": "linux-64",
                "python": version,
                "wheels": [[pin.name, pin.version, str(pin.digest)] for pin in pins],
            }
        )
    )
