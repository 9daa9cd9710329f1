"""Whether notebooks ran on the wheels that an environment pins, as far as a run says what it ran on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from bindery.core import BadInput
from bindery.environments.wheels.pins import pinned_minors, read_pins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.environments.environment import Environment

_MOST_NAMES = 5


def refuse_other_pins(environment: Environment, *, python: str, versions: Mapping[str, str], where: str) -> None:
    """Refuse a run on wheels that are not the environment's.

    ``python`` is the version of the run's interpreter, ``versions`` are those of some packages, by PyPI's names.

    Raises:
        BadInput: the environment has no pins for that Python, the run names no versions, or others than are pinned.

    """
    fix = f"bindery test --environment {environment.title} --packages wheels"
    minor = ".".join(python.split(".")[:2])
    if minor not in pinned_minors(environment):
        raise BadInput(
            f"is a run on wheels for Python {minor}, and {environment.title} has no pins for that", where, fix
        )
    if not versions:
        raise BadInput("is a run on wheels, and does not say which", where, fix)
    pinned = {pin.name: pin.version for pin in read_pins(environment, minor)}
    others = [
        f"{name} {version} ({pinned[key]} is pinned)" if key in pinned else f"{name} {version} (not pinned)"
        for name, version in sorted(versions.items())
        if pinned.get(key := canonicalize_name(name)) != version
    ]
    if others:
        more = ", …" if len(others) > _MOST_NAMES else ""
        raise BadInput(
            f"is a run on other wheels than {environment.title} pins: {', '.join(others[:_MOST_NAMES])}{more}",
            where,
            fix,
        )
