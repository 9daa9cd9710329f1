"""Layers are read as streams: memory does not grow with what is in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST_BYTES = 300 << 20


def measure(large_bytes: int, small_files: int) -> tuple[int, int]:
    command = [sys.executable, "-m", "tests.images.verify.measure_memory", str(large_bytes), str(small_files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    findings, size_bytes = done.stdout.split()
    return int(findings), int(size_bytes)


def test_large_files_and_many_files_take_less_than_the_limit() -> None:
    findings, most_bytes = measure(192 << 20, 20_000)
    assert findings == 0
    assert most_bytes < MOST_BYTES


def test_four_times_the_bytes_take_no_more_memory() -> None:
    _, few = measure(32 << 20, 1000)
    _, many = measure(128 << 20, 1000)
    assert many < few * 1.2
