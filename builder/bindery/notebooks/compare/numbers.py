"""Numbers as they are printed, and how far two of them may be apart.

A printed number says how precisely it is known, so the tolerance follows from its digits:

===========================  ==========================================================================
printed as                   allowed
===========================  ==========================================================================
an integer                   nothing: counts, shapes, dates and ids are exact
1 to 4 significant digits    nothing: one unit of the last digit would be 0.1 % to 100 % of the value
5 to 9 significant digits    one unit of the last digit, or 1e-6 of the value, whichever is more: this is
                             how single precision is printed, and its sums depend on their order
10 or more                   1e-9 of the value: double precision, its sums in another order
===========================  ==========================================================================

The significant digits are those of the number that shows more of them, so that 0.3 and 0.30000000000000004 are the
same. Two numbers below 1e-13, each 0 or printed with 15 digits or more, are what cancellation leaves, and are the
same. ``nan`` equals ``nan`` only, ``inf`` equals ``inf`` of the same sign. The sign of zero does not count: rounding
decides it. An integer that became a float (or the other way round) is a difference: the type changed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

NUMBER = re.compile(
    r"""
    (?<![\w.])                          # not inside a name, a version or a longer number
    [-+]?
    (?: (?:\d+\.\d*|\.\d+|\d+) (?:[eE][-+]?\d+)?
      | (?:nan|NaN|inf|Infinity)\b )
    (?: (?=[jJ]\b) | (?!\.?\w) )        # the imaginary part of a complex number, or the end of the word
    """,
    re.VERBOSE,
)
_FEW_DIGITS = 5
_MANY_DIGITS = 10
_FULL_DIGITS = 15
_SINGLE_PRECISION = 1e-6
_DOUBLE_PRECISION = 1e-9
_RESIDUE = 1e-13


@dataclass(frozen=True, kw_only=True, slots=True)
class _Printed:
    text: str
    value: float
    is_integer: bool
    digits: int  # significant ones, as shown
    unit: float  # of the last digit shown


def compare_numbers(reference: str, actual: str) -> str | None:
    """Return None if the printed numbers are the same within the tolerance, else what is allowed, in words."""
    if reference == actual:
        return None
    first, second = _parse(reference), _parse(actual)
    if first.is_integer != second.is_integer and math.isfinite(first.value) and math.isfinite(second.value):
        was, now = ("an integer", "a float") if first.is_integer else ("a float", "an integer")
        return f"it was {was} and is now {now}"
    if first.value == second.value or (math.isnan(first.value) and math.isnan(second.value)):
        return None
    if not (math.isfinite(first.value) and math.isfinite(second.value)):
        return "only the same is allowed"
    allowed = _allowed(first, second)
    if abs(first.value - second.value) <= allowed:
        return None
    return f"allowed ±{allowed:.2g}" if allowed else "only the same digits are allowed"


def _allowed(first: _Printed, second: _Printed) -> float:
    if first.is_integer:
        return 0.0
    size = max(abs(first.value), abs(second.value))
    if size < _RESIDUE and all(one.value == 0 or one.digits >= _FULL_DIGITS for one in (first, second)):
        return _RESIDUE
    digits = max(first.digits, second.digits)
    if digits < _FEW_DIGITS:
        return 0.0
    if digits >= _MANY_DIGITS:
        return _DOUBLE_PRECISION * size
    units = [one.unit for one in (first, second) if one.digits >= _FEW_DIGITS]
    # Half a rounding error more: 0.1 + 0.2 must not be further from 0.3 than "one unit" of 0.1.
    return max(max(units) * (1 + 1e-6), _SINGLE_PRECISION * size)


def _parse(text: str) -> _Printed:
    value = float(text)
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    if not math.isfinite(value):
        return _Printed(text=text, value=value, is_integer=False, digits=0, unit=0.0)
    decimals = len(mantissa.partition(".")[2])
    digits = len(mantissa.replace(".", "").lstrip("0"))
    unit = 10.0 ** (int(exponent or 0) - decimals)
    return _Printed(text=text, value=value, is_integer=text.strip("+-").isdigit(), digits=digits, unit=unit)
