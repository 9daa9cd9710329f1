"""Conda channels made from PyPI's wheels, for where conda-forge is out of reach."""

from bindery.environments.wheels.agreement import refuse_other_pins
from bindery.environments.wheels.channel import WheelChannel, ensure_wheel_channel
from bindery.environments.wheels.pins import Pin, encode_pins, pinned_minors, pins_path, read_pins
from bindery.environments.wheels.update import solve_pins, update_minors

__all__ = [
    "Pin",
    "WheelChannel",
    "encode_pins",
    "ensure_wheel_channel",
    "pinned_minors",
    "pins_path",
    "read_pins",
    "refuse_other_pins",
    "solve_pins",
    "update_minors",
]
