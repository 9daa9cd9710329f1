from __future__ import annotations

import pytest
import rattler
from packaging.requirements import Requirement
from packaging.specifiers import Specifier, SpecifierSet

from bindery.core import BadInput
from bindery.environments.wheels.requirements import (
    Target,
    conda_depends,
    conda_versions,
    join_spec,
    parse_requirements,
)

TARGET = Target(python_version="3.12.1")


def _depends(name: str, extras: tuple[str, ...] = (), **wheels: list[str]) -> tuple[str, ...]:
    required = {key.replace("_", "-"): parse_requirements(lines, key) for key, lines in wheels.items()}
    return conda_depends(name, extras, required, TARGET)


@pytest.mark.parametrize(
    ("pypi", "conda"),
    [
        (">=1.2", (">=1.2",)),
        (">1.2", (">1.2",)),
        ("<=1.2", ("<=1.2",)),
        ("<2", ("<2.0a0",)),
        ("<2.1", ("<2.1a0",)),
        ("<2.0rc1", ("<2.0rc1",)),
        ("==1.2", ("==1.2",)),
        ("===1.2", ("==1.2",)),
        ("==1.2.*", ("1.2.*",)),
        ("!=1.2", ("!=1.2",)),
        ("!=1.2.*", ("!=1.2.*",)),
        ("~=1.4", (">=1.4", "<2.0a0")),
        ("~=1.4.2", (">=1.4.2", "<1.5.0a0")),
        ("~=1!1.4.2", (">=1!1.4.2", "<1!1.5.0a0")),
    ],
)
def test_versions_are_said_in_conda_words(pypi: str, conda: tuple[str, ...]) -> None:
    assert conda_versions(Specifier(pypi)) == conda


def test_translated_versions_are_read_by_rattler() -> None:
    for text, inside, outside in (
        ("~=1.4.2", "1.4.9", "1.5.0"),
        ("<2", "1.9", "2.0rc1"),
        ("<2.1", "2.0.9", "2.1a1"),
        ("==1.2.*", "1.2.7", "1.3"),
        ("!=1.2.*,>=1", "1.3", "1.2.7"),
        (">=1,!=1.5", "1.4", "1.5"),
    ):
        spec = rattler.VersionSpec(join_spec("x", SpecifierSet(text)).removeprefix("x "))
        assert spec.matches(rattler.Version(inside)), text
        assert not spec.matches(rattler.Version(outside)), text


def test_markers_are_evaluated_for_the_target() -> None:
    lines = ['a; python_version < "3.12"', 'b; sys_platform == "win32"', 'c>=1; python_version >= "3.12"', "d"]

    assert _depends("toy", toy=lines) == ("c >=1", "d")


def test_names_are_those_of_conda_forge() -> None:
    assert _depends("toy", toy=["Matplotlib>=3", "msgpack", "jupyter_client", "netCDF4", "typing-extensions"]) == (
        "jupyter_client",
        "matplotlib-base >=3",
        "msgpack-python",
        "netcdf4",
        "typing_extensions",
    )


def test_extras_are_expanded_through_other_wheels() -> None:
    found = _depends(
        "toy",
        toy=["dask[array]>=1"],
        dask=["click", 'numpy>=2; extra == "array"', 'pandas; extra == "dataframe"', 'lz4; extra == "complete"'],
    )

    assert found == ("dask-core >=1", "numpy >=2")


def test_own_extras_that_name_each_other_are_expanded_once() -> None:
    lines = [
        "click",
        'numpy; extra == "array"',
        'toy[array,frame]; extra == "complete"',
        'toy[array]; extra == "frame"',
        'pandas; extra == "frame"',
    ]

    assert _depends("toy", ("complete",), toy=lines) == ("click", "numpy", "pandas")


def test_missing_needs_are_added() -> None:
    assert _depends("h5netcdf", h5netcdf=["packaging"]) == ("h5py", "packaging")


def test_a_wheel_does_not_need_itself() -> None:
    assert _depends("jupyterhub", jupyterhub=["jupyterhub-base", "tornado"]) == ("tornado",)


def test_unreadable_requirement_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        parse_requirements(["not a ( requirement"], "toy==1.0")

    assert str(caught.value) == "toy==1.0: Requires-Dist: 'not a ( requirement' is not a requirement"


def test_target_says_what_it_is() -> None:
    assert (TARGET.minor, TARGET.tag, TARGET.markers("x")["extra"]) == ("3.12", "312", "x")
    assert Requirement('a; python_full_version >= "3.12.1"').marker
