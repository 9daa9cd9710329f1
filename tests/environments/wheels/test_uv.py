from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Digest, ToolFailed, digest_file
from bindery.environments.environment import Environment
from bindery.environments.wheels import Pin, update_minors
from bindery.environments.wheels.tags import best_file_name
from bindery.environments.wheels.update import parse_conda_spec
from bindery.environments.wheels.uv import locate_wheels, uv_environ

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environments.wheels.conftest import WheelMaker


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("dask", ("dask", "dask[complete]")),
        ("dask >=2025.1,<2026", ("dask", "dask[complete]>=2025.1,<2026")),
        ("matplotlib-base=3.10", ("matplotlib-base", "matplotlib==3.10.*")),
        ("numpy 2.2.*", ("numpy", "numpy==2.2.*")),
        ("numpy ==2.2.6", ("numpy", "numpy==2.2.6")),
        ("numpy=2.2.6=py312_0", ("numpy", "numpy==2.2.6.*")),
        ("conda-forge::xarray", ("xarray", "xarray")),
        ("python =3.12", ("python", "")),
    ],
)
def test_conda_specs_become_requirements(spec: str, found: tuple[str, str]) -> None:
    assert parse_conda_spec(spec, "environment.yml") == found


def test_spec_that_no_requirement_can_say_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        parse_conda_spec("numpy 1.26|2.2", "environment.yml")

    assert str(caught.value) == "environment.yml: 'numpy 1.26|2.2' cannot be written as a requirement of wheels"


def test_minor_version_to_pin_for_is_checked(small: Environment, tmp_path: Path) -> None:
    empty = Environment(name="empty", folder=tmp_path)

    with pytest.raises(BadInput) as wrong:
        update_minors(small, "/usr/bin/python3")
    with pytest.raises(BadInput) as none:
        update_minors(empty, None)

    assert str(wrong.value) == "--python: '/usr/bin/python3' is not a minor version such as 3.12"
    assert str(none.value) == (
        f"{tmp_path}: there are no pins of wheels yet\n  fix: name the Python they are for: --python 3.12"
    )
    assert update_minors(small, None) == ("3.11", "3.12")
    assert update_minors(small, "3.13") == ("3.13",)


def test_best_wheel_is_the_one_an_installer_takes() -> None:
    names = [
        "x-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "x-1-cp312-cp312-macosx_11_0_arm64.whl",
        "x-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "x-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "x-1-cp312-cp312-manylinux_2_39_x86_64.whl",
        "x-1-py3-none-any.whl",
        "x.whl",
    ]

    assert best_file_name(names, "3.12") == "x-1-cp312-cp312-manylinux_2_28_x86_64.whl"
    assert best_file_name(names[:2], "3.13") is None
    assert best_file_name(names[-2:], "3.13") == "x-1-py3-none-any.whl"


def test_index_of_pip_counts_unless_uv_has_its_own() -> None:
    pip = {"PIP_INDEX_URL": "https://one.invalid/simple", "PIP_EXTRA_INDEX_URL": "https://two.invalid/simple"}

    assert uv_environ(pip)["UV_DEFAULT_INDEX"] == "https://one.invalid/simple"
    assert uv_environ(pip)["UV_INDEX"] == "https://two.invalid/simple"
    assert uv_environ(pip | {"UV_INDEX_URL": "https://three.invalid"})["UV_INDEX_URL"] == "https://three.invalid"
    assert "UV_DEFAULT_INDEX" not in uv_environ(pip | {"UV_INDEX_URL": "https://three.invalid"})


def test_index_that_does_not_answer_is_a_tool_failure(tmp_path: Path) -> None:
    pin = Pin(name="toy", version="1.0", digest=Digest("sha256", "0" * 64))
    environ = {**os.environ, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}

    with pytest.raises(ToolFailed) as caught:
        locate_wheels([pin], "3.12", where="wheels-3.12.txt", environ=environ, folder=tmp_path)

    text = str(caught.value)
    assert text.startswith("wheels-3.12.txt: uv could not find the wheels\n  | error: ")
    assert text.endswith("\n  fix: check the index that UV_DEFAULT_INDEX or uv.toml names")


def test_wheels_of_a_local_folder_are_found(make_wheel: WheelMaker, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    pin = Pin(name="toy", version="1.0", digest=digest_file(wheel))
    environ = {**os.environ, "UV_FIND_LINKS": str(tmp_path), "UV_NO_INDEX": "1"}

    (found,) = locate_wheels([pin], "3.12", where="wheels-3.12.txt", environ=environ, folder=tmp_path)

    assert found.url == wheel.as_uri()
    assert found.file_name == "toy-1.0-py3-none-any.whl"
