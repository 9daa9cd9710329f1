"""Environment → what is installed: the committed lock where conda-forge answers, else one of a wheel channel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bindery.core import BadInput, WrongUse
from bindery.environments.channels import resolve_channels
from bindery.environments.lockfile import read_lock
from bindery.environments.mirrors import fetch_mirrors
from bindery.environments.realised import Realised
from bindery.environments.releases import find_release, release_of, withdrawal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Progress, Store
    from bindery.environments.environment import Environment
    from bindery.environments.lockfile import Lock
    from bindery.environments.realised import PackagesChoice

PROBE_TIMEOUT_S = 3.0


def realise(  # noqa: PLR0913 - what is asked for, and what to work with
    environment: Environment,
    *,
    packages: PackagesChoice,
    interpreter: str | None,
    platform: str,
    store: Store,
    progress: Progress,
    mirrors: Mapping[str, str] | None = None,
) -> Realised:
    """Return what is installed on the platform; the committed lock is never changed.

    The environment may be a release, which is installed from its own folder alone; that it was withdrawn is said.
    With ``auto`` the committed lock is taken if its first channel answers, and otherwise a wheel channel, which is
    said in one line. ``interpreter`` is for a wheel channel: a version or a path, None for the one that fits best.
    ``mirrors`` are for the committed lock: from a channel's name or URL to a folder or another URL.

    Raises:
        WrongUse: there are mirrors for a wheel channel, or for a channel that the lock has not.
        BadInput: the lock, the spec or the pins cannot be used.
        ToolFailed: a tool, the network or the disk failed.

    """
    _say_withdrawal(environment, platform, progress)
    if packages == "auto":
        reason = _why_not_conda(environment, interpreter, platform, mirrors or {})
        packages = "wheels" if reason else "conda-forge"
        if reason:
            taken = "the wheels that were pinned for this release" if environment.release else "wheels"
            progress.say(f"{environment.title}: {reason}; taking {taken} instead (--packages names one of the two)")
    if packages == "wheels":
        if mirrors:
            raise WrongUse(
                "--channel-mirror is for conda-forge's packages, and this is made of wheels",
                environment.title,
                "leave it out, or add --packages conda-forge",
            )
        # What fetches and converts wheels is imported where wheels are wanted.
        from bindery.environments.wheel_lock import realise_wheels  # noqa: PLC0415

        return realise_wheels(environment, interpreter=interpreter, platform=platform, store=store, progress=progress)
    if interpreter is not None:
        raise BadInput(
            "--python is for wheel channels: the lock names the Python of conda-forge's packages",
            str(environment.lock_path),
            "leave it out, or add --packages wheels",
        )
    if _is_of_wheels(environment):
        raise BadInput(
            "is a release of wheels: conda-forge has no packages of it", environment.title, "add --packages wheels"
        )
    lock = _read_committed(environment, platform)
    release = environment.release or release_of(environment, lock, platform)
    return Realised(
        environment=environment,
        lock=lock,
        packages="conda-forge",
        platform=platform,
        label=make_label(environment, release),
        release=release,
        mirrors=fetch_mirrors(lock, mirrors) if mirrors else {},
    )


def make_label(environment: Environment, release: str | None) -> str:
    """Return what people read: ``Pangeo 2025.08.14``."""
    title = environment.name.replace("-", " ").title()
    return f"{title} {release}" if release else title


def _why_not_conda(environment: Environment, interpreter: str | None, platform: str, mirrors: Mapping[str, str]) -> str:
    """Return why the committed lock is not taken; empty if it is."""
    if _is_of_wheels(environment):
        return "it is a release of wheels"
    if not environment.lock_path.is_file():
        return "it has no conda-lock.yml yet"
    if interpreter is not None:
        return "an interpreter was chosen"
    channels = resolve_channels(_read_committed(environment, platform).channels, mirrors)
    silent = next((channel.name for channel in channels if not _answers(channel.fetch_url)), None)
    return f"{silent} does not answer" if silent else ""


def _is_of_wheels(environment: Environment) -> bool:
    """Answer whether this is a release whose lock names the wheels of the machine that released it."""
    if environment.release is None or not environment.lock_path.is_file():
        return False
    lock = read_lock(environment.lock_path, environment.fix)
    return dict(lock.custom_metadata).get("packages") == "wheels"


def _say_withdrawal(environment: Environment, platform: str, progress: Progress) -> None:
    """Say that what is asked for was withdrawn, be it by its name or because the lock is a withdrawn release's."""
    published = environment.published_by
    if environment.release:
        withdrawn = find_release(published, environment.release).entry.withdrawn
        found = (environment.release, withdrawn) if withdrawn else None
    elif environment.lock_path.is_file() and environment.releases_folder.is_dir():
        lock = read_lock(environment.lock_path, environment.fix)
        found = withdrawal_of(environment, lock, platform) if platform in lock.platforms else None
    else:
        found = None
    if found:
        version, withdrawal = found
        instead = f"; take {environment.name}@{withdrawal.instead} instead" if withdrawal.instead else ""
        progress.say(f"{environment.name}@{version} was withdrawn on {withdrawal.date}: {withdrawal.reason}{instead}")


def _read_committed(environment: Environment, platform: str) -> Lock:
    lock = read_lock(environment.lock_path, environment.fix)
    if platform not in lock.platforms:
        raise BadInput(
            f"is not locked for {platform}, only for {', '.join(lock.platforms)}",
            str(environment.lock_path),
            f"add {platform} to the platforms in environment.yml, then {environment.fix}",
        )
    return lock


def _answers(channel_url: str) -> bool:
    if channel_url.startswith("file://"):
        return Path(unquote(urlsplit(channel_url).path)).is_dir()
    # With its parsers of headers and addresses it is a fifth of this room's imports.
    import urllib.request  # noqa: PLC0415

    request = urllib.request.Request(f"{channel_url}noarch/repodata.json.zst", method="HEAD")  # noqa: S310 - a channel's
    try:
        with urllib.request.urlopen(request, timeout=PROBE_TIMEOUT_S) as response:  # noqa: S310 - the same
            return bool(response.status < 400)
    except (OSError, ValueError):
        # urllib's errors are kinds of OSError, those of http.client and of odd URLs are not.
        return False
