"""The files of a SIF as an archive."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.sif.squashed import Squashed
from tests.sif.test_unsquash import pack, sample

from bindery.core import BadInput
from bindery.sif import NewObject, Sif, SifIdentity, open_rootfs, read_sif, write_sif
from bindery.sif.read import open_tree

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = SifIdentity(architecture="amd64", uuid=uuid.UUID(int=7), created_s=0)


def contents(archive: tarfile.TarFile) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for info in archive:
        stream = archive.extractfile(info) if info.isreg() or info.islnk() else None
        digest = hashlib.sha256(stream.read()).hexdigest() if stream else ""
        kind = b"file" if stream else info.type
        found[info.name.removeprefix("./")] = (
            kind,
            info.mode,
            info.uid,
            info.gid,
            info.linkname * info.issym(),
            digest,
        )
    return found


@pytest.fixture(scope="module")
def sif(tmp_path_factory: pytest.TempPathFactory) -> Sif:
    folder = tmp_path_factory.mktemp("sif")
    packed = pack(sample(), folder / "packed")
    return write_sif(folder / "x.sif", [NewObject(kind="partition", content=packed)], IDENTITY)


def test_the_archive_is_the_one_that_was_packed(sif: Sif) -> None:
    with open_rootfs(sif) as stream:
        data = stream.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as found, tarfile.open(fileobj=io.BytesIO(sample())) as packed:
        there, must = contents(found), contents(packed)
    implied = {path for path in there.keys() - must.keys() if path}
    assert {path: there[path] for path in must} == must
    assert {there[path][0] for path in implied} == {b"5"}


def test_it_is_read_in_pieces_of_any_size(sif: Sif) -> None:
    with open_rootfs(sif) as stream:
        whole = hashlib.sha256(stream.read()).hexdigest()
    with open_rootfs(sif) as stream:
        pieces = iter(lambda: stream.read(100_001), b"")
        digest = hashlib.sha256()
        for piece in pieces:
            assert len(piece) <= 100_001
            digest.update(piece)
    assert digest.hexdigest() == whole


def test_sockets_are_left_out(tmp_path: Path) -> None:
    squashed = Squashed()
    squashed.inodes["file"] = squashed.inode(7, struct.pack("<I", 1))
    written = write_sif(tmp_path / "x.sif", [NewObject(kind="partition", content=squashed.encode())], IDENTITY)
    with open_rootfs(written) as stream, tarfile.open(fileobj=io.BytesIO(stream.read())) as archive:
        assert archive.getnames() == ["."]


def test_another_file_system_is_not_read(sif: Sif, tmp_path: Path) -> None:
    raw = bytearray(sif.path.read_bytes()[:32768])
    raw[4096 + 201 : 4096 + 205] = struct.pack("<i", 2)
    path = tmp_path / "x.sif"
    path.write_bytes(raw + sif.path.read_bytes()[32768:])
    with pytest.raises(BadInput) as caught, open_tree(read_sif(path)):
        pass
    assert (caught.value.what, caught.value.where) == ("runs from ext3, which is not read", str(path))
