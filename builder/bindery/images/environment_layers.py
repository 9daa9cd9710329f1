"""An environment's layers, made on all cores, and not made again when nothing in them has changed.

What a layer holds is known without reading a file: paths, digests, modes and links. Their digest is the layer's key,
and under it the store remembers which blob came of it. Files are compared with their digests while a layer is written,
so that a damaged store gives an error and not an image. Which keys an environment has is remembered, too: where all are
known, nothing of it is looked at but the blobs.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, digest_bytes, digest_file, encode_json
from bindery.core.tarstreams import TarMember, link_member
from bindery.images.compression import COMPRESSORS, compressing_threads, usable_cores
from bindery.images.layer_plan import LayerPlan, plan_layers
from bindery.images.layers import Layer, write_layer
from bindery.images.manifest import Descriptor
from bindery.images.notes import read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bindery.core import Json, Progress, Store, Task
    from bindery.core.tarstreams import Source
    from bindery.images.compression import Compression
    from bindery.images.layout import Layout
    from bindery.prefixes import LinkedPrefix
    from bindery.prefixes.linked_record import LinkedEntry

FORMAT = 1  # of the bytes of environment layers; it is part of every key
LIST_FORMAT = 1  # of which files share a layer
KIND, LIST_KIND = "layer", "environment-layers"
REST = "environment"
_MOST_AT_ONCE = 4
_CHANGED = "is not what it was when it was linked"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentLayer:
    """A layer that is to be: its title, where its files are, how the image calls that folder, and what is in it."""

    title: str
    root: Path
    target: str
    entries: Mapping[str, LinkedEntry]
    compression: Compression

    @property
    def size_bytes(self) -> int:
        """How many bytes its files have."""
        return sum(entry.size_bytes for entry in self.entries.values())

    @property
    def key(self) -> str:
        """What it is remembered under: another layer has another one."""
        items: list[Json] = [
            [path, entry.kind, entry.sha256, entry.mode, entry.target] for path, entry in sorted(self.entries.items())
        ]
        return digest_bytes(encode_json([FORMAT, COMPRESSORS[self.compression].name, self.target, items])).hex


def plan_environment(linked: LinkedPrefix, compression: Compression = "zstd") -> tuple[EnvironmentLayer, ...]:
    """Return the environment's layers, the lowest first; every file and link is in exactly one."""
    by_package: dict[str, dict[str, LinkedEntry]] = {}
    for path, entry in linked.entries.items():
        by_package.setdefault(entry.package, {})[path] = entry
    named = [(name, linked.archives.get(name, 0)) for name in by_package if name]
    plans = [*plan_layers(named), LayerPlan(title=REST, packages=("",))]
    return tuple(
        EnvironmentLayer(
            title=plan.title,
            root=linked.root,
            target=linked.target,
            entries={path: entry for name in plan.packages for path, entry in by_package.get(name, {}).items()},
            compression=compression,
        )
        for plan in plans
        if any(name in by_package for name in plan.packages)
    )


def ensure_environment_layers(
    linked: LinkedPrefix, layout: Layout, store: Store, progress: Progress, compression: Compression = "zstd"
) -> tuple[Layer, ...]:
    """Return the environment's layers, the lowest first, after making those that the layout had not.

    Raises:
        BadInput: a file of the environment is not what it was when it was linked.
        ToolFailed: the disk is full or cannot be written.

    """
    planned = {layer.key: layer for layer in plan_environment(linked, compression)}
    place = _Place(layout, store)
    known = {key: _remembered(key, layer.title, compression, place) for key, layer in planned.items()}
    missing = {key: layer for key, layer in planned.items() if known[key] is None}
    made = _make(missing, place, progress) if missing else {}
    if linked.digest is not None:
        listed: dict[str, Json] = {"keys": [*planned], "titles": [layer.title for layer in planned.values()]}
        write_note(store, LIST_KIND, _list_key(linked, compression), listed)
    return tuple(known[key] or made[key] for key in planned)


def find_environment_layers(
    linked: LinkedPrefix, layout: Layout, store: Store, compression: Compression = "zstd"
) -> tuple[Layer, ...] | None:
    """Return the environment's layers if all were made before and their blobs are there; no file of it is looked at."""
    note = None if linked.digest is None else read_note(store, LIST_KIND, _list_key(linked, compression))
    if note is None:
        return None
    place = _Place(layout, store)
    listed = zip(note.texts("keys"), note.texts("titles"), strict=True)
    found = [_remembered(key, title, compression, place) for key, title in listed]
    return tuple(layer for layer in found if layer) if all(found) else None


def _list_key(linked: LinkedPrefix, compression: Compression) -> str:
    parts: list[Json] = [LIST_FORMAT, FORMAT, COMPRESSORS[compression].name, linked.target, str(linked.digest)]
    return digest_bytes(encode_json(parts)).hex


def _make(missing: Mapping[str, EnvironmentLayer], place: _Place, progress: Progress) -> Mapping[str, Layer]:
    made: dict[str, Layer] = {}
    stop = threading.Event()
    total = sum(layer.size_bytes for layer in missing.values())
    with (
        progress.task("Writing layers", total, "bytes") as task,
        compressing_threads() as compressing,
        ThreadPoolExecutor(min(usable_cores(), _MOST_AT_ONCE), thread_name_prefix="layer") as writing,
    ):
        watch = _Watch(task, stop)
        # The largest first: what is begun last should not take longest.
        order = sorted(missing, key=lambda key: -missing[key].size_bytes)
        started = {writing.submit(_ensure, key, missing[key], place, watch, compressing): key for key in order}
        try:
            for future in as_completed(started):
                made[started[future]] = future.result()
        except BaseException:
            stop.set()
            writing.shutdown(wait=True, cancel_futures=True)
            raise
    return made


def _ensure(key: str, layer: EnvironmentLayer, place: _Place, watch: _Watch, compressing: ThreadPoolExecutor) -> Layer:
    with place.store.lock(KIND, key):
        # Another process may have made it while this one waited.
        found = _remembered(key, layer.title, layer.compression, place)
        if found is None:
            members = (_member(layer, path, entry, watch) for path, entry in layer.entries.items())
            found = write_layer(
                members, place.layout, title=layer.title, compression=layer.compression, threads=compressing
            )
            _remember(key, found, place)
    return found


def _member(layer: EnvironmentLayer, path: str, entry: LinkedEntry, watch: _Watch) -> TarMember:
    inside = f"{layer.target.strip('/')}/{path}"
    if entry.kind == "link":
        return link_member(inside, entry.target)
    return TarMember(
        path=inside,
        mode=entry.mode,
        size_bytes=entry.size_bytes,
        open=lambda: _open_verified(layer.root, path, entry, watch),
    )


@contextmanager
def _open_verified(root: Path, path: str, entry: LinkedEntry, watch: _Watch) -> Iterator[Source]:
    """Yield the file's bytes, which are those of the entry if the context ends without an error."""
    where, fix = f"{root}/{path}", f"remove {root}, and build again"
    try:
        stream = io.FileIO(where)  # many small files: a Path or a buffer for each would take longer than most are read
    except FileNotFoundError as error:
        raise BadInput("is missing", where, fix) from error
    with stream:
        if os.fstat(stream.fileno()).st_size != entry.size_bytes:
            raise BadInput(_CHANGED, where, fix)
        reader = _Watched(stream, watch)
        yield reader
        if reader.state.hexdigest() != entry.sha256:
            raise BadInput(_CHANGED, where, fix)


@dataclass(frozen=True, slots=True)
class _Place:
    layout: Layout
    store: Store


@dataclass(frozen=True, slots=True)
class _Watch:
    task: Task
    stop: threading.Event


class _Watched:
    """A file that is digested and counted, and that ends when the whole work has been given up."""

    def __init__(self, stream: IO[bytes], watch: _Watch) -> None:
        self._stream = stream
        self._watch = watch
        self.state = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        if self._watch.stop.is_set():
            raise ToolFailed("was given up")
        data = self._stream.read(size)
        self.state.update(data)
        self._watch.task.advance(len(data))
        return data


def _remembered(key: str, title: str, compression: Compression, place: _Place) -> Layer | None:
    """Return the layer if the store remembers it, and its blob is there, with the bytes that were written."""
    note = read_note(place.store, KIND, key)
    if note is None:
        return None
    digest, diff_id, size_bytes = note.digest("digest"), note.digest("diff_id"), note.number("size_bytes")
    if not place.layout.has_blob(digest, size_bytes):
        return None
    blob = place.layout.blob_path(digest)
    if blob.stat().st_mtime_ns != note.number("time_ns") and digest_file(blob) != digest:
        return None
    media_type = COMPRESSORS[compression].media_type
    descriptor = Descriptor(media_type=media_type, digest=digest, size_bytes=size_bytes)
    return Layer(descriptor=descriptor, diff_id=diff_id, title=title)


def _remember(key: str, made: Layer, place: _Place) -> None:
    blob = made.descriptor.digest
    record: dict[str, Json] = {
        "digest": str(blob),
        "diff_id": str(made.diff_id),
        "size_bytes": made.descriptor.size_bytes,
        # A blob that was touched since is read again before it is believed.
        "time_ns": place.layout.blob_path(blob).stat().st_mtime_ns,
    }
    write_note(place.store, KIND, key, record)
