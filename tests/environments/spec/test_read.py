from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindery.core import PLATFORMS, BadInput
from bindery.environments import Environment, read_spec
from bindery.environments.spec.foreign import parse_foreign
from bindery.environments.spec.plain import parse_plain

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_SPECS = sorted((Path(__file__).parents[1] / "data" / "bad-specs").iterdir())
NAMES = st.from_regex(r"[a-zA-Z_][a-z0-9_.-]{0,6}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,2}(\.[0-9a-z]{1,3}){0,2}(\.\*|\.|_)?", fullmatch=True)
OPERATORS = st.sampled_from(["=", "==", ">=", "<=", ">", "<", "!=", "~=", " ", " =", " >="])


@st.composite
def lines(draw: st.DrawFn) -> str:
    clauses = draw(st.lists(st.tuples(OPERATORS, VERSIONS), max_size=2))
    return draw(NAMES) + ",".join(operator + version for operator, version in clauses)


@settings(deadline=None, max_examples=150)
@given(line=lines())
def test_plain_lines_are_read_as_conda_lock_reads_them(line: str) -> None:
    from conda_lock.src_parser.conda_common import conda_spec_to_versioned_dep  # noqa: PLC0415 - two seconds

    found = parse_plain(line, "dev")
    if found is not None:
        theirs = conda_spec_to_versioned_dep(line, "dev")
        assert (found.name, found.version, found.category) == (theirs.name, theirs.version, theirs.category)
        assert (theirs.build, theirs.conda_channel, theirs.extras, theirs.markers) == (None, None, [], None)


@pytest.mark.parametrize("line", ["numpy", "python=3.12", "argopy<0.1.16", "zarr>=3.0.8,<4", "cf_xarray", "x==1.2"])
def test_common_lines_are_plain(line: str) -> None:
    assert parse_plain(line, "main") is not None


@pytest.mark.parametrize("case", BAD_SPECS, ids=lambda case: case.name)
def test_bad_spec_is_refused_with_its_place(case: Path) -> None:
    environment = Environment(name="ocean", folder=case)
    with pytest.raises(BadInput) as caught:
        read_spec(environment)
    told = str(caught.value).replace(f"{case}/", "")
    assert told == (case / "error.txt").read_text(encoding="utf-8").rstrip("\n")


def test_environment_without_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_spec(Environment(name="ocean", folder=tmp_path))
    assert str(caught.value) == f"{tmp_path}: has no environment.yml to lock"


def test_own_line_wins_over_the_one_below(make_environment: Callable[[str], Environment], tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    (lower / "environment.yml").write_text(
        "channels: [conda-forge]\ndependencies: [numpy<2, pandas]\n", encoding="utf-8"
    )
    ocean = make_environment("channels: [conda-forge]\ndependencies: [numpy>=2]\n")
    both = Environment(name="ocean", folder=ocean.folder, extends=(Environment(name="lower", folder=lower),))
    asked = {one.name: one.version for one in read_spec(both).requirements_for("linux-64")}
    assert asked == {"numpy": ">=2", "pandas": ""}
    assert read_spec(both) == parse_foreign(both.sources, PLATFORMS)


def test_channels_must_agree(make_environment: Callable[[str], Environment], tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    (lower / "environment.yml").write_text("channels: [bioconda]\ndependencies: [numpy]\n", encoding="utf-8")
    ocean = make_environment("channels: [bioconda, conda-forge]\ndependencies: [numpy]\n")
    both = Environment(name="ocean", folder=ocean.folder, extends=(Environment(name="lower", folder=lower),))
    with pytest.raises(BadInput) as caught:
        read_spec(both)
    assert str(caught.value) == (
        f"{lower / 'environment.yml'}: channels: bioconda is not the end of bioconda, conda-forge"
    )


def test_selectors_and_categories_are_conda_locks(make_environment: Callable[[str], Environment]) -> None:
    ocean = make_environment(
        "channels: [conda-forge]\nplatforms: [linux-64, osx-64]\ncategory: dev\n"
        "dependencies:\n  - numpy\n  - procps-ng # [linux]\n"
    )
    spec = read_spec(ocean)
    assert [one.name for one in spec.requirements_for("linux-64")] == ["numpy", "procps-ng"]
    assert [one.name for one in spec.requirements_for("osx-64")] == ["numpy"]
    assert {one.category for one in spec.requirements_for("linux-64")} == {"dev"}


def test_pip_section_brings_pip(make_environment: Callable[[str], Environment]) -> None:
    ocean = make_environment(
        "channels: [conda-forge]\ndependencies:\n  - python=3.12\n  - pip:\n    - cmocean>=3,<5\n    - '-e .'\n"
    )
    asked = [(one.manager, one.name, one.version) for one in read_spec(ocean).requirements_for("linux-64")]
    assert asked == [("conda", "python", "3.12.*"), ("pip", "cmocean", "<5,>=3"), ("conda", "pip", "*")]
