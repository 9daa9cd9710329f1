from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bindery.images.layer_plan import BUCKETS, LARGE_BYTES, MOST_OF_PACKAGES, LayerPlan, plan_layers

names = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=6)
sizes = st.integers(0, 3 * LARGE_BYTES) | st.sampled_from([LARGE_BYTES - 1, LARGE_BYTES])
packages = st.dictionaries(names, sizes, max_size=150).map(lambda found: tuple(found.items()))


@given(packages, st.randoms())
def test_every_package_is_in_one_layer_whatever_the_order(some: tuple[tuple[str, int], ...], random: object) -> None:
    plan = plan_layers(some)

    assert sorted(name for layer in plan for name in layer.packages) == sorted(name for name, _ in some)
    assert len(plan) <= MOST_OF_PACKAGES
    assert len({layer.title for layer in plan}) == len(plan)
    assert all(layer.packages for layer in plan)
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan_layers(shuffled) == plan


@given(packages, names, st.integers(0, LARGE_BYTES - 1))
def test_a_small_package_that_comes_goes_or_grows_changes_one_layer(
    some: tuple[tuple[str, int], ...], name: str, size_bytes: int
) -> None:
    without = {layer.title: layer for layer in plan_layers([one for one in some if one[0] != name])}
    small = {
        layer.title: layer for layer in plan_layers([*(one for one in some if one[0] != name), (name, size_bytes)])
    }

    changed = [title for title in without.keys() | small.keys() if without.get(title) != small.get(title)]
    assert len(changed) == 1


def test_large_packages_come_first_and_buckets_depend_on_names_alone() -> None:
    assert plan_layers(
        [("xarray", 1), ("zlib", LARGE_BYTES), ("dask", 2), ("arrow", 3 * LARGE_BYTES), ("numpy", LARGE_BYTES - 1)]
    ) == (
        LayerPlan(title="arrow", packages=("arrow",)),
        LayerPlan(title="zlib", packages=("zlib",)),
        LayerPlan(title="packages 07", packages=("xarray",)),
        LayerPlan(title="packages 15", packages=("dask",)),
        LayerPlan(title="packages 28", packages=("numpy",)),
    )
    assert plan_layers([]) == ()


def test_of_too_many_large_packages_the_largest_have_their_own() -> None:
    plan = plan_layers([(f"p{number:03}", LARGE_BYTES + number) for number in range(300)])
    own = MOST_OF_PACKAGES - BUCKETS
    assert [layer.title for layer in plan[:own]] == [f"p{number:03}" for number in range(300 - own, 300)]
    assert len(plan) == MOST_OF_PACKAGES
