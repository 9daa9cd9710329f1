"""Pins of wheels for a fork: only what differs from its parent's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import Digest
from bindery.environments import Environment
from bindery.environments.wheels import read_pins, update
from bindery.environments.wheels.pins import Pin, encode_pins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest


def pin(name: str, version: str) -> Pin:
    return Pin(name=name, version=version, digest=Digest("sha256", "0" * 64))


def write(folder: Path, lines: str, *pins: Pin) -> Path:
    folder.mkdir()
    (folder / "environment.yml").write_text(f"channels: [conda-forge]\ndependencies: [{lines}]\n", encoding="utf-8")
    if pins:
        (folder / "wheels-3.12.txt").write_text(encode_pins(pins, folder.name, "3.12"), encoding="utf-8")
    return folder


def test_fork_pins_what_its_lines_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sea = Environment(
        name="sea", folder=write(tmp_path / "sea", "numpy, xarray", pin("numpy", "2.2.6"), pin("xarray", "2025.7.1"))
    )
    folder = write(tmp_path / "mine", "'numpy<2.2', xgcm")
    mine = Environment(name="mine", folder=folder, extends=(sea,), fork_of="sea@2025.08.14")
    layer = Environment(name="mine", folder=folder, extends=(sea,))
    asked: list[tuple[str, str]] = []

    def run_uv(arguments: Sequence[str | Path], **_: object) -> tuple[int, str, str]:
        requirements, constraints = (tmp_path / str(arguments[place]) for place in (2, 4))
        asked.append((requirements.read_text(encoding="utf-8"), constraints.read_text(encoding="utf-8")))
        return 0, "", ""

    found = [pin("numpy", "2.1.3"), pin("xarray", "2025.7.1"), pin("xgcm", "0.8.1")]
    monkeypatch.setattr(update, "run_uv", run_uv)
    monkeypatch.setattr(update, "best_wheels", lambda *_, **__: found)
    own = update.solve_pins(mine, "3.12", {})
    assert own == (pin("numpy", "2.1.3"), pin("xgcm", "0.8.1"))
    assert update.solve_pins(layer, "3.12", {}) == (pin("xgcm", "0.8.1"),)
    wanted = "numpy<2.2\nxarray\nxgcm\n"
    assert asked == [(wanted, ""), (wanted, "numpy==2.2.6\nxarray==2025.7.1\n")]
    (folder / "wheels-3.12.txt").write_text(encode_pins(own, "mine", "3.12"), encoding="utf-8")
    assert list(read_pins(mine, "3.12")) == found
