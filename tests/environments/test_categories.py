from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bindery.core import Digest
from bindery.environments import LockedPackage, Requirement
from bindery.environments.categories import with_categories

NAMES = ("a", "b", "c-d", "e", "f")
# No circles: conda-lock's walk takes exponential time in them.
GRAPHS = st.fixed_dictionaries(
    {name: st.sets(st.sampled_from([*NAMES[place + 1 :], "__glibc"])) for place, name in enumerate(NAMES)}
)
REQUESTS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["main", "dev", "docs"]), min_size=1)


@settings(deadline=None, max_examples=60)
@given(graph=GRAPHS, requests=REQUESTS)
def test_categories_are_conda_locks(graph: dict[str, set[str]], requests: dict[str, str]) -> None:
    packages = [_package(name, needs) for name, needs in graph.items()]
    asked = [Requirement(name=name, category=category) for name, category in requests.items()]
    found: dict[str, set[str]] = {}
    for package in with_categories(packages, asked):
        found.setdefault(package.name, set()).add(package.category)
        assert package.optional == (package.category != "main")
    theirs = _by_conda_lock(graph, requests)
    # What nobody asked for would be missing from a lock of conda-lock's; solvers do not choose such packages.
    assert found == {name: categories or {"main"} for name, categories in theirs.items()}


def test_names_may_be_spelt_in_several_ways() -> None:
    packages = [_package("typing_extensions", set()), _package("x", {"typing-extensions"})]
    found = with_categories(packages, [Requirement(name="x", category="dev")])
    assert [(package.name, package.category) for package in found] == [("typing_extensions", "dev"), ("x", "dev")]


def _package(name: str, needs: set[str]) -> LockedPackage:
    return LockedPackage(
        name=name,
        version="1",
        manager="conda",
        platform="linux-64",
        dependencies=tuple((needed, "") for needed in sorted(needs)),
        url=f"https://example.org/noarch/{name}-1-0.conda",
        md5=Digest("md5", "0" * 32),
        sha256=Digest("sha256", "0" * 64),
    )


def _by_conda_lock(graph: dict[str, set[str]], requests: dict[str, str]) -> dict[str, set[str]]:
    from conda_lock.lockfile import apply_categories  # noqa: PLC0415 - two seconds
    from conda_lock.lockfile.v2prelim.models import HashModel, LockedDependency  # noqa: PLC0415
    from conda_lock.models.lock_spec import VersionedDependency  # noqa: PLC0415

    planned = {
        name: LockedDependency(
            name=name,
            version="1",
            manager="conda",
            platform="linux-64",
            dependencies=dict.fromkeys(sorted(needs), ""),
            url="https://example.org/noarch/x-1-0.conda",
            hash=HashModel(md5="0"),
        )
        for name, needs in graph.items()
    }
    requested = {
        name: VersionedDependency(name=name, version="", category=category) for name, category in requests.items()
    }
    apply_categories(requested=requested, planned=planned, mapping_url="unused")
    return {name: package.categories for name, package in planned.items()}
