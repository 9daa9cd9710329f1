"""Clean SIFs give no alarm; whatever is spoiled in the files of one is found, and named."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.sif.verify.made import Parts, expected_sif, make_small, put_together, take_apart
from tests.sif.verify.mutations import FILES

from bindery.core import NoProgress
from bindery.sif.verify import ExpectedSif, verify_sif

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sif.verify.mutations import Spoiled

    from bindery.sif import SquashCompression

ROUNDS = 6
"""Times 18 ways to spoil a file: more than a hundred."""


@pytest.fixture(scope="module")
def expected() -> ExpectedSif:
    return expected_sif()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return take_apart(make_small(tmp_path_factory.mktemp("clean")))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_the_converter_makes_is_sound(
    compression: SquashCompression, expected: ExpectedSif, tmp_path: Path
) -> None:
    assert verify_sif(make_small(tmp_path, compression), expected, progress=NoProgress()) == ()


def test_what_another_packer_makes_of_the_same_files_is_sound(
    parts: Parts, expected: ExpectedSif, tmp_path: Path
) -> None:
    assert verify_sif(put_together(parts, tmp_path), expected, progress=NoProgress()) == ()


@pytest.mark.parametrize("mutate", FILES, ids=lambda one: one.__name__)
def test_what_is_changed_is_found_and_named(
    mutate: Callable[[Parts, random.Random], Spoiled], parts: Parts, expected: ExpectedSif, tmp_path: Path
) -> None:
    missed = []
    for seed in range(ROUNDS):
        spoiled, names = mutate(parts, random.Random(f"{mutate.__name__} {seed}"))  # noqa: S311 - not a secret
        findings = verify_sif(put_together(spoiled, tmp_path), expected, progress=NoProgress())
        if not names & {finding.path for finding in findings}:
            missed.append(f"seed {seed}: {sorted(names)}: {findings[:3]}")
    assert missed == []


def test_packages_are_named(parts: Parts, expected: ExpectedSif, tmp_path: Path) -> None:
    inside = next(one for one in parts.pieces if one.path.endswith("numpy/core.so"))
    findings = verify_sif(put_together(parts.exchange(inside), tmp_path), expected, progress=NoProgress())
    assert [(one.package, one.path, one.what, one.detail) for one in findings] == [
        ("numpy", inside.path, "missing", "is not there")
    ]


def test_there_are_a_hundred_of_them() -> None:
    assert ROUNDS * len(FILES) > 100
