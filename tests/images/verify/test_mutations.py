"""A thousand spoiled images, two hundred of them made to deceive: each is found, and its file named."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.images.verify.deceptions import DECEIVING
from tests.images.verify.mutations import BLUNT
from tests.images.verify.small import CLEAN, expected_image

from bindery.core import NoProgress
from bindery.images.verify.proof import verify_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.images.verify.images import Made
    from tests.images.verify.mutations import Spoiled

    from bindery.images.verify.expected import ExpectedImage

BLUNT_EACH, DECEIVING_EACH = 50, 8
"""16 x 50 and 26 x 8: more than 800 and 200."""


@pytest.fixture(scope="module")
def expected() -> ExpectedImage:
    return expected_image()


def unfound(mutate: Callable[[Made, random.Random], Spoiled], rounds: int, expected: ExpectedImage) -> list[str]:
    """Return what was not found, or not named."""
    missed = []
    for seed in range(rounds):
        spoiled = mutate(CLEAN, random.Random(f"{mutate.__name__} {seed}"))  # noqa: S311 - not a secret
        findings = verify_image(spoiled.stored.source, expected, progress=NoProgress())
        named = {word for finding in findings for word in (finding.path, finding.layer)}
        if not named & spoiled.names:
            missed.append(f"seed {seed}: {sorted(spoiled.names)[:5]}: {findings[:3]}")
    return missed


@pytest.mark.parametrize("mutate", BLUNT, ids=lambda one: one.__name__)
def test_what_is_changed_is_found_and_named(
    mutate: Callable[[Made, random.Random], Spoiled], expected: ExpectedImage
) -> None:
    assert unfound(mutate, BLUNT_EACH, expected) == []


@pytest.mark.parametrize("mutate", DECEIVING, ids=lambda one: one.__name__)
def test_what_is_made_to_deceive_is_found_and_named(
    mutate: Callable[[Made, random.Random], Spoiled], expected: ExpectedImage
) -> None:
    assert unfound(mutate, DECEIVING_EACH, expected) == []


def test_there_are_a_thousand_of_them() -> None:
    assert len(BLUNT) * BLUNT_EACH >= 800
    assert len(DECEIVING) * DECEIVING_EACH >= 200
