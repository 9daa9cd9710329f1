from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Self

import pytest
from tests.images.small import ARCHIVES, FILES, TARGET, Small, write_linked
from tests.name_space import after_mounting

from bindery.core import BadInput, NoProgress, Store, ToolFailed, digest_bytes, digest_file
from bindery.images import Layout, store_layout
from bindery.images.compression import open_decompressed
from bindery.images.environment_layers import (
    KIND,
    LIST_KIND,
    _Watch,
    _Watched,
    ensure_environment_layers,
    find_environment_layers,
    plan_environment,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bindery.images.layers import Layer
    from bindery.prefixes import LinkedPrefix

BUILD = """
import sys
from pathlib import Path
from tests.images.small import build_small
from bindery.core import BinderyError
try:
    build_small(Path(sys.argv[1]))
except BinderyError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def layout(store: Store) -> Layout:
    return store_layout(store)


@pytest.fixture
def linked(tmp_path: Path) -> LinkedPrefix:
    return write_linked(tmp_path / "linked", FILES)


def ensure(linked: LinkedPrefix, store: Store) -> tuple[Layer, ...]:
    return ensure_environment_layers(linked, store_layout(store), store, NoProgress())


def unpack(layout: Layout, layer: Layer) -> dict[str, tuple[str, str, str]]:
    """Return mode, link target and content of everything but folders."""
    with layout.open_blob(layer.descriptor.digest) as stream:
        data = open_decompressed(stream, layer.descriptor.media_type).read()
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if member.isdir():
                assert (member.mode, member.uid, member.gid) == (0o755, 0, 0)
            else:
                found[member.name] = (
                    oct(member.mode),
                    member.linkname,
                    content.read().hex() if content else "",
                )
    return found


def no_parts(layout: Layout) -> bool:
    return not list(layout.root.glob("blobs/.work/*"))


def test_every_file_is_in_one_layer_as_the_image_shows_it(linked: LinkedPrefix, store: Store, layout: Layout) -> None:
    layers = ensure(linked, store)

    everything = [item for layer in layers for item in unpack(layout, layer).items()]
    assert len(everything) == len(FILES)
    assert dict(everything) == {
        f"{TARGET.lstrip('/')}/{path}": (oct(0o777 if one.target else one.mode), one.target, one.data.hex())
        for path, one in FILES.items()
    }
    assert no_parts(layout)


def test_layers_follow_packages(linked: LinkedPrefix) -> None:
    planned = plan_environment(linked)
    assert [(layer.title, sorted({one.package for one in layer.entries.values()})) for layer in planned] == [
        ("python", ["python"]),
        ("packages 07", ["xarray"]),
        ("packages 15", ["dask"]),
        ("packages 23", ["tzdata"]),
        ("packages 28", ["numpy"]),
        ("environment", [""]),
    ]


def test_a_changed_package_changes_one_layer(tmp_path: Path, store: Store) -> None:
    before = ensure(write_linked(tmp_path / "before", FILES), store)
    for number, package in enumerate(sorted(ARCHIVES)):
        path = next(path for path, one in FILES.items() if one.package == package and not one.target)
        changed = {**FILES, path: replace(FILES[path], data=b"changed")}
        after = ensure(write_linked(tmp_path / str(number), changed), store)
        assert [a.title for a, b in zip(after, before, strict=True) if a != b] == [
            layer.title
            for layer in plan_environment(write_linked(tmp_path / f"{number}p", changed))
            if path in layer.entries
        ]


@pytest.mark.parametrize(
    "change",
    [
        {"bin/dask": replace(FILES["bin/dask"], mode=0o644)},
        {"bin/python": replace(FILES["bin/python"], target="python3")},
        {"bin/new": Small(package="dask")},
        {"bin/python": Small(package="python", data=b"python3.12")},
    ],
)
def test_modes_links_and_names_are_part_of_a_layer(tmp_path: Path, store: Store, change: Mapping[str, Small]) -> None:
    before = ensure(write_linked(tmp_path / "before", FILES), store)
    after = ensure(write_linked(tmp_path / "after", {**FILES, **change}), store)
    assert sum(a.diff_id != b.diff_id for a, b in zip(after, before, strict=True)) == 1


def test_what_is_known_is_not_made_again(linked: LinkedPrefix, store: Store) -> None:
    first = ensure(linked, store)
    shutil.rmtree(linked.root)
    assert ensure(linked, store) == first


def test_where_the_files_lie_does_not_matter(tmp_path: Path, store: Store) -> None:
    first = ensure(write_linked(tmp_path / "a", FILES), store)
    again = ensure(write_linked(tmp_path / "b" / "c", dict(reversed(list(FILES.items())))), Store(tmp_path / "other"))
    assert again == first


def remove(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [remove, flip, cut])
def test_a_damaged_blob_is_made_again(
    linked: LinkedPrefix, store: Store, layout: Layout, damage: Callable[[Path], None]
) -> None:
    first = ensure(linked, store)
    blob = layout.blob_path(first[0].descriptor.digest)
    damage(blob)
    assert ensure(linked, store) == first
    assert digest_file(blob) == first[0].descriptor.digest


def test_a_blob_that_was_only_touched_is_believed_once_it_was_read(
    linked: LinkedPrefix, store: Store, layout: Layout
) -> None:
    first = ensure(linked, store)
    shutil.rmtree(linked.root)
    os.utime(layout.blob_path(first[0].descriptor.digest), (1, 1))
    assert ensure(linked, store) == first


@pytest.mark.parametrize("damage", [remove, flip, cut])
def test_a_damaged_memory_is_no_memory(linked: LinkedPrefix, store: Store, damage: Callable[[Path], None]) -> None:
    first = ensure(linked, store)
    for record in (store.root / KIND).iterdir():
        if record.is_file():
            damage(record)
    assert ensure(linked, store) == first


def test_a_damaged_file_of_the_environment_is_named(linked: LinkedPrefix, tmp_path: Path) -> None:
    path = linked.root / "lib/dask/__init__.py"
    stores = (Store(tmp_path / "stores" / str(number)) for number in count())

    def error() -> str:
        # A new store each time: the layers beside the damaged one may be done before that fails, and are kept.
        store = next(stores)
        with pytest.raises(BadInput) as caught:
            ensure(linked, store)
        assert no_parts(store_layout(store))
        return str(caught.value)

    fix = f"\n  fix: remove {linked.root}, and build again"
    good = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(good[:-1] + b"!")
    assert error() == f"{path}: is not what it was when it was linked{fix}"
    path.write_bytes(good + b"!")
    assert error() == f"{path}: is not what it was when it was linked{fix}"
    path.write_bytes(good[:-1])
    assert error() == f"{path}: is not what it was when it was linked{fix}"
    path.unlink()
    assert error() == f"{path}: is missing{fix}"
    path.write_bytes(good)
    empty = linked.root / "conda-meta/history"
    empty.chmod(0o644)
    empty.write_bytes(b"!")
    assert error() == f"{empty}: is not what it was when it was linked{fix}"
    empty.write_bytes(b"")
    assert len(ensure(linked, next(stores))) == 6


def test_two_at_once_make_the_same(linked: LinkedPrefix, store: Store, layout: Layout) -> None:
    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(lambda _: ensure(linked, store), range(8))
    assert others == [first] * 7
    assert no_parts(layout)
    blobs = [path for path in (layout.root / "blobs" / "sha256").iterdir() if path.is_file()]
    assert sorted(path.name for path in blobs) == sorted(one.descriptor.digest.hex for one in first)


def test_progress_counts_every_byte_once(linked: LinkedPrefix, store: Store) -> None:
    counted: list[int] = []

    class Counting(NoProgress):
        def advance(self, amount: int = 1) -> None:
            counted.append(amount)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def task(self, label: str, total: int | None, unit: str) -> Counting:  # type: ignore[override]
            counted.append(-(total or 0))
            assert (label, unit) == ("Writing layers", "bytes")
            return self

    ensure_environment_layers(linked, store_layout(store), store, Counting())
    assert sum(counted) == 0


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    words = [sys.executable, "-c", BUILD, str(tmp_path)]
    command = after_mounting(f"mount -t tmpfs -o size=40k tmpfs '{root}'", *words)
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    # Whether a layer or the note of one comes first, depends on which of two was quicker.
    where = rf"{re.escape(str(root))}/(images/blobs|layer/[0-9a-f]{{64}})"
    words_of_it = "the disk is full\n  fix: free some space, or set BINDERY_STORE\n"
    assert re.fullmatch(f"ToolFailed {where}: {words_of_it}", done.stdout)
    shutil.rmtree(tmp_path / "linked")
    assert subprocess.run(words, capture_output=True, check=True, text=True).stdout == ""


def test_work_that_was_given_up_ends_at_the_next_read() -> None:
    stop = threading.Event()
    with NoProgress().task("", None, "bytes") as task:
        reader = _Watched(io.BytesIO(b"12"), _Watch(task, stop))
        assert reader.read(1) == b"1"
        stop.set()
        with pytest.raises(ToolFailed) as caught:
            reader.read(1)
    assert str(caught.value) == "was given up"


@pytest.fixture
def recorded(linked: LinkedPrefix) -> LinkedPrefix:
    """Return the environment as a store that keeps it gives it."""
    return replace(linked, digest=digest_bytes(b"record"))


def test_layers_are_found_without_a_look_at_any_file(recorded: LinkedPrefix, store: Store, layout: Layout) -> None:
    assert find_environment_layers(recorded, layout, store) is None
    made = ensure(recorded, store)
    shutil.rmtree(recorded.root)
    assert find_environment_layers(recorded, layout, store) == made


def test_layers_of_an_environment_that_no_store_keeps_are_not_found(
    linked: LinkedPrefix, store: Store, layout: Layout
) -> None:
    ensure(linked, store)
    assert find_environment_layers(linked, layout, store) is None
    assert not (store.root / LIST_KIND).exists()


def test_layers_of_other_files_place_or_compression_are_not_found(
    recorded: LinkedPrefix, store: Store, layout: Layout
) -> None:
    ensure(recorded, store)
    assert find_environment_layers(replace(recorded, digest=digest_bytes(b"other")), layout, store) is None
    assert find_environment_layers(replace(recorded, target="/elsewhere"), layout, store) is None
    assert find_environment_layers(recorded, layout, store, "gzip") is None


@pytest.mark.parametrize("what", ["is gone", "is cut", "has another byte"])
def test_layers_are_not_found_if_a_blob(what: str, recorded: LinkedPrefix, store: Store, layout: Layout) -> None:
    blob = layout.blob_path(ensure(recorded, store)[-1].descriptor.digest)
    data = blob.read_bytes()
    blob.unlink()
    if what == "is cut":
        blob.write_bytes(data[:-1])
    if what == "has another byte":
        blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert find_environment_layers(recorded, layout, store) is None


@pytest.mark.parametrize("kind", [KIND, LIST_KIND])
def test_layers_are_not_found_if_a_note_of_them_is_damaged(
    kind: str, recorded: LinkedPrefix, store: Store, layout: Layout
) -> None:
    made = ensure(recorded, store)
    path = next(path for path in (store.root / kind).iterdir() if path.is_file())
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        assert find_environment_layers(recorded, layout, store) is None, position
    path.write_bytes(good)
    assert find_environment_layers(recorded, layout, store) == made
