from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput, WrongUse
from bindery.environments.spec_edits import edit_spec  # not part of the front door: plan_lock uses it

SPEC = """\
# What we need.
name: ocean
channels: [conda-forge]
dependencies:
  # decides the rest
  - python=3.12   # not 3.13
  - "xarray>=2025"

  - numpy # for all
  - pip:
      - nc-time-axis
platforms:
  - linux-64
"""
NAME = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
LINE = st.builds(lambda name, rest: name + rest, NAME, st.sampled_from(["", "=1.2", ">=1,<2", "=1.2=py_0", " >=3"]))


def test_a_line_is_added_behind_the_last_package() -> None:
    assert edit_spec(SPEC, "x", add=["zarr>=3,<4"]) == SPEC.replace("# for all\n", "# for all\n  - zarr>=3,<4\n")


def test_a_line_about_a_package_takes_its_place_and_comments_stay() -> None:
    assert edit_spec(SPEC, "x", add=["python=3.13"]) == SPEC.replace("python=3.12 ", "python=3.13 ")
    assert edit_spec(SPEC, "x", add=["xarray"]) == SPEC.replace('"xarray>=2025"', "xarray")


def test_a_line_is_taken_out() -> None:
    assert edit_spec(SPEC, "x", remove=["numpy"]) == SPEC.replace("  - numpy # for all\n", "")
    assert edit_spec(SPEC, "x", remove=["Xarray"]) == SPEC.replace('  - "xarray>=2025"\n', "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("dependencies: [a, b]", "dependencies: [a, b, zarr]"),
        ("dependencies: [ a ]  # few", "dependencies: [ a, zarr ]  # few"),
        ("dependencies:\n- a", "dependencies:\n- a\n- zarr"),
        ("dependencies:\n- a\n", "dependencies:\n- a\n- zarr\n"),
        ("dependencies: [a, {pip: [b]}]\n", "dependencies: [a, zarr, {pip: [b]}]\n"),
    ],
)
def test_other_ways_to_write_a_list(before: str, after: str) -> None:
    assert edit_spec(before, "x", add=["zarr"]) == after
    assert edit_spec(after, "x", remove=["zarr"]) == before


def test_a_list_in_brackets_quotes_commas() -> None:
    assert edit_spec("dependencies: [a]", "x", add=["b>=1,<2"]) == "dependencies: [a, 'b>=1,<2']"
    assert edit_spec("dependencies: [a, b]", "x", remove=["a"]) == "dependencies: [b]"


@given(lines=st.lists(LINE, min_size=1, max_size=6, unique_by=lambda line: re.split("[ =>]", line)[0]), new=LINE)
def test_taking_out_what_was_added_gives_the_text_back(lines: list[str], new: str) -> None:
    name = re.split("[ =>]", new)[0]
    lines = [line for line in lines if re.split("[ =>]", line)[0] != name] or ["python"]
    for flow in (True, False):
        text = yaml.safe_dump({"channels": ["c"], "dependencies": lines}, default_flow_style=flow, width=1000)
        added = edit_spec(text, "x", add=[new])
        assert yaml.safe_load(added)["dependencies"] == [*lines, new]
        assert edit_spec(added, "x", remove=[name]) == text


@pytest.mark.parametrize(
    ("text", "remove", "message"),
    [
        (SPEC, "nunpy", "x: does not ask for nunpy\n  fix: did you mean numpy?"),
        (SPEC, "zzz", "x: does not ask for zzz"),
        ("dependencies: [a]", "a", "x: asks for nothing but a\n  fix: add another package first"),
        ("dependencies: a", "a", "x: dependencies is not a list of packages"),
    ],
)
def test_what_cannot_be_taken_out(text: str, remove: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        edit_spec(text, "x", remove=[remove])
    assert str(caught.value) == message


def test_what_is_no_yaml_is_not_edited() -> None:
    with pytest.raises(BadInput) as caught:
        edit_spec("dependencies: [", "x", add=["a"])
    assert str(caught.value).startswith("x: is not YAML: while parsing a flow node ")


def test_an_empty_list_is_not_edited() -> None:
    with pytest.raises(BadInput) as caught:
        edit_spec("dependencies:\n- pip: [a]\n", "x", add=["b"])
    assert str(caught.value) == "x: has no packages to add one to\n  fix: edit the file by hand"


@pytest.mark.parametrize(
    ("text", "name"), [("dependencies: [a, # one, two\n b]", "b"), ("dependencies:\n- a\n- &b b\n- *b\n", "b")]
)
def test_what_cannot_be_edited_safely_is_refused(text: str, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        edit_spec(text, "x", remove=[name])
    assert str(caught.value) == "x: is written in a way that cannot be edited safely\n  fix: edit the file by hand"


@pytest.mark.parametrize("line", ["", "=1", "a\n- b"])
def test_what_is_no_line_is_not_added(line: str) -> None:
    with pytest.raises(WrongUse) as caught:
        edit_spec(SPEC, "x", add=[line])
    assert str(caught.value) == f"{line!r} is no line of a spec\n  fix: write NAME, NAME=1.2 or 'NAME>=1.2,<2'"
