"""The lock of a wheel channel: the same spec, solved from PyPI's files instead of conda-forge's.

It is a substitute. It lives in the store, under a key made of the spec and the channel, and says in its
``custom_metadata`` what it is.
"""

from __future__ import annotations

import platform as host
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.version import Version

from bindery.core import BadInput, ToolFailed, digest_bytes, encode_json
from bindery.environments.content_hash import content_hashes
from bindery.environments.lockfile import LockedChannel, encode_lock, read_lock
from bindery.environments.realised import Realised
from bindery.environments.realising import make_label
from bindery.environments.releases import release_of
from bindery.environments.spec import Requirement, Spec, read_spec
from bindery.environments.wheels import ensure_wheel_channel, read_pins
from bindery.environments.wheels.names import conda_name

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Progress, Store
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock
    from bindery.environments.wheels import WheelChannel


def realise_wheels(
    environment: Environment, *, interpreter: str | None, platform: str, store: Store, progress: Progress
) -> Realised:
    """Return the environment made of wheels and of an interpreter of this machine.

    Raises:
        BadInput: the spec, the pins, a wheel or the interpreter cannot be used, or the channel does not hold the spec.
        ToolFailed: this machine or a tool cannot do it.

    """
    if environment.release and not environment.wheels_paths:
        raise BadInput(
            "the release has no pins of wheels",
            str(environment.folder),
            "install it where conda-forge answers, with --packages conda-forge",
        )
    channel = ensure_wheel_channel(environment, interpreter=interpreter, store=store, progress=progress)
    _refuse_older_glibc(channel)
    spec = _spec_of_channel(environment, channel, platform, progress)
    lock = read_lock(_ensure_lock(environment, spec, channel, store, progress))
    _say_other_files(environment, lock, platform, channel, progress)
    return Realised(
        environment=environment,
        lock=lock,
        packages="wheels",
        platform=platform,
        label=f"{make_label(environment, _committed_release(environment, platform))} (wheels)",
        release=environment.release,
        mirrors={channel.url: channel.folder.as_uri() + "/"},
    )


def _ensure_lock(environment: Environment, spec: Spec, channel: WheelChannel, store: Store, progress: Progress) -> Path:
    key = digest_bytes(encode_json([dict(content_hashes(spec)), str(channel.digest)])).hex

    def build(work: Path) -> None:
        # Most calls find the lock in the store.
        from bindery.environments.solve import SolveOptions, solve_lock  # noqa: PLC0415

        options = SolveOptions(
            mirrors={channel.url: str(channel.folder)},
            glibc=channel.glibc,
            metadata=(
                ("packages", "wheels"),
                ("wheel_channel", str(channel.digest)),
                ("substitute_for", f"the conda-forge packages of {environment.name}: other files, other hashes"),
            ),
        )
        lock = solve_lock(spec, work, store=store, progress=progress, options=options)
        # Where the sources are on this machine is of no use to whoever reads the lock elsewhere.
        sources = tuple(path.relative_to(environment.folder.parent).as_posix() for path in spec.sources)
        work.write_text(encode_lock(replace(lock, sources=sources)), encoding="utf-8")

    return store.ensure("wheel-locks", key, build)


def _spec_of_channel(environment: Environment, channel: WheelChannel, platform: str, progress: Progress) -> Spec:
    """Return the spec as the channel can meet it: its own Python, no builds, no other channels."""
    found = LockedChannel(url=channel.url.rstrip("/"))
    if environment.sources:
        spec = read_spec(environment, (platform,))
        asked = spec.requirements_for(platform)
        requirements = tuple(_for_wheels(one) for one in asked if not _is_implied_pip(one, asked))
    else:
        spec = Spec(requirements=(), channels=(), sources=())
        pins = read_pins(environment, channel.python_minor)
        requirements = tuple(Requirement(name=conda_name(pin.name)) for pin in pins)
    requirements = _with_python(requirements, channel, environment, progress)
    return replace(spec, requirements=((platform, requirements),), channels=(found,), pip_repositories=())


def _for_wheels(asked: Requirement) -> Requirement:
    name = conda_name(asked.name) if asked.manager == "pip" else asked.name
    version = "" if asked.version == "*" else asked.version
    return Requirement(name=name, category=asked.category, version=version)


def _is_implied_pip(one: Requirement, asked: tuple[Requirement, ...]) -> bool:
    # conda-lock adds pip to every spec with a pip section, whose packages are part of the channel here.
    return one.name == "pip" and one.manager == "conda" and any(other.manager == "pip" for other in asked)


def _with_python(
    requirements: tuple[Requirement, ...], channel: WheelChannel, environment: Environment, progress: Progress
) -> tuple[Requirement, ...]:
    ours = Requirement(name="python", version=f"{channel.python_minor}.*")
    wanted = next((one for one in requirements if one.name == "python"), None)
    if wanted is not None and wanted.version not in {"", ours.version}:
        progress.say(
            f"{environment.name}: environment.yml asks for python {wanted.version}, and the wheels are for the "
            f"interpreter {channel.python_version}"
        )
    return (ours, *(one for one in requirements if one.name != "python"))


def _refuse_older_glibc(channel: WheelChannel) -> None:
    name, version = host.libc_ver()
    if name == "glibc" and Version(version) < Version(channel.glibc):
        raise ToolFailed(
            f"its files ask for glibc {channel.glibc}, and this machine has {version}",
            str(channel.folder),
            "make the channel on this machine, or with --python of an older distribution",
        )


def _say_other_files(
    environment: Environment, lock: Lock, platform: str, channel: WheelChannel, progress: Progress
) -> None:
    """Say that a release of wheels is not what was released, where this machine's interpreter is another one."""
    if environment.release is None or not environment.lock_path.is_file():
        return
    released = read_lock(environment.lock_path, environment.fix)
    of_wheels = dict(released.custom_metadata).get("packages") == "wheels"
    if of_wheels and platform in released.platforms and released.digest(platform) != lock.digest(platform):
        progress.say(
            f"{environment.title}: the wheels are those of the release, with this machine's Python "
            f"{channel.python_version}: other files than were released"
        )


def _committed_release(environment: Environment, platform: str) -> str | None:
    if environment.release:
        return environment.release
    if not environment.lock_path.is_file():
        return None
    lock = read_lock(environment.lock_path, environment.fix)
    return release_of(environment, lock, platform) if platform in lock.platforms else None
