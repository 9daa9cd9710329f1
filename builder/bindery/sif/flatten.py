"""An image's layers become one archive of the tree that they make, without root and with nothing unpacked.

Every layer is read twice: first its headers, while its digest is computed, to know what stands where in the end; then
its contents, each written once, in the order in which layers have them. In memory are a piece of a layer and the names.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bindery.core import BadInput, NoProgress
from bindery.sif.layer_reader import AGAIN, Entry, LayerReader
from bindery.sif.read_ahead import read_ahead
from bindery.sif.tar_writer import BLOCK, END, encode_header, readable_mode
from bindery.sif.tree import Tree, encode_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bindery.core import Progress, Task
    from bindery.core.tarstreams import Sink, TarMember
    from bindery.sif.layer_reader import Kind
    from bindery.sif.sources import LayeredImage, LayerStream

_ALWAYS = ".singularity.d/"


def flatten_image(
    source: LayeredImage,
    extra: Sequence[TarMember],
    sink: Sink,
    *,
    epoch_s: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write the archive of the image's tree and of ``extra``, which lies on top; implied folders are of ``epoch_s``.

    Of ``extra``, folders, links and empty files give way to what the image has; files with something in them, and all
    below ``.singularity.d``, take its place.

    Raises:
        BadInput: a layer is damaged, is not what its digest says, or cannot be laid upon the others.
        ToolFailed: the sink says so.

    """
    shown = progress or NoProgress()
    with shown.task("Checking layers", source.size_bytes, "bytes") as task:
        tree = index_layers(source, task)
    with shown.task("Packing", source.size_bytes, "bytes") as task:
        write_tree(source, tree, extra, sink, epoch_s=epoch_s, task=task)


def index_layers(source: LayeredImage, task: Task) -> Tree:
    """Return the tree that the layers make; each of them has its digest.

    Raises:
        BadInput: one is damaged, is not what its digest says, or cannot be laid upon the others.

    """
    tree = Tree()
    for number, layer in enumerate(source.layers):
        state = hashlib.sha256()
        with layer.open() as stream, read_ahead(stream, state) as pieces:
            reader = LayerReader(pieces, layer.label)
            tree.lay(number, reader, reader.error)
        if state.hexdigest() != layer.diff_id.hex:
            raise BadInput(
                f"its archive has sha256 {state.hexdigest()}, expected {layer.diff_id.hex}", layer.label, AGAIN
            )
        task.advance(layer.size_bytes)
    return tree


def write_tree(
    source: LayeredImage, tree: Tree, extra: Sequence[TarMember], sink: Sink, *, epoch_s: int, task: Task
) -> None:
    """Write the archive: folders first, then each layer's contents, then ``extra``."""
    added = _add(tree, len(source.layers), extra, epoch_s)
    sink.write(_folder("./", tree.root.mode, tree.root.mtime_s, epoch_s))
    for path, folder in tree.folders():
        sink.write(_folder(path, folder.mode, folder.mtime_s, epoch_s))
    for number, layer in enumerate(source.layers):
        _write_layer(number, layer, tree, sink)
        task.advance(layer.size_bytes)
    for ordinal, member in enumerate(added):
        for path in tree.names(encode_code(len(source.layers), ordinal), member.path):
            _write_member(path, member, sink, epoch_s)
    sink.write(END)


def _folder(path: str, mode: int, mtime_s: int | None, epoch_s: int) -> bytes:
    return encode_header(
        path, "folder", mode=readable_mode("folder", mode), mtime_s=epoch_s if mtime_s is None else mtime_s
    )


def _write_layer(number: int, layer: LayerStream, tree: Tree, sink: Sink) -> None:
    with layer.open() as stream, read_ahead(stream) as pieces:
        reader = LayerReader(pieces, layer.label)
        for ordinal, entry in enumerate(reader):
            if entry.kind in {"folder", "hardlink", "device"}:
                continue
            names = tree.names(encode_code(number, ordinal), entry.path)
            if names:
                _write_entry(entry, names, reader, sink)


def _write_entry(entry: Entry, names: Sequence[str], reader: LayerReader, sink: Sink) -> None:
    mode = readable_mode(entry.kind, entry.mode)
    header = encode_header(
        names[0], entry.kind, mode=mode, mtime_s=entry.mtime_s, size_bytes=entry.size_bytes, target=entry.target
    )
    sink.write(header)
    if entry.kind == "file":
        for piece in reader.content():
            sink.write(piece)
        sink.write(bytes(-entry.size_bytes % BLOCK))
    for name in names[1:]:
        if entry.kind == "file":
            sink.write(encode_header(name, "hardlink", mode=mode, mtime_s=entry.mtime_s, target=names[0]))
        else:
            sink.write(encode_header(name, entry.kind, mode=mode, mtime_s=entry.mtime_s, target=entry.target))


def _add(tree: Tree, number: int, extra: Iterable[TarMember], epoch_s: int) -> list[TarMember]:
    """Put on top what does not give way, and return it."""
    added = [member for member in extra if not (_gives_way(member) and tree.is_taken(member.path))]
    tree.lay(number, (_entry(member, epoch_s) for member in added), BadInput)
    return added


def _gives_way(member: TarMember) -> bool:
    if member.open is None and member.target is None:
        return True
    return not member.size_bytes and not member.path.startswith(_ALWAYS)


def _entry(member: TarMember, epoch_s: int) -> Entry:
    kind: Kind = "file" if member.open is not None else "folder" if member.target is None else "link"
    return Entry(
        path=member.path,
        kind=kind,
        mode=member.mode,
        mtime_s=epoch_s,
        size_bytes=member.size_bytes,
        target=member.target or "",
    )


def _write_member(path: str, member: TarMember, sink: Sink, epoch_s: int) -> None:
    entry = _entry(member, epoch_s)
    if entry.kind == "folder":
        return
    size = member.size_bytes
    sink.write(encode_header(path, entry.kind, mode=member.mode, mtime_s=epoch_s, size_bytes=size, target=entry.target))
    if member.open is not None:
        with member.open() as stream:
            sink.write(stream.read(size))
        sink.write(bytes(-size % BLOCK))
