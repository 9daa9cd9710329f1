from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Digest, Settings
from bindery.environments import Lock, LockedPackage, find_environment, read_lock, render_explicit, write_lock

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.environments import Environment


def test_published_lock_renders_as_with_conda_lock(pangeo_notebook: Environment) -> None:
    lock = read_lock(pangeo_notebook.lock_path)
    for platform in lock.platforms:
        assert render_explicit(lock, platform) == _by_conda_lock(pangeo_notebook.lock_path, platform)


def test_committed_lock_renders_as_with_conda_lock(project_settings: Settings) -> None:
    path = find_environment(project_settings, "pangeo").lock_path
    lock = read_lock(path)
    for platform in lock.platforms:
        assert render_explicit(lock, platform) == _by_conda_lock(path, platform)


def test_circles_pip_packages_and_categories_render_as_with_conda_lock(tmp_path: Path) -> None:
    lock = Lock(
        packages=(
            _package("python", {"pip", "zlib", "python"}),
            _package("pip", {"python", "setuptools"}),
            _package("setuptools", {"python"}),
            _package("zlib", {"__glibc"}),
            _package("one", {"two", "three"}),
            _package("two", {"one"}),
            _package("three", {"two"}),
            _package("linter", {"python"}, category="dev"),
            _package("cmocean", {"numpy", "packaging"}, manager="pip"),
            _package("packaging", set(), manager="pip"),
        ),
        content_hash=(("linux-64", "abc"),),
        channels=(),
        platforms=("linux-64",),
        sources=("environment.yml",),
    )
    write_lock(lock, tmp_path / "conda-lock.yml")
    assert render_explicit(lock, "linux-64") == _by_conda_lock(tmp_path / "conda-lock.yml", "linux-64")
    assert "linter" not in render_explicit(lock, "linux-64")
    assert "linter" in render_explicit(lock, "linux-64", ("main", "dev"))


def test_other_platform_is_refused(pangeo_notebook: Environment) -> None:
    lock = read_lock(pangeo_notebook.lock_path)
    with pytest.raises(BadInput) as caught:
        render_explicit(lock, "win-64")
    assert str(caught.value) == (
        "conda-lock.yml: is not locked for win-64, only for linux-64, linux-aarch64, osx-64, osx-arm64"
    )
    with pytest.raises(BadInput) as caught:
        lock.digest("win-64")
    assert str(caught.value) == (
        "conda-lock.yml: is not locked for win-64, only for linux-64, linux-aarch64, osx-64, osx-arm64"
    )


def _package(name: str, needs: set[str], *, manager: str = "conda", category: str = "main") -> LockedPackage:
    return LockedPackage(
        name=name,
        version="1",
        manager="pip" if manager == "pip" else "conda",
        platform="linux-64",
        dependencies=tuple((needed, "") for needed in sorted(needs)),
        url=f"https://example.org/noarch/{name}-1-0.conda",
        md5=Digest("md5", "0" * 32) if manager == "conda" else None,
        sha256=Digest("sha256", "0" * 64),
        category=category,
        optional=category != "main",
    )


def _by_conda_lock(path: Path, platform: str) -> str:
    from conda_lock.conda_lock import render_lockfile_for_platform  # noqa: PLC0415 - two seconds
    from conda_lock.lockfile import parse_conda_lock_file  # noqa: PLC0415

    lines = render_lockfile_for_platform(
        lockfile=parse_conda_lock_file(path),
        include_dev_dependencies=False,
        extras=set(),
        kind="explicit",
        platform=platform,
        suppress_warning_for_pip_and_explicit=True,
    )
    return "\n".join(lines) + "\n"
