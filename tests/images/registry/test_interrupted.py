"""Killed, run twice at once, out of disk: what the next one finds."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly
from tests.name_space import after_mounting

from bindery.core import NoProgress
from bindery.images.layout import read_image
from bindery.images.registry import plan_pull, plan_push, run_pull, run_push

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.testbed.registry import Registry

    from bindery.images.layout import Layout

pytestmark = pytest.mark.testbed
PUSH = """
import pickle, sys
from bindery.core import NoProgress
from bindery.images.layout import open_layout, read_image
from bindery.images.registry import open_registry, plan_push, run_push
root, name, reference, environ = pickle.load(sys.stdin.buffer)
layout = open_layout(root)
print("ready", flush=True)
with open_registry(reference.host, environ) as client:
    plan = plan_push(client, layout, read_image(layout, name), reference, tags=["1"])
    print(run_push(client, plan, NoProgress()).digest)
"""
PULL = """
import pickle, sys
from bindery.core import BinderyError, NoProgress
from bindery.images.layout import open_layout
from bindery.images.registry import open_registry, plan_pull, run_pull
root, reference, environ = pickle.load(sys.stdin.buffer)
try:
    with open_registry(reference.host, environ) as client:
        run_pull(client, plan_pull(client, reference, open_layout(root)), NoProgress(), name="pulled")
except BinderyError as error:
    print(type(error).__name__, error)
"""
KILLS = 20


@pytest.fixture
def place(registry: Registry, home: dict[str, str]) -> Place:
    """Return the registry."""
    return Place(registry.host, home)


def start(code: str, *values: object, mount: str = "") -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", code]
    command = after_mounting(mount, *words) if mount else words
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(values))
    process.stdin.flush()
    return process


def start_push(layout: Layout, image: str, place: Place, name: str) -> subprocess.Popen[bytes]:
    environ: Mapping[str, str] = place.environ
    process = start(PUSH, layout.root, image, place.reference(name), dict(environ))
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_push_that_is_killed_anywhere_leaves_the_tag_on_a_whole_image(
    place: Place, layout: Layout, other: Layout
) -> None:
    old = make_image(layout, "old", seed=100)
    with open_quickly(place) as client:
        plan = plan_push(client, layout, old, place.reference("interrupted/killed"), tags=["1"])
        run_push(client, plan, NoProgress())
    moments = random.Random(4)  # noqa: S311 - the same moments each time
    digests = {old.digest}
    for number in range(KILLS):
        image = make_image(layout, f"new-{number}", seed=200 + number, sizes=(1_000, 400_000, 4_000_000))
        digests.add(image.digest)
        process = start_push(layout, f"new-{number}", place, "interrupted/killed")
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.communicate()
        with open_quickly(place) as client:
            plan_now = plan_pull(client, place.reference("interrupted/killed", "1"), other)
            run_pull(client, plan_now, NoProgress(), name="now")
        assert other.resolve("now").digest in digests
    process = start_push(layout, "new-0", place, "interrupted/killed")
    assert process.communicate()[0].decode().split() == [str(read_image(layout, "new-0").digest)]
    with open_quickly(place) as client:
        run_pull(client, plan_pull(client, place.reference("interrupted/killed", "1"), other), NoProgress(), name="end")
    assert other.resolve("end").digest == read_image(layout, "new-0").digest


def test_two_that_push_the_same_image_at_once_both_succeed(place: Place, layout: Layout, other: Layout) -> None:
    image = make_image(layout, seed=300)
    processes = [start_push(layout, "image", place, "interrupted/twice") for _ in range(2)]
    assert [process.communicate()[0].decode().split() for process in processes] == [[str(image.digest)]] * 2
    with open_quickly(place) as client:
        run_pull(client, plan_pull(client, place.reference("interrupted/twice", "1"), other), NoProgress(), name="x")
    assert other.resolve("x").digest == image.digest


def test_two_that_pull_the_same_image_at_once_both_succeed(place: Place, layout: Layout, other: Layout) -> None:
    image = make_image(layout, seed=301)
    with open_quickly(place) as client:
        run_push(
            client, plan_push(client, layout, image, place.reference("interrupted/pulls"), tags=["1"]), NoProgress()
        )
    reference = place.reference("interrupted/pulls", "1")
    processes = [start(PULL, other.root, reference, dict(place.environ)) for _ in range(2)]
    assert [process.communicate()[0] for process in processes] == [b"", b""]
    assert read_image(other, "pulled").digest == image.digest


def test_a_full_disk_is_told_and_the_next_pull_succeeds(
    place: Place, layout: Layout, other: Layout, tmp_path: Path
) -> None:
    image = make_image(layout, seed=302)
    reference = place.reference("interrupted/full", "1")
    with open_quickly(place) as client:
        run_push(client, plan_push(client, layout, image, reference, tags=["1"]), NoProgress())
    blobs = other.root / "blobs"
    mount = f"mount -t tmpfs -o size=1m tmpfs '{blobs}'"
    process = start(PULL, other.root, reference, dict(place.environ), mount=mount)
    assert process.communicate()[0].decode() == (
        f"ToolFailed {blobs}: the disk is full\n  fix: free some space, or set BINDERY_STORE\n"
    )
    assert other.names() == {}
    with open_quickly(place) as client:
        run_pull(client, plan_pull(client, reference, other), NoProgress(), name="pulled")
    assert read_image(other, "pulled").digest == image.digest
    assert list(tmp_path.glob("other/blobs/.work/*")) == []
