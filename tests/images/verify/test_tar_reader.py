"""Archives as they come: every writer's headers are read, and what programs would read differently is named."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile

import pytest

from bindery.images.verify.entries import Oddity, TarEntry
from bindery.images.verify.tar_reader import read_layer

BLOCK = 512


def info(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def archive(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def patched(block: bytes, at: int, data: bytes) -> bytes:
    """Return the header with other bytes in it and the right checksum."""
    changed = block[:at] + data + block[at + len(data) :]
    blank = changed[:148] + b" " * 8 + changed[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def oddities(data: bytes) -> list[tuple[str, str]]:
    return [(one.path, one.detail) for one in read_layer(io.BytesIO(data)).oddities]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_every_kind_of_entry_in_both_formats(form: int) -> None:
    long = "/".join(["folder"] * 40) + "/ü"
    data = archive(
        (info("./", type=tarfile.DIRTYPE, mode=0o755), b""),
        (info("./a/", type=tarfile.DIRTYPE, mode=0o1777), b""),
        (info("a//b", mode=0o4755, uid=1000, gid=3_000_000), b"content"),
        (info(long, mode=0o644), b"x" * BLOCK),
        (info("link", type=tarfile.SYMTYPE, linkname=long, mode=0o777), b""),
        (info("again", type=tarfile.LNKTYPE, linkname="./a/b", mode=0o4755), b""),
        (info("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666), b""),
        (info("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o660), b""),
        (info("pipe", type=tarfile.FIFOTYPE, mode=0o600), b""),
        form=form,
    )
    content = read_layer(io.BytesIO(data))
    assert content.sha256 == hashlib.sha256(data).hexdigest()
    assert content.oddities == ()
    assert content.entries == (
        ("", TarEntry(kind="folder", mode=0o755)),
        ("a", TarEntry(kind="folder", mode=0o1777)),
        ("a/b", TarEntry(kind="file", mode=0o4755, owner=(1000, 3_000_000), sha256=digest(b"content"), size_bytes=7)),
        (long, TarEntry(kind="file", mode=0o644, sha256=digest(b"x" * BLOCK), size_bytes=BLOCK)),
        ("link", TarEntry(kind="link", mode=0o777, target=long)),
        ("again", TarEntry(kind="hardlink", mode=0o4755, target="a/b")),
        ("null", TarEntry(kind="device", mode=0o666, target="c 1:3")),
        ("disk", TarEntry(kind="device", mode=0o660, target="b 8:0")),
        ("pipe", TarEntry(kind="pipe", mode=0o600)),
    )


def test_extended_attributes_and_names_that_are_not_utf_8() -> None:
    member = info("ping", pax_headers={"SCHILY.xattr.security.capability": "cap"})
    raw = archive((info("x" * 3), b""), form=tarfile.GNU_FORMAT).replace(b"xxx", b"\xff\xfe!", 1)
    assert read_layer(io.BytesIO(archive((member, b"1")))).entries == (
        (
            "ping",
            TarEntry(
                kind="file",
                mode=0o644,
                sha256=digest(b"1"),
                size_bytes=1,
                attributes=(("security.capability", "cap"),),
            ),
        ),
    )
    assert read_layer(io.BytesIO(patched(raw[:BLOCK], 0, b"") + raw[BLOCK:])).entries[0][0] == "\udcff\udcfe!"


def test_a_stream_in_small_pieces_reads_as_in_large_ones() -> None:
    dice = random.Random(4)  # noqa: S311 - not a secret
    members = [(info(f"f/{number}"), dice.randbytes(dice.randrange(3000))) for number in range(50)]
    data = archive(*members)

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            del size
            return super().read(dice.randrange(1, 700))

    assert read_layer(Slow(data)) == read_layer(io.BytesIO(data))


def test_an_archive_may_lack_its_last_blocks_or_have_more_of_them() -> None:
    data = archive((info("a"), b"1"))
    assert read_layer(io.BytesIO(data[: 2 * BLOCK])).oddities == ()
    assert read_layer(io.BytesIO(data + bytes(40 * BLOCK))).oddities == ()
    assert read_layer(io.BytesIO(b"")).entries == ()


@pytest.mark.parametrize(
    ("name", "path", "detail"),
    [
        ("/etc/passwd", "etc/passwd", "is an absolute path"),
        ("../../etc/passwd", "etc/passwd", "is a path that climbs"),
        ("srv/../etc/passwd", "etc/passwd", "is a path that climbs"),
    ],
)
def test_paths_that_leave_their_place(name: str, path: str, detail: str) -> None:
    content = read_layer(io.BytesIO(archive((info(name), b"1"))))
    assert [one for one, _ in content.entries] == [path]
    assert content.oddities == (Oddity(path=name, detail=detail),)


def header(name: str, **fields: object) -> bytes:
    return info(name, **fields).tobuf(tarfile.USTAR_FORMAT)


def records(**values: str) -> bytes:
    parts = []
    for key, value in values.items():
        body = f" {key.replace('__', '.')}={value}\n"
        size = len(body) + len(str(len(body) + 2))
        parts.append(f"{size}{body}".encode())
    return padded(b"".join(parts))


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def extension(kind: bytes, data: bytes, size: int | None = None) -> bytes:
    stripped = data.rstrip(b"\0")
    return header("ext", type=kind, size=len(stripped) if size is None else size) + data


END = bytes(2 * BLOCK)
FILE = header("a", size=1) + padded(b"1")


@pytest.mark.parametrize(
    ("data", "path", "detail"),
    [
        (FILE + END + padded(b"secret"), "", "there are bytes behind the end of its archive"),
        (FILE + bytes(BLOCK) + FILE, "", "there are bytes behind the end of its archive"),
        (FILE + padded(b"no header"), "", "its archive is damaged: bad checksum"),
        (FILE[:-BLOCK] + b"", "", "its archive is damaged: it ends in a"),
        (FILE + FILE[:100], "", "its archive is damaged: truncated header"),
        (header("d", type=tarfile.DIRTYPE, size=9) + END, "d", "is a folder with a size of 9 bytes"),
        (header("x", type=b"Z") + END, "x", "is of the unknown type b'Z'"),
        (
            extension(b"g", records(path="b")) + FILE + END,
            "",
            "its archive has a global header for path",
        ),
        (
            extension(b"x", records(GNU__sparse__major="1")) + FILE + END,
            "a",
            "has the header GNU.sparse.major, which not all programs know",
        ),
        (
            extension(b"L", padded(b"long\0")) + extension(b"x", records(path="b")) + FILE + END,
            "long",
            "has two names, the other is b",
        ),
        (
            extension(b"L", padded(b"one\0")) + extension(b"L", padded(b"two\0")) + FILE + END,
            "two",
            "has two headers of the same kind",
        ),
        (
            extension(b"x", records(path="b")) + END,
            "",
            "its archive ends with a header that belongs to nothing",
        ),
        (
            extension(b"x", padded(b"no record")) + FILE + END,
            "",
            "its archive is damaged: a record without its length",
        ),
        (
            extension(b"x", padded(b"99 path=b\n")) + FILE + END,
            "",
            "its archive is damaged: a record that is not as long as it says",
        ),
        (
            extension(b"x", padded(b"10 path=b\n10 path=c\n")) + FILE + END,
            "",
            "its archive is damaged: the record path twice",
        ),
        (
            extension(b"x", records(size="-1")) + FILE + END,
            "",
            "its archive is damaged: the record size is '-1'",
        ),
        (extension(b"x", b"", size=1 << 30) + END, "", f"its archive is damaged: a header of {1 << 30} bytes"),
        (extension(b"x", b"1", size=9), "", "its archive is damaged: it ends in a header"),
        (
            patched(patched(FILE[:BLOCK], 257, b"ustar  \0"), 345, b"srv") + FILE[BLOCK:] + END,
            "srv/a",
            "has a header of an old format, which programs read differently",
        ),
    ],
)
def test_oddities(data: bytes, path: str, detail: str) -> None:
    assert oddities(data) == [(path, detail)]


def test_negative_numbers_and_nuls() -> None:
    negative = patched(FILE[:BLOCK], 124, b"\xff" * 12) + FILE[BLOCK:] + END
    assert oddities(negative) == [("", "its archive is damaged: a has a negative number")]
    nul = extension(b"x", records(path="a\0b")) + FILE + END
    assert oddities(nul) == [("a\0b", "is a path with a NUL in it")]


def test_a_comment_for_all_is_no_oddity() -> None:
    assert oddities(extension(b"g", records(comment="a revision")) + FILE + END) == []
