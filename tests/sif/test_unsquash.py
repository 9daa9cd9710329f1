"""A squashfs is read as Linux and squashfs-tools-ng read it; what is damaged is refused, in bounded memory."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import random
import struct
import subprocess
import tarfile
import zlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import zstandard
from tests.sif.squashed import BLOCK_BYTES, FILE, FOLDER, LINK, LONG_FILE, NOTHING, Squashed

from bindery.core import BadInput
from bindery.sif.unsquash import Unsquash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def member(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, 1_700_000_000
    for key, value in more.items():
        setattr(info, key, value)
    return info


def sample() -> bytes:
    """Return an archive with one of everything: long, empty, sparse, linked, in large and deep folders."""
    dice = random.Random(20261123)  # noqa: S311 - not a secret
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:

        def add(info: tarfile.TarInfo, data: bytes = b"") -> None:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        add(member("./", tarfile.DIRTYPE, 0o755))
        add(member("empty"))
        add(member("small", mode=0o4755, uid=1000, gid=42), b"small\n")
        add(member("noise"), dice.randbytes(300_000))
        add(member("text"), b"the same again\n" * 70_000)
        add(member("zeros"), bytes(1 << 20))
        add(member("sparse"), b"a" + bytes(1 << 20) + dice.randbytes(200_001))
        add(member("exact"), dice.randbytes(131072))
        add(member("link", tarfile.SYMTYPE, 0o777, linkname="../../etc/passwd"))
        add(member("again", tarfile.LNKTYPE, linkname="noise"))
        add(member("null", tarfile.CHRTYPE, devmajor=1, devminor=3))
        add(member("disk", tarfile.BLKTYPE, devmajor=259, devminor=70000))
        add(member("pipe", tarfile.FIFOTYPE))
        add(member("deep/" * 60 + "file"), b"deep")
        add(member("Réunion/\udcff"), b"not UTF-8")
        for number in range(3000):
            add(member(f"many/a name that is rather long {number:05}"), f"{number}".encode())
    return made.getvalue()


def tree_of(system: Unsquash) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for node in system.nodes():
        digest = hashlib.sha256()
        for piece in system.read(node):
            digest.update(piece)
        found[node.path] = (
            node.kind,
            node.mode,
            node.owner,
            node.mtime_s,
            node.target,
            node.device,
            digest.hexdigest(),
        )
    return found


@contextmanager
def opened(path: Path, offset_bytes: int = 0) -> Iterator[Unsquash]:
    with path.open("rb") as file:
        yield Unsquash(file, offset_bytes, path.stat().st_size - offset_bytes, "x.sif")


def pack(archive: bytes, path: Path, compressor: str = "gzip") -> Path:
    words = ["tar2sqfs", "--quiet", "--no-skip", "--compressor", compressor, str(path)]
    subprocess.run(words, input=archive, check=True, stderr=subprocess.DEVNULL)
    return path


def told_by_sqfs2tar(path: Path) -> dict[str, tuple[object, ...]]:
    kinds = {b"0": "file", b"5": "folder", b"2": "link", b"3": "character", b"4": "block", b"6": "pipe"}
    words = ["sqfs2tar", "--root-becomes", ".", "--no-hard-links", str(path)]
    told = subprocess.run(words, capture_output=True, check=True).stdout
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(told)) as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isreg() else None
            device = (info.devmajor, info.devminor) if info.type in {b"3", b"4"} else (0, 0)
            found["/".join(part for part in info.name.split("/") if part != ".")] = (
                kinds[info.type],
                info.mode,
                (info.uid, info.gid),
                int(info.mtime),
                info.linkname,
                device,
                hashlib.sha256(stream.read() if stream else b"").hexdigest(),
            )
    return found


@pytest.mark.parametrize("compressor", ["gzip", "zstd", "xz"])
def test_everything_is_read_as_sqfs2tar_reads_it(compressor: str, tmp_path: Path) -> None:
    packed = pack(sample(), tmp_path / "packed", compressor)
    (tmp_path / "inside").write_bytes(os.urandom(12345) + packed.read_bytes())
    with opened(tmp_path / "inside", 12345) as system:
        found = tree_of(system)
        assert system.compressor == compressor
        assert system.used_bytes <= packed.stat().st_size
    assert found == told_by_sqfs2tar(packed)
    assert len(found) > 3070


def test_two_names_of_one_file_have_one_number(tmp_path: Path) -> None:
    with opened(pack(sample(), tmp_path / "packed")) as system:
        numbers = {node.path: node.number for node in system.nodes()}
    assert numbers["again"] == numbers["noise"]
    assert len(set(numbers.values())) == len(numbers) - 1


def test_extended_attributes_are_seen(tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind in (("file", b"0"), ("folder", b"5")):
            archive.addfile(member(name, kind, pax_headers={"SCHILY.xattr.user.x": "1"}))
        archive.addfile(member("plain"))
    with opened(pack(made.getvalue(), tmp_path / "packed")) as system:
        assert {node.path for node in system.nodes() if node.has_attributes} == {"file", "folder"}


def test_a_bit_that_turned_is_refused_or_read_as_another_tree(tmp_path: Path) -> None:
    raw = pack(sample(), tmp_path / "packed").read_bytes()
    with opened(tmp_path / "packed") as system:
        used = system.used_bytes
    dice = random.Random(7)  # noqa: S311 - not a secret
    outcomes = set()
    for _ in range(60):
        place = dice.randrange(used)
        spoiled = bytearray(raw)
        spoiled[place] ^= 1 << dice.randrange(8)
        (tmp_path / "spoiled").write_bytes(spoiled)
        try:
            with opened(tmp_path / "spoiled") as system:
                tree_of(system)
        except BadInput as error:
            outcomes.add(error.where)
        else:
            outcomes.add("read")
    assert outcomes == {"x.sif", "read"}


def test_the_smallest_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(Squashed().encode())
    with opened(tmp_path / "x") as system:
        root, node = system.nodes()
        assert (root.path, root.kind, root.mode) == ("", "folder", 0o755)
        assert (node.path, b"".join(system.read(node)), node.mtime_s, system.epoch_s) == ("a", b"0123456789", 7, 7)


def made(kind: int, body: bytes, number: int = 2) -> dict[str, bytes]:
    return {"file": Squashed().inode(kind, body, number)}


def file_made(start: int, fragment: int, offset: int, size: int, *sizes: int) -> dict[str, bytes]:
    return made(FILE, struct.pack(f"<4I{len(sizes)}I", start, fragment, offset, size, *sizes))


def packed_file(data: bytes) -> Squashed:
    return Squashed(data=data, inodes=file_made(96, NOTHING, 0, BLOCK_BYTES, len(data)))


CASES: dict[str, Squashed] = {
    "holds no squashfs of format 4.0": Squashed(patches={0: b"sqsh"}),
    "is packed by lz4, which is not read": Squashed(patches={5: 5}),
    "is packed by compressor 9, which is not read": Squashed(patches={5: 9}),
    "its blocks have 5000 bytes": Squashed(patches={3: 5000}),
    "it has 9999 bytes, and there is room for 235": Squashed(patches={12: 9999}),
    "a table is missing": Squashed(patches={13: (1 << 64) - 1}),
    "it ends before byte 100008": Squashed(patches={13: 100_000}),
    "a table ends too early": Squashed(patches={8: 2}),
    "a table has a block of 0 bytes": Squashed(data=struct.pack("<QH", 104, 1 << 15), patches={13: 96}),
    "its root is no folder": Squashed(patches={11: 0}),
    "/ has the name b'..', which no kernel finds": Squashed(names=((b"..", "file"),)),
    "/ has the name b'a/b', which no kernel finds": Squashed(names=((b"a/b", "file"),)),
    "/ has the name b'a', which no kernel finds": Squashed(names=((b"a", "file"), (b"a", "file"))),
    "/ has the name b'B', which no kernel finds": Squashed(names=((b"a", "file"), (b"B", "file"))),
    "/a is of the unknown type 20, or has an unknown owner": Squashed(inodes=made(20, b"")),
    "the folder /a is in itself, or in two places": Squashed(
        inodes=made(FOLDER, struct.pack("<2I2HI", 0, 2, 20, 0, 3), 1)
    ),
    "/a is a link to a name of 70000 bytes": Squashed(inodes=made(LINK, struct.pack("<2I", 1, 70_000))),
    "/a claims to have 1099511627776000 bytes": Squashed(
        inodes=made(LONG_FILE, struct.pack("<3Q4I", 96, 1_099_511_627_776_000, 0, 1, NOTHING, 0, NOTHING))
    ),
    "a folder's listing ends in a name": Squashed(listed_bytes=20),
    "there is no fragment 5": Squashed(inodes=file_made(96, 5, 0, 10)),
    "/a ends 3 bytes too early": Squashed(inodes=file_made(96, 0, 3, 10)),
    "/a has a block of 5000 bytes": Squashed(inodes=file_made(96, NOTHING, 0, BLOCK_BYTES, 5000 | 1 << 24)),
    "/a has a block of 10 bytes, not 4096": Squashed(inodes=file_made(96, NOTHING, 0, BLOCK_BYTES, 10 | 1 << 24)),
    "/a: Error -3 while decompressing data: incorrect header check": packed_file(b"0123456789"),
    "/a: stands for more than 4096 bytes": packed_file(zlib.compress(bytes(5000))),
    "/a: ends too early": packed_file(zlib.compress(b"0123456789" * 400)[:-5]),
}
XZ = {
    "/a: stands for more than 4096 bytes": lzma.compress(bytes(5000)),
    "/a: Input format not supported by decoder": b"0123456789" * 9,
    "/a: ends too early": lzma.compress(bytes(4096))[:-5],
    "/a has a block of 4000 bytes, not 4096": lzma.compress(bytes(4000)),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_damaged_is_refused(what: str, tmp_path: Path) -> None:
    raw = CASES[what].encode()
    path = tmp_path / "x.sif"
    path.write_bytes(raw)
    with path.open("rb") as file, pytest.raises(BadInput) as caught:
        tree_of(Unsquash(file, 0, len(raw), "x.sif"))
    plain = what.startswith(("holds", "is packed"))
    fix = "convert it with --compression gzip" if what.startswith("is packed") else "convert or fetch it again"
    said = what if plain else f"its squashfs is damaged: {what}"
    assert (caught.value.what, caught.value.where, caught.value.fix) == (said, "x.sif", fix)


@pytest.mark.parametrize("what", XZ)
def test_what_xz_packed_is_bounded_too(what: str, tmp_path: Path) -> None:
    raw = replace(packed_file(XZ[what]), patches={5: 4}).encode()
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(BadInput) as caught, opened(tmp_path / "x") as system:
        tree_of(system)
    assert caught.value.what == f"its squashfs is damaged: {what}"


def test_what_zstd_packed_is_bounded_too(tmp_path: Path) -> None:
    packed = packed_file(zstandard.ZstdCompressor().compress(bytes(5000)))
    (tmp_path / "x").write_bytes(replace(packed, patches={5: 6}).encode())
    with pytest.raises(BadInput) as caught, opened(tmp_path / "x") as system:
        tree_of(system)
    assert caught.value.what == "its squashfs is damaged: /a: stands for more than 4096 bytes"
