from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindery.environments.dependencies import merge_depends

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSIONS = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}(a0|\.dev0)?", fullmatch=True)
CLAUSES = st.tuples(st.sampled_from([">=", "<=", "!=", "<", ">", "==", "~="]), VERSIONS).map("".join)
RANGES = st.one_of(
    st.just(""),
    st.just("*"),
    VERSIONS,
    VERSIONS.map("{}.*".format),
    VERSIONS.map("={}".format),
    st.lists(CLAUSES, min_size=1, max_size=3).map(",".join),
)
BUILDS = st.sampled_from(["", "", "py_0", "*_cp312", "h1234_0"])


@st.composite
def depends(draw: st.DrawFn) -> str:
    name, version, build = draw(st.sampled_from(["numpy", "python_abi", "x.y-z"])), draw(RANGES), draw(BUILDS)
    return f"{name} {version or '*'} {build}" if build else f"{name} {version}".strip()


@settings(deadline=None, max_examples=150)
@given(line=depends())
def test_one_line_is_written_as_conda_lock_writes_it(line: str) -> None:
    assert merge_depends([line]) == _by_conda_lock([line])


@settings(deadline=None, max_examples=150)
@given(ranges=st.lists(st.one_of(st.just(""), VERSIONS, CLAUSES), min_size=2, max_size=3))
def test_lines_of_one_name_are_joined_as_conda_joins_them(ranges: list[str]) -> None:
    lines = [f"numpy {one}".strip() for one in ranges]
    try:
        expected = _by_conda_lock(lines)
    except ValueError:  # two exact versions are none
        return
    assert merge_depends(lines) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["python >=3.9", "python"],
        ["python", "python >=3.9", "python <4"],
        ["numpy >=1.19,<3", "numpy >=1.23"],
        ["numpy >=1.19,<3", "pandas", "numpy 1.*"],
        ["python 3.12.*", "python_abi 3.12.* *_cp312"],
    ],
)
def test_several_lines_of_one_name_are_joined(lines: list[str]) -> None:
    assert merge_depends(lines) == _by_conda_lock(lines)


def _by_conda_lock(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    from conda_lock.interfaces.vendored_conda import MatchSpec  # noqa: PLC0415 - two seconds

    by_name: dict[str, list[object]] = {}
    for line in lines:
        parsed = MatchSpec(line)
        by_name.setdefault(str(parsed.name), []).append(parsed)
    pairs = []
    for name, found in by_name.items():
        merged = found[0] if len(found) == 1 else MatchSpec.merge(found)[0]
        version = getattr(merged, "version", None)
        pairs.append((name, "" if version is None else str(version.spec_str)))
    return tuple(pairs)
