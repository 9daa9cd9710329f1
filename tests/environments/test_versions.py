from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.environments.versions import compare_versions

# The table of conda's own documentation, oldest first; those of one line are the same.
ORDERED = [
    ["0.4", "0.4.0"],
    ["0.4.1.rc", "0.4.1.RC"],
    ["0.4.1"],
    ["0.5a1"],
    ["0.5b3"],
    ["0.5C1"],
    ["0.5"],
    ["0.9.6"],
    ["0.960923"],
    ["1.0"],
    ["1.1dev1"],
    ["1.1_"],
    ["1.1a1"],
    ["1.1.0dev1", "1.1.dev1"],
    ["1.1.a1"],
    ["1.1.0rc1"],
    ["1.1.0", "1.1"],
    ["1.1.0post1", "1.1.post1"],
    ["1.1post1", "1.1-post1".replace("-", "")],
    ["1996.07.12"],
    ["2025.2", "2025.02"],
    ["1!0.4.1"],
    ["1!3.1.1.6"],
    ["2!0.4.1"],
]
TEXTS = st.from_regex(r"\A([0-9]!)?[0-9][0-9a-d._*]{0,6}(dev|post)?[0-9]?(\+[0-9a-b.]{1,3})?\Z", fullmatch=True)


@pytest.mark.parametrize("index", range(len(ORDERED)))
def test_versions_are_ordered_as_conda_documents_it(index: int) -> None:
    for version in ORDERED[index]:
        assert all(compare_versions(version, other) == 0 for other in ORDERED[index])
        assert all(compare_versions(version, other) == 1 for older in ORDERED[:index] for other in older)


@given(one=TEXTS, other=TEXTS)
def test_order_is_that_of_condas_own_code(one: str, other: str) -> None:
    # Imported by the fixture of this folder, which keeps its warnings to itself.
    from conda_lock._vendor.conda.models.version import VersionOrder  # noqa: PLC0415

    try:
        mine, theirs = VersionOrder(one), VersionOrder(other)
    except Exception:  # noqa: BLE001 - whatever conda says, it is no version
        return
    expected = -1 if mine < theirs else int(theirs < mine)
    assert compare_versions(one, other) == expected


@pytest.mark.parametrize("text", ["", "1 2", "§", "1!2!3", "1+2+3"])
def test_what_is_no_version_has_no_order(text: str) -> None:
    assert compare_versions(text, "1") is None
