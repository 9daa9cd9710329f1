"""Anything that lists packages with their versions: a lock, a release's lock, pins of wheels, today or in git."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, read_settings
from bindery.environments.direct import find_direct, find_roots
from bindery.environments.environment import LOCK_NAME, find_environment
from bindery.environments.git_revisions import open_revision, split_revision
from bindery.environments.lockfile import parse_lock, read_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.core import Digest, Settings
    from bindery.environments.direct import ReadText
    from bindery.environments.lockfile import Lock, Manager, Pairs

WHEELS_PLATFORM = "linux-64"
_PINS = ".txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedPackage:
    """A package on a platform. ``build`` is empty for a wheel, whose name here is conda-forge's all the same."""

    name: str
    platform: str
    version: str
    build: str
    digest: Digest
    manager: Manager = "conda"
    dependencies: Pairs = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageList:
    """Packages, and the name that people know the list by; ``of_wheels`` if PyPI's files and not conda's.

    ``direct`` are the names that the spec asks for; where there is no spec, those that nothing else needs.
    """

    label: str
    packages: tuple[ListedPackage, ...]
    of_wheels: bool = False
    direct: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedLock:
    """A lock, the name that people know it by, and the names that its spec asks for (see ``PackageList``)."""

    label: str
    lock: Lock
    direct: frozenset[str]


def list_lock(lock: Lock, label: str, direct: frozenset[str] = frozenset()) -> PackageList:
    """Return the packages of the lock, those of its optional categories as well, each once."""
    packages = {
        package.key: ListedPackage(
            name=package.name,
            platform=package.platform,
            version=package.version,
            build=package.build,
            digest=package.sha256,
            manager=package.manager,
            dependencies=package.dependencies,
        )
        for package in lock.packages
    }
    return PackageList(label=label, packages=tuple(packages.values()), direct=direct)


def read_package_list(target: str, settings: Callable[[], Settings]) -> PackageList:
    """Return what the target lists.

    It is a file, ``pangeo``, ``pangeo@2025.08.14``, or one of these behind a git revision, ``HEAD~3:pangeo``. The
    settings are asked for only where a project is needed.

    Raises:
        BadInput: there is no such thing, or it cannot be read.
        ToolFailed: git is needed and is not there.

    """
    found = _read_target(target, settings)
    return found if isinstance(found, PackageList) else list_lock(found.lock, found.label, found.direct)


def read_named_lock(target: str, settings: Callable[[], Settings]) -> NamedLock:
    """Return the lock that the target is: one of ``read_package_list``'s targets, but no pins.

    Raises:
        BadInput: there is no such thing, it cannot be read, or it is a list of pins.
        ToolFailed: git is needed and is not there.

    """
    found = _read_target(target, settings)
    if isinstance(found, PackageList):
        raise BadInput("is a list of pins of wheels, and a lock is asked for", target)
    return found


def _read_target(target: str, settings: Callable[[], Settings]) -> NamedLock | PackageList:
    path = Path(target)
    if path.is_file():
        if path.suffix == _PINS:
            return _list_pins(
                f"{_pins_below(path)}{path.read_text(encoding='utf-8')}", target, path.absolute().parent.name
            )
        return _with_direct(read_lock(path), target, _reader(path.parent))
    revision = split_revision(target)
    if revision is not None:
        return _read_at_revision(target, *revision, settings())
    if "/" in target:
        raise BadInput("there is no such file", target)
    name, _, version = target.partition("@")
    environment = find_environment(settings(), name)
    if not version:
        lock = read_lock(environment.lock_path, environment.fix)
        return _with_direct(lock, target, _reader(environment.folder))
    # Releases bring dates and JSON, which other targets do without.
    from bindery.environments.releases import find_release  # noqa: PLC0415

    folder = find_release(environment, version).folder
    return _with_direct(read_lock(folder / LOCK_NAME), target, _reader(folder, environment.folder))


def _with_direct(lock: Lock, label: str, read: ReadText) -> NamedLock:
    direct = find_direct(lock.sources, read) or find_roots(lock.packages)
    return NamedLock(label=label, lock=lock, direct=direct)


def _reader(*folders: Path) -> ReadText:
    def read(name: str) -> str | None:
        for folder in folders:
            path = folder / name
            if path.is_file():
                return path.read_text(encoding="utf-8", errors="replace")
        return None

    return read


def _read_at_revision(target: str, revision: str, rest: str, settings: Settings) -> NamedLock | PackageList:
    opened = open_revision(revision, settings.root)
    if "/" in rest or rest.endswith((".yml", ".yaml", _PINS)):
        folder, _, file_name = rest.rpartition("/")
    else:
        name, _, version = rest.partition("@")
        # The dot makes it git's business where in the repository the project is.
        folder, file_name = f"./{settings.environments_folder.name}/{name}", LOCK_NAME
        if version:
            folder = f"{folder}/releases/{version}"
    path = f"{folder}/{file_name}" if folder else file_name
    text = opened.read(path)
    if text is None:
        raise BadInput(f"there is no {path.removeprefix('./')} in this revision", target)
    if file_name.endswith(_PINS):
        return _list_pins(text, target, folder.rpartition("/")[2])
    above = [folder, folder.partition("/releases/")[0]]

    def read(name: str) -> str | None:
        return next(filter(None, (opened.read(f"{one}/{name}" if one else name) for one in above)), None)

    return _with_direct(parse_lock(text, target), target, read)


def _pins_below(path: Path) -> str:
    """Return the lines of the layers below, if these are the pins of a project's environment: it adds to theirs."""
    folder = path.absolute().parent
    settings = read_settings(folder)
    if folder.parent != settings.environments_folder or not path.stem.startswith("wheels-"):
        return ""
    from bindery.environments.wheels.pins import encode_pins, parse_pins, read_pins  # noqa: PLC0415 - see below

    environment, minor = find_environment(settings, folder.name), path.stem.removeprefix("wheels-")
    own = {pin.name for pin in parse_pins(path.read_text(encoding="utf-8"), str(path), folder.name)}
    return encode_pins((pin for pin in read_pins(environment, minor) if pin.name not in own), folder.name, minor)


def _list_pins(text: str, label: str, environment_name: str) -> PackageList:
    # Wheels bring what fetches and converts them, which only this function's callers want.
    from bindery.environments.wheels.names import conda_name  # noqa: PLC0415
    from bindery.environments.wheels.pins import parse_pins  # noqa: PLC0415

    packages = tuple(
        ListedPackage(
            name=conda_name(pin.name),
            platform=WHEELS_PLATFORM,
            version=pin.version,
            build="",
            digest=pin.digest,
            manager="pip",
        )
        for pin in parse_pins(text, label, environment_name)
    )
    return PackageList(label=label, packages=packages, of_wheels=True)
