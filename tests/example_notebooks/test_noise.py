"""The numbers below the generators, in whichever NumPy runs Bindery."""

from __future__ import annotations

import importlib
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"


class Noise(Protocol):
    BELL_VARIANCE: int

    def key(self, seed: int, *parts: int) -> int: ...
    def bits(self, stream: int, positions: NDArray[np.uint64]) -> NDArray[np.uint64]: ...
    def bell(self, stream: int, positions: NDArray[np.uint64]) -> NDArray[np.int64]: ...
    def below(self, limit: int, stream: int, positions: NDArray[np.uint64]) -> NDArray[np.int64]: ...
    def positions(self, count: int, step: int = 1, start: int = 0) -> NDArray[np.uint64]: ...
    def hills(self, stream: int, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]: ...


@pytest.fixture(scope="module")
def noise() -> Noise:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(NOTEBOOKS)
        return cast("Noise", importlib.import_module("data.noise"))


def test_bits_are_those_of_splitmix64(noise: Noise) -> None:
    # The first outputs for the seed 1234567 that implementations of SplitMix64 are commonly checked against.
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert noise.bits(1234567, noise.positions(5)).tolist() == expected


def test_numbers_do_not_depend_on_how_they_are_asked_for(noise: Noise) -> None:
    together = noise.bell(7, noise.positions(100))
    assert noise.bell(7, noise.positions(25, 4)).tolist() == together[::4].tolist()
    assert noise.bell(7, noise.positions(40, 1, 60)).tolist() == together[60:].tolist()


def test_streams_differ_by_seed_and_by_the_order_of_parts(noise: Noise) -> None:
    assert len({noise.key(1), noise.key(2), noise.key(1, 0), noise.key(1, 2, 3), noise.key(1, 3, 2)}) == 5


def test_the_bell_has_the_mean_and_variance_that_it_promises(noise: Noise) -> None:
    count = 200_000
    drawn = noise.bell(11, noise.positions(count))
    deviation = noise.BELL_VARIANCE**0.5
    assert abs(drawn.mean()) < 4 * deviation / count**0.5
    # The variance of a variance is (kurtosis - 1) / n; a sum of four uniform numbers has a kurtosis of 2.7.
    assert abs(drawn.var() / noise.BELL_VARIANCE - 1) < 4 * (1.7 / count) ** 0.5


def test_the_bell_is_nearly_normal(noise: Noise) -> None:
    count = 200_000
    drawn = noise.bell(13, noise.positions(count)) / noise.BELL_VARIANCE**0.5
    for edge in (-2.0, -1.0, 0.0, 1.0, 2.0):
        assert abs((drawn < edge).mean() - statistics.NormalDist().cdf(edge)) < 0.01


@given(limit=st.integers(1, 2**31), stream=st.integers(0, 2**64 - 1))
def test_numbers_are_below_their_limit(limit: int, stream: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(NOTEBOOKS)
        made = cast("Noise", importlib.import_module("data.noise"))
    drawn = made.below(limit, stream, made.positions(50))
    assert drawn.min() >= 0
    assert drawn.max() < limit


def test_hills_are_smooth_and_between_0_and_1(noise: Noise) -> None:
    along = np.linspace(0.0, 8.0, 801)
    surface = noise.hills(5, along[:, None], along[None, :])
    assert surface.min() >= 0
    assert surface.max() < 1
    assert np.abs(np.diff(surface, axis=0)).max() < 0.016  # a step of 0.01 climbs at most 1.5 times as high
    assert np.ptp(surface) > 0.5
