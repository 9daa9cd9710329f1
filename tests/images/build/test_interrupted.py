"""Builds that are killed, that meet, and whose disk fails: the next one is right."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.images.build.runs import LIMIT_S, same_parts

from bindery.core import BadInput, NoProgress, remove_tree
from bindery.images import open_layout, read_image
from bindery.images.registry import parse_reference, push_image

if TYPE_CHECKING:
    from tests.images.build.conftest import First
    from tests.images.build.runs import Run
    from tests.testbed.registry import Registry

KILLS = 20
LONGEST_S = 2.5


def test_killed_at_random_moments_the_next_build_is_right(first: First, again: Run) -> None:
    dice = random.Random(20261123)  # noqa: S311 - moments
    for _ in range(KILLS):
        process = again.start()
        try:
            process.wait(dice.uniform(0.2, LONGEST_S))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            # Each build goes on where the last one was killed; this one got to the end, so from the start again.
            for kind in ("images", "layer", "linked"):
                remove_tree(again.store / kind)
    assert same_parts(again.build()) == first[1]


def test_two_builds_at_once_make_the_same_image(first: First, again: Run) -> None:
    both = [again.start(), again.start()]
    for process in both:
        _, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, err
    assert same_parts(again.build()) == first[1]


def test_interrupted_by_a_person_it_says_so_and_leaves_nothing_half_made(first: First, again: Run) -> None:
    process = again.start()
    assert process.stderr
    while "Linking packages" not in process.stderr.readline():
        pass
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out) == (130, ""), err
    assert err.endswith("interrupted\n")
    assert same_parts(again.build()) == first[1]


def test_a_full_disk_is_named_and_the_next_build_is_right(first: First, again: Run) -> None:
    script = f'mount -t tmpfs -o size=30m none "{again.store}/linked" && exec "$@"'
    (again.store / "linked").mkdir()
    wrapped = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    process = replace(again, before=wrapped).start()
    out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out) == (4, ""), err
    assert "the disk is full\n  fix: free some space, or set BINDERY_STORE\n" in err
    assert same_parts(again.build()) == first[1]


def test_a_flipped_byte_of_a_layer_is_not_pushed_and_can_be_made_again(
    first: First, again: Run, registry: Registry
) -> None:
    again.build()
    layout = open_layout(again.store / "images")
    image = read_image(layout, "same:latest")
    largest = max(image.manifest.layers, key=lambda layer: layer.size_bytes)
    damaged = layout.blob_path(largest.digest)
    flip(damaged)
    reference = parse_reference(f"{registry.host}/flipped:1")
    with pytest.raises(BadInput) as caught:
        push_image(layout, image, reference, ["1"], progress=NoProgress())
    assert str(caught.value) == (
        f"{damaged}: the blob does not have its digest {largest.digest}\n"
        "  fix: remove it, and make or pull the image again"
    )
    damaged.unlink()
    assert same_parts(again.build()) == first[1]
    assert read_image(layout, "same:latest").layers == image.layers
    assert str(push_image(layout, image, reference, ["1"], progress=NoProgress())) == first[1][0]


def test_a_flipped_byte_of_a_package_does_not_reach_an_image(first: First, again: Run) -> None:
    again.build()
    files = [path for path in (again.store / "linked").rglob("*.py") if path.is_file() and path.stat().st_size > 100]
    flip(max(files))
    for kind in ("images", "layer"):
        shutil.rmtree(again.store / kind)
    process = again.start()
    out, err = process.communicate(timeout=LIMIT_S)
    where = max(files)
    assert (process.returncode, out) == (3, "")
    fix = next(line for line in err.splitlines() if line.startswith("  fix: remove "))
    assert f"error: {where}: is not what it was when it was linked\n" in err
    remove_tree(Path(fix.removeprefix("  fix: remove ").partition(",")[0]))
    assert same_parts(again.build()) == first[1]


def flip(path: Path) -> None:
    """Change one byte in the middle of the file, and keep its size and its times."""
    status = path.stat()
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
