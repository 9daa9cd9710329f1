from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput, Digest
from bindery.environments.environment import Environment
from bindery.environments.wheels import Pin, encode_pins, pinned_minors, read_pins
from bindery.environments.wheels.names import METAPACKAGES, conda_name, pypi_name, pypi_names, pypi_requirement
from bindery.environments.wheels.pins import parse_pins

ZERO = "0" * 64
FIX = "\n  fix: bindery channel toy --update-pins"

names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5})?", fullmatch=True)
pins = st.builds(
    lambda name, parts, digits: Pin(name=name, version=".".join(map(str, parts)), digest=Digest("sha256", digits)),
    names,
    st.lists(st.integers(0, 99), min_size=1, max_size=4),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)


@given(st.lists(pins, unique_by=lambda pin: pin.name))
def test_parse_gives_back_what_was_encoded(some: list[Pin]) -> None:
    assert parse_pins(encode_pins(some, "toy", "3.12"), "wheels-3.12.txt", "toy") == tuple(sorted(some))


def test_uv_own_layout_is_read() -> None:
    text = f"# by uv\nJupyter_Core==5.8.1 \\\n    --hash=sha256:{ZERO}  # via toy\n\n"

    assert parse_pins(text, "a.txt", "toy") == (
        Pin(name="jupyter-core", version="5.8.1", digest=Digest("sha256", ZERO)),
    )


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("xarray>=2025", "'xarray>=2025' is not a pin: expected name==version --hash=sha256:..."),
        ("xarray==2025.7.1", "xarray: expected exactly one --hash=sha256:..., found 0 hashes"),
        (
            f"xarray==2025.7.1 --hash=sha256:{ZERO} --hash=sha256:{ZERO}",
            "xarray: expected exactly one --hash=sha256:..., found 2 hashes",
        ),
        ("xarray==1 --hash=sha256:12", "xarray: expected exactly one --hash=sha256:..., found 1 hashes"),
        (f"xarray==late --hash=sha256:{ZERO}", "xarray: 'late' is not a version"),
        (f"a==1 --hash=sha256:{ZERO}\nA==1 --hash=sha256:{ZERO}", "a is pinned twice"),
    ],
)
def test_wrong_line_is_named(line: str, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_pins(line, "wheels-3.12.txt", "toy")

    assert str(caught.value) == f"wheels-3.12.txt: {what}{FIX}"


def test_missing_pins_are_named(tmp_path: pytest.TempPathFactory) -> None:
    toy = Environment(name="toy", folder=tmp_path)  # type: ignore[arg-type]

    with pytest.raises(BadInput) as caught:
        read_pins(toy, "3.12")

    assert str(caught.value) == f"{tmp_path}/wheels-3.12.txt: there are no pins of wheels{FIX}"


def test_newest_python_with_pins_of_every_layer_comes_first(small: Environment) -> None:
    assert pinned_minors(small) == ("3.12", "3.11")


@pytest.mark.parametrize(
    ("pypi", "conda"),
    [
        ("dask", "dask-core"),
        ("matplotlib", "matplotlib-base"),
        ("netCDF4", "netcdf4"),
        ("jupyter_core", "jupyter_core"),
        ("xgboost-cpu", "py-xgboost"),
    ],
)
def test_names_are_the_same_table_both_ways(pypi: str, conda: str) -> None:
    assert conda_name(pypi) == conda
    assert conda_name(pypi_name(conda) or "") == conda


@pytest.mark.parametrize(
    ("conda", "requirement"),
    [
        ("dask", "dask[complete]"),
        ("dask-core", "dask"),
        ("jupyterhub-singleuser", "jupyterhub"),
        ("xarray", "xarray"),
        ("xgboost", "xgboost-cpu"),
        ("python", None),
        ("_libgcc_mutex", None),
    ],
)
def test_conda_package_is_required_from_pypi(conda: str, requirement: str | None) -> None:
    assert pypi_requirement(conda) == requirement


@pytest.mark.parametrize(
    ("conda", "projects"),
    [
        ("xgboost", ("xgboost", "xgboost-cpu")),
        ("dask", ("dask",)),
        ("matplotlib-base", ("matplotlib",)),
        ("python", ()),
    ],
)
def test_a_conda_package_may_be_one_project_and_be_stood_for_by_another(conda: str, projects: tuple[str, ...]) -> None:
    assert pypi_names(conda) == projects


def test_no_metapackage_hides_a_wheel() -> None:
    assert not [meta.name for meta in METAPACKAGES if conda_name(meta.wheel) == meta.name]
