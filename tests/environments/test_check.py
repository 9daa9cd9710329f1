from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.environments import Environment, Lock, check_environment, check_lock, find_environment, write_lock
from bindery.environments.content_hash import content_hashes
from bindery.environments.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.core import Settings

SPEC = "channels: [conda-forge]\nplatforms: [linux-64, osx-64]\ndependencies: [numpy]\n"


def lock_of(environment: Environment) -> Lock:
    spec = read_spec(environment)
    hashes = tuple(content_hashes(spec).items())
    return Lock(
        packages=(), content_hash=hashes, channels=spec.channels, platforms=spec.platforms, sources=("environment.yml",)
    )


def test_committed_environments_are_as_they_should_be(project_settings: Settings) -> None:
    for name in ("base", "pangeo", "hpc", "ml"):
        assert check_environment(find_environment(project_settings, name)).findings == ()


def test_changed_spec_makes_the_lock_stale(make_environment: Callable[[str], Environment]) -> None:
    environment = make_environment(SPEC)
    write_lock(lock_of(environment), environment.lock_path)
    assert check_lock(environment) == ()
    make_environment(SPEC.replace("numpy", "numpy>=2"))
    (finding,) = check_lock(environment)
    assert finding.what == "was solved for another spec than environment.yml is now, on linux-64, osx-64"
    fix = "bindery lock ocean --keep, or without --keep to have the newest of everything"
    assert (finding.where, finding.fix) == (str(environment.lock_path), fix)


def test_changed_platforms_make_the_lock_stale(make_environment: Callable[[str], Environment]) -> None:
    environment = make_environment(SPEC)
    write_lock(lock_of(environment), environment.lock_path)
    make_environment(SPEC.replace(", osx-64", ""))
    (finding,) = check_lock(environment)
    assert finding.what == "is locked for linux-64, osx-64, and the spec asks for linux-64"


def test_missing_lock_is_found_unless_there_are_wheels(make_environment: Callable[[str], Environment]) -> None:
    environment = make_environment(SPEC)
    (finding,) = check_lock(environment)
    assert finding.what == "there is no lock"
    (environment.folder / "wheels-3.12.txt").touch()
    assert check_lock(environment) == ()


def test_unreadable_lock_is_a_finding(make_environment: Callable[[str], Environment]) -> None:
    environment = make_environment(SPEC)
    environment.lock_path.write_text("version: 7\n", encoding="utf-8")
    (finding,) = check_environment(environment).findings
    assert finding.what == "version is 7, and Bindery reads version 1"
