"""What is installed when somebody writes ``pangeo@2025.08.14``, and what is said when it was withdrawn."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Store, digest_bytes, read_settings
from bindery.environments import (
    Environment,
    Lock,
    LockedChannel,
    Realised,
    Withdrawal,
    find_installable,
    plan_rebuild,
    plan_release,
    realise,
    wheel_lock,
    withdraw_release,
    write_lock,
    write_release,
)
from bindery.environments.wheels import WheelChannel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bindery.environments import PackagesChoice

SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [python=3.12, xarray]\n"
DATE = dt.date(2026, 12, 1)


class Told(NoProgress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def ocean(make_environment: Callable[[str], Environment]) -> Environment:
    """Return a locked environment with pins of wheels; nothing of it is on this machine."""
    environment = make_environment(SPEC)
    (environment.folder / "wheels-3.12.txt").write_text(f"xarray==2025.7.1 --hash=sha256:{'0' * 64}\n")
    return environment


@pytest.fixture
def wheels(monkeypatch: pytest.MonkeyPatch, channel: Path) -> list[Environment]:
    """Let the small channel pass for one made of wheels; return the environments that a channel was made for."""
    found = WheelChannel(
        folder=channel, digest=digest_bytes(b"wheels"), python_version="3.12.11", glibc="2.17", packages=80
    )
    asked: list[Environment] = []

    def make(environment: Environment, **_: object) -> WheelChannel:
        asked.append(environment)
        return found

    monkeypatch.setattr(wheel_lock, "ensure_wheel_channel", make)
    return asked


def publish(ocean: Environment, version: str, **metadata: str) -> Lock:
    """Release a lock without packages, whose channel is a port that nothing listens on."""
    lock = Lock(
        packages=(),
        content_hash=(("linux-64", "0" * 64),),
        channels=(LockedChannel(url="http://127.0.0.1:9/conda-forge"),),
        platforms=("linux-64",),
        sources=("environment.yml",),
        custom_metadata=tuple(metadata.items()),
    )
    write_lock(lock, ocean.lock_path)
    # What is released as wheels need not be solved for the spec.
    write_release(ocean, plan_release(ocean, lock, version=version, packages="wheels"))
    return lock


def take(ocean: Environment, target: str, packages: PackagesChoice, told: Told) -> Realised:
    return realise(
        find_installable(read_settings(ocean.folder), target),
        packages=packages,
        interpreter=None,
        platform="linux-64",
        store=Store(ocean.folder.parent.parent / "store"),
        progress=told,
    )


def test_release_is_taken_from_its_own_folder(ocean: Environment, told: Told) -> None:
    lock = publish(ocean, "2026.11.22")
    ocean.lock_path.write_text("nothing that the release is made of", encoding="utf-8")
    ocean.spec_path.write_text("nothing that the release is made of", encoding="utf-8")
    found = take(ocean, "ocean@2026.11.22", "conda-forge", told)
    assert (found.lock, found.label, found.release) == (lock, "Ocean 2026.11.22", "2026.11.22")
    assert found.environment.folder == ocean.releases_folder / "2026.11.22"
    assert told.sentences == []


def test_substitute_of_a_release_is_made_of_what_was_released(
    ocean: Environment, told: Told, wheels: list[Environment]
) -> None:
    publish(ocean, "2026.11.22")
    ocean.spec_path.write_text(SPEC.replace("xarray", "zarr"), encoding="utf-8")
    found = take(ocean, "ocean@2026.11.22", "auto", told)
    assert told.sentences == [
        (
            "ocean@2026.11.22: http://127.0.0.1:9/conda-forge does not answer; "
            "taking the wheels that were pinned for this release instead (--packages names one of the two)"
        )
    ]
    assert (found.packages, found.label, found.release) == ("wheels", "Ocean 2026.11.22 (wheels)", "2026.11.22")
    names = {package.name for package in found.installed}
    assert "xarray" in names
    assert "zarr" not in names
    (asked,) = wheels
    assert [path.read_bytes() for path in asked.wheels_paths] == [path.read_bytes() for path in ocean.wheels_paths]


def test_release_without_pins_has_no_substitute(ocean: Environment, told: Told) -> None:
    (ocean.folder / "wheels-3.12.txt").unlink()
    publish(ocean, "2026.11.22")
    with pytest.raises(BadInput) as caught:
        take(ocean, "ocean@2026.11.22", "wheels", told)
    assert str(caught.value) == (
        f"{ocean.releases_folder / '2026.11.22'}: the release has no pins of wheels\n"
        "  fix: install it where conda-forge answers, with --packages conda-forge"
    )


@pytest.mark.usefixtures("wheels")
def test_release_of_wheels_is_made_of_wheels(ocean: Environment, told: Told) -> None:
    publish(ocean, "2026.11.22", packages="wheels")
    assert take(ocean, "ocean@2026.11.22", "auto", told).packages == "wheels"
    assert told.sentences == [
        (
            "ocean@2026.11.22: it is a release of wheels; "
            "taking the wheels that were pinned for this release instead (--packages names one of the two)"
        ),
        (
            "ocean@2026.11.22: the wheels are those of the release, with this machine's Python 3.12.11: "
            "other files than were released"
        ),
    ]
    with pytest.raises(BadInput) as caught:
        take(ocean, "ocean@2026.11.22", "conda-forge", told)
    assert str(caught.value) == (
        "ocean@2026.11.22: is a release of wheels: conda-forge has no packages of it\n  fix: add --packages wheels"
    )


def test_withdrawal_is_said(ocean: Environment, told: Told) -> None:
    publish(ocean, "2026.11.22")
    write_release(ocean, plan_rebuild(ocean, None, date=DATE))
    withdraw_release(ocean, "2026.11.22", Withdrawal(date=DATE, reason="a wrong base", instead="2026.11.22-1"))
    take(ocean, "ocean", "conda-forge", told)
    take(ocean, "ocean@2026.11.22-1", "conda-forge", told)
    assert told.sentences == []
    take(ocean, "ocean@2026.11.22", "conda-forge", told)
    said = "ocean@2026.11.22 was withdrawn on 2026-12-01: a wrong base; take ocean@2026.11.22-1 instead"
    assert told.sentences == [said]
    withdraw_release(ocean, "2026.11.22-1", Withdrawal(date=DATE, reason="another"))
    found = take(ocean, "ocean", "conda-forge", told)
    assert told.sentences == [said, "ocean@2026.11.22-1 was withdrawn on 2026-12-01: another"]
    assert (found.label, found.release) == ("Ocean", None)


def test_damaged_release_is_not_installed(ocean: Environment, told: Told) -> None:
    publish(ocean, "2026.11.22")
    path = ocean.releases_folder / "2026.11.22" / "conda-lock.yml"
    path.write_bytes(path.read_bytes().replace(b"linux-64", b"linux-65"))
    with pytest.raises(BadInput) as caught:
        take(ocean, "ocean@2026.11.22", "conda-forge", told)
    assert caught.value.what == "the released file has changed"


def test_unknown_release_is_named(ocean: Environment, told: Told) -> None:
    with pytest.raises(BadInput) as caught:
        take(ocean, "ocean@1999.01.01", "conda-forge", told)
    assert caught.value.what == "there is no release 1999.01.01 of ocean"
