"""An image of a Docker engine, or a container, as a source: what ``docker save`` and ``docker export`` write.

The engine's own client is run, so that its contexts and remote engines work. Layers may come in any order, each is read
as it comes, and none is kept.

Source: moby, ``image/spec/v1.2.md``; since 25.0 the same archive is an OCI layout as well.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bindery.core import CHUNK_BYTES, BadInput, ToolFailed, digest_bytes, parse_json, start_process, stop_process
from bindery.images.compression import open_decompressed
from bindery.images.manifest import LAYER_GZIP, LAYER_TAR, LAYER_ZSTD, parse_config
from bindery.images.verify.source import ReadImage, ReadLayer, compare_diff_ids, layer_label
from bindery.images.verify.tar_reader import keep_nothing, read_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from subprocess import Popen

    from _typeshed import WriteableBuffer

    from bindery.core import Json, Progress
    from bindery.core.tarstreams import Source
    from bindery.images.verify.entries import Keeps, LayerContent

_MANIFEST = "manifest.json"
_SMALL_BYTES = 8 << 20
_LAST_LINES = 5
_MAGIC = {b"\x1f\x8b": LAYER_GZIP, b"\x28\xb5": LAYER_ZSTD}
_FIX = "start an engine, or set DOCKER_HOST"


@dataclass(frozen=True, kw_only=True, slots=True)
class DaemonSource:
    """An image that an engine has, by name or ID."""

    reference: str
    environ: Mapping[str, str]

    def read(self, progress: Progress, keeps: Keeps = keep_nothing) -> ReadImage:
        """Return the image.

        Raises:
            BadInput: what the engine writes is not an image.
            ToolFailed: there is no engine, or it has no such image.

        """
        command = ["docker", "image", "save", self.reference]
        with progress.task(f"Reading {self.reference}", None, "bytes"), _output(command, self.environ) as stream:
            return read_saved(stream, self.reference, keeps)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSource:
    """The files of a container, whether it runs or not; what is mounted into it is not among them."""

    container: str
    environ: Mapping[str, str]

    def read(self, progress: Progress, keeps: Keeps = keep_nothing) -> ReadImage:
        """Return the container's files as one layer.

        Raises:
            ToolFailed: there is no engine, or it has no such container.

        """
        command = ["docker", "container", "export", self.container]
        with progress.task(f"Reading {self.container}", None, "bytes"), _output(command, self.environ) as stream:
            content = read_layer(stream, keeps)
        return ReadImage(layers=(ReadLayer(label="container", content=content),), is_flat=True)


def read_saved(stream: Source, where: str, keeps: Keeps = keep_nothing) -> ReadImage:
    """Return the image of an archive that an engine saved.

    Raises:
        BadInput: it is not one, or holds several images.

    """
    saved = _Saved(where, keeps)
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Readable(stream), CHUNK_BYTES), mode="r|") as archive:
            for member in archive:
                saved.take(archive, member)
    except tarfile.TarError as error:
        raise BadInput(f"is not a saved image: {error}", where) from error
    return saved.image()


@dataclass(slots=True)
class _Saved:
    """What was read of an archive so far; which layer is which is told at its end."""

    where: str
    keeps: Keeps
    documents: dict[str, bytes] = field(default_factory=dict)
    layers: dict[str, LayerContent] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Read the member to its end."""
        name = posixpath.normpath(member.name)
        if member.issym():
            self.links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        elif member.islnk():
            self.links[name] = posixpath.normpath(member.linkname)
        content = archive.extractfile(member) if member.isreg() else None
        if content is None:
            return
        head = content.read(2)
        if name.endswith("/layer.tar") or (name.startswith("blobs/") and head[:1] not in {b"{", b"["}):
            media_type = _MAGIC.get(head, LAYER_TAR)
            self.layers[name] = read_layer(open_decompressed(_Again(head, content), media_type, self.where), self.keeps)
        elif member.size <= _SMALL_BYTES:
            self.documents[name] = head + content.read()

    def image(self) -> ReadImage:
        """Return the image."""
        match _parsed(self.documents.get(_MANIFEST, b"null"), self.where):
            case [{"Config": str(config_name), "Layers": list(names)}]:
                pass
            case _:
                raise BadInput(f"has no {_MANIFEST} of one image", self.where)
        raw = self.documents.get(config_name)
        if raw is None:
            raise BadInput(f"has no {config_name}", self.where)
        config = parse_config(raw, f"{self.where}: {config_name}")
        stem = posixpath.basename(config_name).removesuffix(".json")
        if digest_bytes(raw).hex != stem:
            raise BadInput(f"the configuration has sha256 {digest_bytes(raw).hex}, expected {stem}", self.where)
        contents = [self._layer(str(name)) for name in names]
        labels = [layer_label(number, digest) for number, digest in enumerate(config.diff_ids[: len(contents)])]
        labels += [f"layer {number + 1}" for number in range(len(labels), len(contents))]
        layers = (ReadLayer(label=label, content=one) for label, one in zip(labels, contents, strict=True))
        findings = compare_diff_ids(config.diff_ids, contents, labels)
        return ReadImage(layers=tuple(layers), findings=tuple(findings), config=config)

    def _layer(self, name: str) -> LayerContent:
        path = posixpath.normpath(name)
        found = self.layers.get(path) or self.layers.get(self.links.get(path, ""))
        if found is None:
            raise BadInput(f"has no {name}", self.where)
        return found


def _parsed(raw: bytes, where: str) -> Json:
    try:
        return parse_json(raw)
    except ValueError as error:
        raise BadInput(f"{_MANIFEST} is not JSON: {error}", where) from error


class _Again:
    """A stream of which the first bytes were looked at."""

    def __init__(self, head: bytes, rest: Source) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._head:
            return self._rest.read(size)
        data, self._head = self._head, b""
        return data


class _Readable(io.RawIOBase):
    """What is below a buffered reader, which tarfile wants: it gives all bytes that are asked for."""

    def __init__(self, stream: Source) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Output:
    """What a program prints, while it prints it; at its end the program must have succeeded."""

    def __init__(self, process: Popen[bytes], command: list[str]) -> None:
        self._process = process
        self._command = command
        self._said: list[bytes] = []
        self.listener = threading.Thread(target=_listen, args=(process.stderr, self._said), daemon=True)
        self.listener.start()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            ToolFailed: there are none, and the program failed.

        """
        assert self._process.stdout is not None  # noqa: S101 - three pipes were asked for
        data = self._process.stdout.read(size)
        if not data and self._process.wait():
            self.listener.join()
            lines = b"".join(self._said).decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
            what = "; ".join(lines) or f"ended with status {self._process.returncode}"
            raise ToolFailed(what, " ".join(self._command), _FIX)
        return data


@contextmanager
def _output(command: list[str], environ: Mapping[str, str]) -> Iterator[_Output]:
    """Yield what the program prints.

    Raises:
        ToolFailed: it cannot be started, or fails.

    """
    process = start_process(command, env=environ, cwd=Path("/"))
    output = _Output(process, command)
    try:
        assert process.stdin is not None  # noqa: S101 - three pipes were asked for
        process.stdin.close()
        yield output
        while output.read(CHUNK_BYTES):
            pass
    finally:
        process.terminate()
        process.wait()
        output.listener.join()
        stop_process(process)


def _listen(pipe: IO[bytes] | None, said: list[bytes]) -> None:
    if pipe is not None:
        said.append(pipe.read())
        pipe.close()
