"""Flattening holds names, and a few pieces of a layer, whatever is in the layers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def measure(folder: Path, large_bytes: int, small_files: int) -> tuple[int, int]:
    """Return how many KiB flattening added to what the program had, and how large the archive is."""
    words = ["tests.sif.measure_memory", str(folder), str(large_bytes), str(small_files)]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=True, cwd=ROOT)
    before_kib, after_kib, size_bytes = map(int, done.stdout.split())
    return after_kib - before_kib, size_bytes


def test_memory_does_not_grow_with_what_is_in_files(tmp_path: Path) -> None:
    added_kib, size_bytes = measure(tmp_path, 512 << 20, 10)
    assert size_bytes > 512 << 20
    assert added_kib < 40 << 10


def test_a_file_takes_no_more_than_a_name_and_a_number(tmp_path: Path) -> None:
    files = 30_000
    few_kib, _ = measure(tmp_path / "few", 1 << 20, 10)
    many_kib, _ = measure(tmp_path / "many", 1 << 20, files)
    assert (many_kib - few_kib) * 1024 / files < 400
