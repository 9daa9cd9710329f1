"""Conda channels made from PyPI's wheels, for where conda-forge is out of reach."""

from bindery.environments.wheels.channel import WheelChannel, ensure_wheel_channel

__all__ = ["WheelChannel", "ensure_wheel_channel"]
