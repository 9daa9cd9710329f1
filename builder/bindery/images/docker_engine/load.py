"""An image of a layout handed to a Docker engine, through the engine's own client: contexts and remote engines work.

The archive is one that every engine reads: Docker's own form names the blobs of an OCI layout. ``docker save`` writes
the same since 25.0; older engines look at ``manifest.json`` alone, those that keep images in containerd at
``index.json``.

Source: moby, ``image/spec/v1.2.md``, "Combined Image JSON + Filesystem Changeset Format"; OCI image-spec v1.1,
image-layout.md.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from bindery.core import ToolFailed, encode_json, parse_json, run_process, start_process, stop_process
from bindery.core.tarstreams import TarMember, bytes_member, folder_member, write_tar
from bindery.images.manifest import LAYER_ZSTD, REF_NAME, encode_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bindery.core import Digest, Json, Progress, Task
    from bindery.images.layout import Image
    from bindery.images.manifest import Descriptor

CONTAINERD_NAME = "io.containerd.image.name"
CONTAINERD_DRIVER = "io.containerd.snapshotter"
QUESTION_LIMIT_S = 60.0
ZSTD_SINCE = 23
LOAD_LIMIT_S = 600.0
"""How long the engine may take once it has everything."""


def load_image(image: Image, name: str, *, environ: Mapping[str, str], progress: Progress) -> None:
    """Have the engine of ``environ`` know the image as ``name`` (``pangeo:2025.08.14``). What it has is not sent again.

    Raises:
        ToolFailed: there is no docker, no engine answers, or it cannot read or refuses the image.
        BadInput: a blob of the image is missing or damaged.

    """
    if _is_known(image, environ):
        tag = ["docker", "image", "tag", str(image.config.digest), name]
        run_process(tag, env=environ, cwd=Path("/"), timeout_s=QUESTION_LIMIT_S)
        return
    _check_compression(image, name, environ)
    members = archive_members(image, name, skip=_known_layers(image, environ))
    total = sum(member.size_bytes for member in members)
    with progress.task(f"Loading {name}", total, "bytes") as task:
        _send(members, environ, task)


def archive_members(image: Image, name: str, skip: int = 0) -> tuple[TarMember, ...]:
    """Return what an archive for ``docker load`` consists of; each blob is there once.

    The lowest ``skip`` layers are named, but not in it: an engine that has them does not look for them.
    """
    needed = (image.descriptor, image.manifest.config, *image.manifest.layers[skip:])
    descriptors = {one.digest: one for one in needed}
    document: list[Json] = [
        {
            "Config": _place(image.manifest.config),
            "RepoTags": [name],
            "Layers": [_place(one) for one in image.manifest.layers],
        }
    ]
    names = {CONTAINERD_NAME: _full_name(name), REF_NAME: name.rpartition(":")[2]}
    return (
        bytes_member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        bytes_member("index.json", encode_index([replace(image.descriptor, annotations=names)])),
        bytes_member("manifest.json", encode_json(document)),
        folder_member("blobs"),
        folder_member("blobs/sha256"),
        *(_blob_member(image, one) for one in descriptors.values()),
    )


def _full_name(name: str) -> str:
    """Return the name with its registry, as containerd knows it.

    Source: distribution/reference, ``normalize.go``: a first part without a dot, a colon or ``localhost`` is no host.
    """
    host, slash, _ = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def _place(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"


def _blob_member(image: Image, descriptor: Descriptor) -> TarMember:
    return TarMember(
        path=_place(descriptor),
        mode=0o644,
        size_bytes=descriptor.size_bytes,
        open=partial(_open_whole, image, descriptor.digest),
    )


@contextmanager
def _open_whole(image: Image, digest: Digest) -> Iterator[BinaryIO]:
    """Yield the blob, and look for its end, where its digest is checked."""
    with image.layout.open_blob(digest) as stream:
        yield stream
        stream.read(1)


def _is_known(image: Image, environ: Mapping[str, str]) -> bool:
    """Answer whether the engine has the image, by the digest of its configuration."""
    asked = ["docker", "image", "inspect", "--format", "{{json .Id}}", str(image.config.digest)]
    done = run_process(asked, env=environ, cwd=Path("/"), timeout_s=QUESTION_LIMIT_S, check=False)
    return done.status == 0 and parse_json(done.stdout) == str(image.config.digest)


def _known_layers(image: Image, environ: Mapping[str, str]) -> int:
    """Return how many of the image's layers, from the lowest, an engine has below one of its own images.

    It keeps layers by the diff IDs of all that is below them. Engines that keep images in containerd want every blob.

    Source: moby, ``image/tarexport/load.go``.
    """
    driver = ["docker", "info", "--format", "{{json .DriverStatus}}"]
    if CONTAINERD_DRIVER in _ask(driver, environ):
        return 0
    listed = _ask(["docker", "image", "ls", "--all", "--quiet", "--no-trunc"], environ).split()
    if not listed:
        return 0
    wanted = [str(one) for one in image.config.diff_ids]
    inspect = ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", *dict.fromkeys(listed)]
    most = 0
    for line in _ask(inspect, environ).splitlines():
        there = parse_json(line.encode())
        pairs = zip(wanted, there if isinstance(there, list) else [], strict=False)
        most = max(most, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return most


def _check_compression(image: Image, name: str, environ: Mapping[str, str]) -> None:
    """Return if the engine reads the image's layers. Source: moby's release notes, 23.0.0, for zstd."""
    if all(one.media_type != LAYER_ZSTD for one in image.manifest.layers):
        return
    version = _ask(["docker", "version", "--format", "{{.Server.Version}}"], environ).strip()
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < ZSTD_SINCE:
        raise ToolFailed(
            f"Docker {version} does not read layers that zstd compressed, Docker {ZSTD_SINCE} does",
            name,
            "bindery build with --compression gzip, and load that",
        )


def _ask(words: list[str], environ: Mapping[str, str]) -> str:
    """Return the engine's answer; nothing if it has none, since whoever loads is told why."""
    done = run_process(words, env=environ, cwd=Path("/"), timeout_s=QUESTION_LIMIT_S, check=False)
    return done.stdout.decode(errors="replace") if done.status == 0 else ""


def _send(members: tuple[TarMember, ...], environ: Mapping[str, str], task: Task) -> None:
    command = ["docker", "load", "--quiet"]
    process = start_process(command, env=environ, cwd=Path("/"))
    assert process.stdin is not None  # noqa: S101 - three pipes were asked for
    try:
        # If it ends early, it says why on another pipe.
        with suppress(BrokenPipeError):
            write_tar(members, _Counted(process.stdin, task), epoch_s=0)
        _, said = process.communicate(timeout=LOAD_LIMIT_S)
    except subprocess.TimeoutExpired as expired:
        stop_process(process)
        raise ToolFailed(f"did not end within {LOAD_LIMIT_S:g} s", " ".join(command)) from expired
    except BaseException:
        stop_process(process)
        raise
    if process.returncode != 0:
        raise ToolFailed(
            said.decode(errors="replace").strip(), " ".join(command), "start an engine, or set DOCKER_HOST"
        )


class _Counted:
    """A pipe that says how much it was given."""

    def __init__(self, pipe: IO[bytes], task: Task) -> None:
        self._pipe = pipe
        self._task = task

    def write(self, data: bytes) -> None:
        """Pass the data on."""
        self._pipe.write(data)
        self._task.advance(len(data))
