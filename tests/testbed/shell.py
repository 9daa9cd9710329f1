"""A root file system that has a shell and little else, made of this machine's own programs: the smallest base."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import zlib
from typing import TYPE_CHECKING

from bindery.core import digest_bytes
from bindery.images.manifest import (
    CONFIG,
    LAYER_GZIP,
    MANIFEST,
    ConfigFields,
    Descriptor,
    encode_config,
    encode_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.images.layout import Layout

PROGRAMS = ("/bin/sh", "/bin/cat", "/bin/chmod", "/usr/bin/id")
USER = ("etc/passwd", "jovyan:*:1000:1000::/srv/repo:/bin/sh\n")


def make_shell_archive(archive: Path) -> None:
    """Write a tar archive of the file system; /srv/repo belongs to the user 1000."""
    with tarfile.open(archive, "w", dereference=True) as tar:
        for name in sorted({file for program in PROGRAMS for file in _files(program)}):
            tar.add(name)
        for name in ("tmp", "srv/repo"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o777, 1000, 1000
            tar.addfile(folder)
        user = tarfile.TarInfo(USER[0])
        user.size = len(USER[1])
        tar.addfile(user, io.BytesIO(USER[1].encode()))
        pipe = tarfile.TarInfo("pipe")
        pipe.type = tarfile.FIFOTYPE
        tar.addfile(pipe)


def make_shell_image(archive: Path, layout: Layout, name: str, extra: Mapping[str, bytes] | None = None) -> None:
    """Give the layout an image of that name: the archive, and the extra files as a second layer if there are any."""
    plain = [archive.read_bytes(), *([_extra_layer(extra)] if extra else [])]
    config = encode_config(
        ConfigFields(
            os="linux",
            architecture="amd64",
            env=("PATH=/bin:/usr/bin", "HOME=/srv/repo"),
            user="1000:1000",
            working_dir="/srv/repo",
            diff_ids=tuple(map(digest_bytes, plain)),
        )
    )
    layers = [_blob(layout, LAYER_GZIP, _compressed(one)) for one in plain]
    manifest = encode_manifest(_blob(layout, CONFIG, config), layers)
    layout.tag(name, _blob(layout, MANIFEST, manifest))


def _extra_layer(files: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    return sink.getvalue()


def _compressed(plain: bytes) -> bytes:
    compressor = zlib.compressobj(level=1, wbits=31)
    return compressor.compress(plain) + compressor.flush()


def _files(program: str) -> list[str]:
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [program, *re.findall(r"(/\S+) \(0x", linked)]


def _blob(layout: Layout, media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=layout.write_blob(data), size_bytes=len(data))
