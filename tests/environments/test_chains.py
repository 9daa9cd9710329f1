from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, digest_bytes
from bindery.environments import PackageList, compare_lists, explain_change, list_lock, read_lock
from bindery.environments.chains import DependencyGraph
from bindery.environments.package_lists import ListedPackage

if TYPE_CHECKING:
    from pathlib import Path


def listed(label: str, needs: dict[str, list[str]], direct: set[str], version: str = "1") -> PackageList:
    packages = tuple(
        ListedPackage(
            name=name,
            platform="linux-64",
            version=version,
            build="0",
            digest=digest_bytes(name.encode()),
            dependencies=tuple((one.partition(" ")[0], one.partition(" ")[2]) for one in needed),
        )
        for name, needed in needs.items()
    )
    return PackageList(label=label, packages=packages, direct=frozenset(direct))


NEEDS = {
    "notebook": ["server >=2", "lab"],
    "lab": ["server", "node"],
    "server": ["zmq_lib"],
    "zmq-lib": ["libstdcxx"],
    "node": ["libstdcxx", "node"],
    "libstdcxx": ["libgcc"],
    "libgcc": ["libstdcxx", "__glibc >=2.17"],
}


def names(graph: DependencyGraph, name: str) -> list[str]:
    return [" ".join(package.name for package in chain) for chain in graph.chains_to(name)]


def test_chains_are_the_shortest_from_each_direct_dependency() -> None:
    graph = DependencyGraph.of(listed("x", NEEDS, {"notebook", "lab", "absent"}), "linux-64")
    assert names(graph, "zmq_lib") == ["lab server zmq-lib", "notebook server zmq-lib"]
    assert names(graph, "libgcc") == ["lab node libstdcxx libgcc", "notebook server zmq-lib libstdcxx libgcc"]
    assert names(graph, "lab") == ["lab", "notebook lab"]
    assert names(graph, "absent") == []
    assert DependencyGraph.of(listed("x", NEEDS, set()), "osx-64").chains_to("lab") == ()


def test_a_chain_ends_at_each_package_that_the_spec_needs(published: Path) -> None:
    folder = published / "2025.08.14" / "pangeo-notebook"
    lock = read_lock(folder / "conda-lock.yml")
    direct = frozenset(one.name for one in lock.packages) - {
        name for one in lock.packages for name, _ in one.dependencies if name != one.name
    }
    graph = DependencyGraph.of(list_lock(lock, "x", direct), "linux-64")
    for key in graph.packages:
        for chain in graph.chains_to(key):
            assert chain[0].name in direct
            for upper, lower in itertools.pairwise(chain):
                assert lower.name in {name for name, _ in upper.dependencies}


def test_dependents_and_tree() -> None:
    graph = DependencyGraph.of(listed("x", NEEDS, {"notebook"}), "linux-64")
    assert [(one.name, wanted) for one, wanted in graph.dependents("server")] == [("lab", ""), ("notebook", ">=2")]
    lines = [
        f"{'  ' * line.depth}{line.package.name} {line.wanted}".rstrip() + ("…" if line.is_repeated else "")
        for line in graph.tree(["notebook"], depth=99)
    ]
    assert lines == [
        "notebook",
        "  lab",
        "    node",
        "      libstdcxx",
        "        libgcc",
        "          libstdcxx…",
        "    server",
        "      zmq-lib",
        "        libstdcxx…",
        "  server >=2…",
    ]
    assert [line.package.name for line in graph.tree(["notebook"], depth=1)] == ["notebook", "lab", "server"]
    assert graph.find("ZMQ.lib") is graph.packages["zmq-lib"]


def test_deep_chains_do_not_exhaust_the_stack() -> None:
    needs = {f"p{index}": [f"p{index + 1}"] for index in range(5000)} | {"p5000": []}
    graph = DependencyGraph.of(listed("x", needs, {"p0"}), "linux-64")
    assert len(graph.chains_to("p5000")[0]) == 5001
    assert len(graph.tree(["p0"], depth=10_000)) == 5001


def test_explanation_says_what_is_new_and_what_was_older() -> None:
    before = listed("old", {name: NEEDS[name] for name in ("server", "zmq-lib", "libstdcxx", "libgcc")}, {"server"})
    after = listed("new", NEEDS, {"notebook"}, version="2")
    first, second = explain_change(compare_lists(before, after), "zmq-lib")
    assert (first.label, first.chains) == ("old", (("server 1", "zmq-lib 1"),))
    assert (second.label, second.platforms) == ("new", ("linux-64",))
    assert second.chains == (("notebook 2 (new)", "server 2 (>=2; was 1)", "zmq-lib 2 (was 1)"),)


def test_unknown_package_has_no_explanation() -> None:
    both = compare_lists(listed("old", NEEDS, set()), listed("new", NEEDS, set()))
    with pytest.raises(BadInput) as caught:
        explain_change(both, "nothing")
    assert str(caught.value) == "old, new: neither has a package nothing"
