"""Random numbers that are the same everywhere.

A number here is a function of a seed and a position, and of nothing else: not of the order in which numbers are asked
for, nor of how the work is cut into chunks. Only integers are added, multiplied and shifted, modulo 2**64, so that
neither NumPy's version nor the processor has a say in the result.

The function is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_ALL = 0xFFFFFFFFFFFFFFFF
_EVEN_LANES = np.uint64(0x0000FFFF0000FFFF)
_LOW_HALF = np.uint64(0x00000000FFFFFFFF)

#: What `bell` returns has mean 0 and this variance: that of the sum of four uniform 16-bit integers.
BELL_VARIANCE = (65536**2 - 1) // 3


def key(seed: int, *parts: int) -> int:
    """Return a 64-bit number that stands for the seed and the parts, in this order."""
    state = seed & _ALL
    for part in parts:
        state = _mix_one((state ^ (part & _ALL)) + _GOLDEN & _ALL)
    return state


def bits(stream: int, positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 64 random bits for each position of a stream, which is a `key`."""
    state = positions * np.uint64(_GOLDEN)
    state += np.uint64((stream + _GOLDEN) & _ALL)
    state ^= state >> np.uint64(30)
    state *= np.uint64(_FIRST)
    state ^= state >> np.uint64(27)
    state *= np.uint64(_SECOND)
    state ^= state >> np.uint64(31)
    return state


def bell(stream: int, positions: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return nearly normal integers from -131070 to 131070, with mean 0 and variance `BELL_VARIANCE`."""
    drawn = bits(stream, positions)
    pairs = (drawn & _EVEN_LANES) + ((drawn >> np.uint64(16)) & _EVEN_LANES)
    total = (pairs & _LOW_HALF) + (pairs >> np.uint64(32))
    return total.astype(np.int64) - 131070


def below(limit: int, stream: int, positions: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return integers from 0 to ``limit - 1``, for limits up to 2**31."""
    return ((bits(stream, positions) >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def positions(count: int, step: int = 1, start: int = 0) -> NDArray[np.uint64]:
    """Return ``count`` positions, ``step`` apart."""
    return np.arange(start, start + count * step, step, dtype=np.uint64)


def hills(stream: int, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a smooth random surface between 0 and 1, for rows of shape (y, 1) and columns of shape (1, x).

    The surface is drawn at whole coordinates and runs smoothly between them (value noise).
    """
    top, left = np.floor(rows), np.floor(columns)
    down, right = _smooth(rows - top), _smooth(columns - left)
    corners = [[_level(stream, top + below_top, left + beside_left) for beside_left in (0, 1)] for below_top in (0, 1)]
    upper = corners[0][0] + (corners[0][1] - corners[0][0]) * right
    lower = corners[1][0] + (corners[1][1] - corners[1][0]) * right
    return upper + (lower - upper) * down


def _level(stream: int, row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    # 4096 keeps coordinates positive and apart; a surface has far fewer corners than that.
    place = (row + 4096.0).astype(np.uint64) * np.uint64(65536) + (column + 4096.0).astype(np.uint64)
    return below(1 << 16, stream, place) / 65536.0


def _smooth(along: NDArray[np.float64]) -> NDArray[np.float64]:
    return along * along * (3.0 - 2.0 * along)


def _mix_one(state: int) -> int:
    state = (state ^ (state >> 30)) * _FIRST & _ALL
    state = (state ^ (state >> 27)) * _SECOND & _ALL
    return state ^ (state >> 31)
