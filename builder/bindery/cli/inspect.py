"""``bindery inspect``: what is in a lock, an image, or a SIF."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import click

from bindery.cli.options import json_option
from bindery.cli.tables import print_table
from bindery.cli.targets import find_image, find_sif, project_settings
from bindery.core import BadInput, WrongUse, default_store, encode_json, host_platform
from bindery.environments import DependencyGraph, count_packages, list_lock, read_facts, read_named_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import ListedPackage, NamedLock, PlatformInventory, Sum

DEEPEST = 100
NOT_KNOWN = "not known"
MOST_LICENCES = 8


@click.command("inspect")
@click.argument("target")
@click.option(
    "--tree", "tree_of", metavar="[PACKAGE]", is_flag=False, flag_value="", help="Show what needs what, as a tree."
)
@click.option("--depth", type=click.IntRange(1, DEEPEST), help="How deep the tree is; 1 for all, 3 for one package.")
@click.option("--needed-by", metavar="PACKAGE", help="Show what needs this package.")
@click.option("--platform", help="The platform of the tree; else this machine's.")
@json_option
def command(
    *, target: str, tree_of: str | None, depth: int | None, needed_by: str | None, platform: str | None, as_json: bool
) -> None:
    """Show what is in a lock, an image, or a Singularity file.

    Of a lock: packages by platform and category, channels, sizes, licences, what needs what.

    TARGET is an environment (pangeo), a release of it (pangeo@2025.08.14), a lock file, or one of these in a revision
    of git (HEAD~3:pangeo). Sizes and licences are those that this machine's store knows; nothing is fetched.

    Or it is an image: in the store (pangeo:2025.08.14), oci:FOLDER[:NAME], docker://HOST/NAME[:TAG],
    docker-daemon:NAME or container:NAME. Shown are its environment, release, lock and base as it says itself, the sizes
    of packages and layers, and how the notebooks of its release fared. What it says is proven by `bindery verify`.

    Or it is a Singularity file (pangeo.sif): the same, and its apps, its compression, and how many files it holds.
    """
    sif = find_sif(target)
    if sif is not None:
        if tree_of is not None or needed_by is not None or depth is not None or platform is not None:
            raise WrongUse("trees and platforms are of locks, and this is a SIF", target, "leave the options out")
        from bindery.cli.inspect_sif import inspect_sif_file  # noqa: PLC0415 - locks need nothing of it

        inspect_sif_file(sif, as_json=as_json)
        return
    image = find_image(target)
    if image is not None:
        if tree_of is not None or needed_by is not None or depth is not None or platform is not None:
            raise WrongUse("trees and platforms are of locks, and this is an image", target, "leave the options out")
        from bindery.cli.inspect_image import inspect_target  # noqa: PLC0415 - locks need nothing of it

        inspect_target(image, as_json=as_json)
        return
    if tree_of is not None and needed_by is not None:
        raise WrongUse("--tree and --needed-by look in opposite directions", fix="give one of them")
    named = read_named_lock(target, cache(project_settings))
    if tree_of is None and needed_by is None:
        if platform is not None:
            raise WrongUse("--platform is for --tree and --needed-by", fix="leave it out")
        _inspect(named, as_json=as_json)
        return
    chosen = _platform(named, platform)
    graph = DependencyGraph.of(list_lock(named.lock, named.label, named.direct), chosen)
    if needed_by is not None:
        _show_dependents(graph, _found(graph, needed_by, named, chosen), as_json=as_json)
    elif tree_of:
        _show_tree(graph, [_found(graph, tree_of, named, chosen).name], depth or 3, as_json=as_json)
    else:
        _show_tree(graph, sorted(graph.direct), depth or 1, as_json=as_json)


def _platform(named: NamedLock, platform: str | None) -> str:
    if platform is None:
        host = host_platform()
        return host if host in named.lock.platforms else named.lock.platforms[0]
    if platform not in named.lock.platforms:
        raise BadInput(f"is not locked for {platform}, only for {', '.join(named.lock.platforms)}", named.label)
    return platform


def _found(graph: DependencyGraph, name: str, named: NamedLock, platform: str) -> ListedPackage:
    package = graph.find(name)
    if package is None:
        raise BadInput(f"has no package {name} for {platform}", named.label)
    return package


def _inspect(named: NamedLock, *, as_json: bool) -> None:
    store = default_store(os.environ)
    inventories = count_packages(named.lock, store)
    if not as_json:
        _show(named, inventories)
        return
    facts = read_facts(named.lock.packages, store)
    packages: list[Json] = [
        {
            "name": package.name,
            "version": package.version,
            "build": package.build,
            "manager": package.manager,
            "platform": package.platform,
            "category": package.category,
            "url": package.url,
            "direct": package.name in named.direct,
            "archive_bytes": facts[package.url].archive_bytes,
            "installed_bytes": facts[package.url].installed_bytes,
            "licence": facts[package.url].licence,
        }
        for package in named.lock.packages
    ]
    document: Json = {
        "schema": 1,
        "label": named.label,
        "channels": [channel.url for channel in named.lock.channels],
        "metadata": dict(named.lock.custom_metadata),
        "platforms": [_inventory_as_json(one) for one in inventories],
        "packages": packages,
    }
    click.echo(encode_json(document))


def _show(named: NamedLock, inventories: Sequence[PlatformInventory]) -> None:
    rows = [
        (
            one.platform,
            str(one.packages),
            str(one.noarch),
            str(one.pip),
            ", ".join(f"{name} {count}" for name, count in one.categories),
            _size(one.archives, one.packages),
            _size(one.installed, one.packages),
            _licences(one),
        )
        for one in inventories
    ]
    print_table(("platform", "packages", "noarch", "pip", "categories", "archives", "installed", "licences"), rows)
    channels = ", ".join(channel.url for channel in named.lock.channels)
    click.echo(f"channels: {channels or 'none'}; asked for by name: {len(named.direct)}", err=True)


def _size(found: Sum, packages: int) -> str:
    if not found.known:
        return NOT_KNOWN
    size = f"{found.size_bytes / 1e6:.1f} MB"
    return size if found.known == packages else f"{size} ({found.known} known)"


def _licences(inventory: PlatformInventory) -> str:
    named = [f"{name} {count}" for name, count in inventory.licences if name is not None]
    unknown = [f"{NOT_KNOWN} {count}" for name, count in inventory.licences if name is None]
    if not named:
        return NOT_KNOWN
    more = [f"{len(named) - MOST_LICENCES} others"] if len(named) > MOST_LICENCES else []
    return ", ".join(named[:MOST_LICENCES] + more + unknown)


def _inventory_as_json(one: PlatformInventory) -> Json:
    return {
        "platform": one.platform,
        "packages": one.packages,
        "noarch": one.noarch,
        "pip": one.pip,
        "categories": dict(one.categories),
        "archives": {"bytes": one.archives.size_bytes, "known": one.archives.known},
        "installed": {"bytes": one.installed.size_bytes, "known": one.installed.known},
        "licences": {name: count for name, count in one.licences if name is not None},
        "licences_not_known": sum(count for name, count in one.licences if name is None),
    }


def _show_tree(graph: DependencyGraph, roots: Sequence[str], depth: int, *, as_json: bool) -> None:
    branches = graph.tree(roots, depth)
    if as_json:
        lines: list[Json] = [
            {
                "depth": branch.depth,
                "name": branch.package.name,
                "version": branch.package.version,
                "wanted": branch.wanted,
                "repeated": branch.is_repeated,
            }
            for branch in branches
        ]
        click.echo(encode_json({"schema": 1, "tree": lines}))
        return
    for branch in branches:
        wanted = f"  {branch.wanted}" if branch.wanted else ""
        above = "  (see above)" if branch.is_repeated else ""
        click.echo(f"{'  ' * branch.depth}{branch.package.name} {branch.package.version}{wanted}{above}")


def _show_dependents(graph: DependencyGraph, package: ListedPackage, *, as_json: bool) -> None:
    dependents = graph.dependents(package.name)
    is_direct = package.name in graph.direct
    if as_json:
        found: list[Json] = [{"name": one.name, "version": one.version, "wanted": wanted} for one, wanted in dependents]
        document: Json = {"schema": 1, "name": package.name, "direct": is_direct, "needed_by": found}
        click.echo(encode_json(document))
        return
    print_table(("package", "version", "wants"), [(one.name, one.version, wanted) for one, wanted in dependents])
    asked = "; the spec asks for it by name" if is_direct else ""
    click.echo(f"{package.name} {package.version}: needed by {len(dependents)}{asked}", err=True)
