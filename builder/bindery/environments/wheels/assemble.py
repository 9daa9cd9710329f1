"""A channel, made: wheels fetched, converted on all cores, and indexed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bindery.core import encode_json, parse_json
from bindery.environments.wheels.channel import SUBDIRS, SUMMARY_NAME
from bindery.environments.wheels.convert import (
    RECORD_NAME,
    Conversion,
    convert_wheel,
    link_or_copy,
    metapackage,
    write_package,
)
from bindery.environments.wheels.download import KIND as WHEELS
from bindery.environments.wheels.download import fetch_wheels
from bindery.environments.wheels.names import METAPACKAGES, conda_name
from bindery.environments.wheels.requirements import Target, conda_depends
from bindery.environments.wheels.uv import locate_wheels
from bindery.environments.wheels.wheel import open_wheel, read_metadata
from bindery.environments.wheels.workers import core_count, map_processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.requirements import Requirement

    from bindery.core import Json, Progress, Store
    from bindery.environments.wheels.archive import CondaPackage
    from bindery.environments.wheels.pins import Pin

SMALL_BYTES = 1_000_000
"""Of wheels that are converted sooner than other processes are started."""
_GLIBC = re.compile(r"__glibc >=(\d+)\.(\d+)")


def assemble_channel(  # noqa: PLR0913 - a channel is made of all of these
    work: Path,
    pins: Sequence[Pin],
    python_version: str,
    python: Path,
    *,
    where: str,
    folder: Path,
    store: Store,
    progress: Progress,
    environ: Mapping[str, str],
) -> None:
    """Make the channel in the folder ``work``. ``python`` holds the packages of the interpreter.

    Raises:
        BadInput: a pin or a wheel cannot be used.
        ToolFailed: uv, a server, or a process that converts failed, or the disk is full.

    """
    missing = [pin for pin in pins if not store.path(WHEELS, pin.digest.hex).exists()]
    if missing:
        minor = ".".join(python_version.split(".")[:2])
        progress.say(f"looking for {len(missing)} wheels in the package index")
        fetch_wheels(locate_wheels(missing, minor, where=where, environ=environ, folder=folder), store, progress)
    conversions, metapackages = plan_conversions(pins, Target(python_version=python_version), store)
    folders = [*sorted(path for path in python.iterdir() if path.is_dir())]
    with progress.task("convert wheels", sum(item.size_bytes for item in conversions), "bytes") as task:
        for conversion, converted in convert_all(conversions):
            folders.append(converted)
            task.advance(conversion.size_bytes)
    for package in metapackages:
        made = work.with_name(f"{package.stem}.meta")
        write_package(made, package, ())
        folders.append(made)
    _index(work, folders, python_version)


def convert_all(conversions: Sequence[Conversion]) -> Iterator[tuple[Conversion, Path]]:
    """Yield each with the folder that holds its package and its record, which is made if it was not there.

    Raises:
        BadInput: a wheel is not one.
        ToolFailed: a process that converts failed, or the disk is full or cannot be written.

    """
    missing = []
    for conversion in conversions:
        folder = conversion.folder
        if folder.exists():
            yield conversion, folder
        else:
            missing.append(conversion)
    if sum(conversion.size_bytes for conversion in missing) > SMALL_BYTES:
        yield from map_processes(convert_wheel, missing, core_count())
    else:
        yield from ((conversion, convert_wheel(conversion)) for conversion in missing)


def plan_conversions(pins: Sequence[Pin], target: Target, store: Store) -> tuple[list[Conversion], list[CondaPackage]]:
    """Return what has to be converted, the largest first, and the metapackages that these wheels allow.

    Raises:
        BadInput: a wheel cannot be read.

    """
    required: dict[str, Sequence[Requirement]] = {}
    for pin in pins:
        with open_wheel(store.path(WHEELS, pin.digest.hex), str(pin)) as wheel:
            required[pin.name] = read_metadata(wheel, str(pin)).requires
    conversions = []
    for pin in pins:
        path = store.path(WHEELS, pin.digest.hex)
        depends = conda_depends(pin.name, (), required, target)
        conversions.append(
            Conversion(
                wheel=path,
                digest=pin.digest,
                label=str(pin),
                size_bytes=path.stat().st_size,
                depends=depends,
                target=target,
                store=store,
            )
        )
    conversions.sort(key=lambda conversion: (-conversion.size_bytes, conversion.label))
    return conversions, list(_plan_metapackages(pins, required, target))


def _plan_metapackages(
    pins: Sequence[Pin], required: Mapping[str, Sequence[Requirement]], target: Target
) -> Iterable[CondaPackage]:
    versions = {pin.name: pin.version for pin in pins}
    there = {conda_name(name) for name in versions}
    for meta in METAPACKAGES:
        own = conda_name(meta.wheel)
        if meta.wheel not in versions or not there.issuperset(meta.needs):
            continue
        depends = {f"{own} =={versions[meta.wheel]}", *meta.needs}
        if meta.extras:
            plain = conda_depends(meta.wheel, (), required, target)
            depends |= {*conda_depends(meta.wheel, meta.extras, required, target)} - {*plain}
        if all(spec.split(" ")[0] in there for spec in depends):
            yield metapackage(meta.name, versions[meta.wheel], tuple(sorted(depends)))


def _index(work: Path, folders: Sequence[Path], python_version: str) -> None:
    indexed: dict[str, dict[str, Json]] = {subdir: {} for subdir in SUBDIRS}
    glibc = (0, 0)
    for subdir in SUBDIRS:
        (work / subdir).mkdir(parents=True)
    for folder in folders:
        match parse_json((folder / RECORD_NAME).read_bytes()):
            case {"file_name": str(name), "record": {"subdir": str(subdir), "depends": list(depends)} as record}:
                link_or_copy(folder / name, work / subdir / name)
                indexed[subdir][name] = record
                asked = (_GLIBC.fullmatch(str(spec)) for spec in depends)
                glibc = max([glibc, *((int(match[1]), int(match[2])) for match in asked if match)])
    for subdir, records in indexed.items():
        repodata: Json = {
            "info": {"subdir": subdir},
            "packages": {},
            "packages.conda": records,
            "removed": [],
            "repodata_version": 1,
        }
        (work / subdir / "repodata.json").write_bytes(encode_json(repodata, indent=1))
    summary: Json = {
        "glibc": f"{glibc[0]}.{glibc[1]}",
        "packages": sum(len(records) for records in indexed.values()),
        "python": python_version,
    }
    (work / SUMMARY_NAME).write_bytes(encode_json(summary, indent=1))
