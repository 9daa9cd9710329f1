from __future__ import annotations

import gzip
import io
import platform
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput, digest_bytes
from bindery.images.compression import COMPRESSORS, Compression, open_decompressed, packed_sink
from bindery.images.manifest import DOCKER_LAYER_GZIP, LAYER_GZIP, LAYER_TAR, LAYER_ZSTD

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BOTH: tuple[Compression, ...] = ("gzip", "zstd")
FIX = "\n  fix: remove it, and make or pull the image again"
# Emulated processors that lack what the compressors in question have special code for, and that have it.
PROCESSORS = {
    "x86_64": ("qemu-x86_64", ("qemu64", "core2duo", "Haswell")),
    "aarch64": ("qemu-aarch64", ("cortex-a53", "max")),
}
COMPRESS = """
import hashlib, sys
from bindery.images.compression import packed_sink
state = hashlib.sha256()
class Sink:
    def write(self, data):
        state.update(data)
with packed_sink(Sink(), sys.argv[1]) as sink:
    sink.write(sys.stdin.buffer.read())
print(state.hexdigest())
"""


def text_and_binary(size_bytes: int) -> bytes:
    """Return bytes that repeat themselves now and then, as files do."""
    source = random.Random(1)  # noqa: S311 - the same every time
    words = [source.randbytes(source.randrange(2, 12)) for _ in range(4000)]
    found = bytearray()
    while len(found) < size_bytes:
        found += b" ".join(source.choices(words, k=200)) + source.randbytes(64)
    return bytes(found[:size_bytes])


def compress(data: bytes, compression: Compression, *, pieces: int = 1 << 30, threads: int | None = None) -> bytes:
    sink = io.BytesIO()
    pool = ThreadPoolExecutor(threads) if threads else None
    with packed_sink(sink, compression, pool) as packed:
        for start in range(0, len(data), pieces):
            packed.write(data[start : start + pieces])
    if pool is not None:
        pool.shutdown()
    return sink.getvalue()


@pytest.mark.parametrize("compression", BOTH)
@given(data=st.binary(max_size=300), pieces=st.integers(1, 100))
def test_what_was_compressed_comes_back(compression: Compression, data: bytes, pieces: int) -> None:
    packed = io.BytesIO(compress(data, compression, pieces=pieces))
    assert open_decompressed(packed, COMPRESSORS[compression].media_type).read() == data


@pytest.mark.parametrize("compression", BOTH)
def test_bytes_do_not_depend_on_threads_or_pieces(compression: Compression) -> None:
    compressor = COMPRESSORS[compression]
    data = text_and_binary(2 * compressor.piece_bytes + 17)
    packed = compress(data, compression)
    assert open_decompressed(io.BytesIO(packed), compressor.media_type).read() == data
    for threads in (1, 2, 7):
        assert compress(data, compression, threads=threads) == packed
    assert compress(data, compression, pieces=700_001) == packed


def test_bytes_of_gzip_are_these() -> None:
    """Whoever changes them changes the digest of every base, and says so in the changelog."""
    assert compress(b"bindery\n" * 10, "gzip").hex() == "1f8b08000000000000ff4bcacc4b492daae44aa2120d001765c25950000000"
    assert digest_bytes(compress(text_and_binary(3_000_000), "gzip")).hex == (
        "68cea80961503dac9f423a4190695355ddb25fa1b4f0fec69eb97d9430f5ebc0"
    )
    assert COMPRESSORS["gzip"].name == "deflate 0.9.0 level 6"
    assert version("deflate") == "0.9.0"


def test_bytes_of_zstd_are_these() -> None:
    """Whoever changes them changes the digest of every image, and says so in the changelog."""
    assert compress(b"bindery\n" * 10, "zstd").hex() == "28b52ffd20507d00004062696e646572790a010035b47001"
    assert digest_bytes(compress(text_and_binary(20_000_000), "zstd")).hex == (
        "343678275a7c023f5e6c127de4661be78276ecd8c8d492eafefb4446363549ff"
    )
    assert COMPRESSORS["zstd"].name == "zstandard 0.25.0 level 6"
    assert version("zstandard") == "0.25.0"


def test_headers_have_no_time_and_no_name() -> None:
    # RFC 1952: no flags, no time, no system.
    assert compress(b"", "gzip")[:10] == bytes.fromhex("1f8b08000000000000ff")
    assert gzip.decompress(compress(b"", "gzip")) == b""


@pytest.mark.parametrize("compression", BOTH)
def test_bytes_do_not_depend_on_the_processor(compression: Compression) -> None:
    emulator, processors = PROCESSORS[platform.machine()]
    data = text_and_binary(1_500_000)
    expected = digest_bytes(compress(data, compression)).hex
    for processor in processors:
        words = [emulator, "-cpu", processor, sys.executable, "-c", COMPRESS, compression]
        done = subprocess.run(words, input=data, capture_output=True, check=True)
        assert (processor, done.stdout.decode().strip()) == (processor, expected)


def test_memory_is_bounded_while_compressing() -> None:
    """A sink that is slower than the compressors makes them wait."""
    gate, written = threading.Event(), []

    class Slow:
        def write(self, data: bytes) -> None:
            gate.wait(60)
            written.append(len(data))

    taken = 0
    with ThreadPoolExecutor(2) as pool, packed_sink(Slow(), "gzip", pool) as packed:
        feeder = threading.Timer(0.2, gate.set)
        feeder.start()
        while not gate.is_set() and taken < 1000:
            packed.write(bytes(1 << 20))
            taken += 1
    assert taken < 20
    assert len(written) == taken


def test_a_sink_that_fails_ends_the_work() -> None:
    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, f"no space for {len(data)}")

    with pytest.raises(OSError, match="no space for"), packed_sink(Full(), "gzip") as packed:
        packed.write(bytes(100 << 20))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("compress")]


def members(data: bytes) -> bytes:
    return gzip.compress(data[:10]) + gzip.compress(data[10:])


def zstd(data: bytes) -> bytes:
    one = zstandard.ZstdCompressor(write_checksum=True)
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
    return one.compress(data[:10]) + skippable + one.compress(data[10:])


@pytest.mark.parametrize(
    ("media_type", "pack"),
    [(LAYER_GZIP, members), (DOCKER_LAYER_GZIP, members), (LAYER_ZSTD, zstd), (LAYER_TAR, bytes)],
)
def test_layers_of_every_kind_are_read(media_type: str, pack: Callable[[bytes], bytes]) -> None:
    data = text_and_binary(3_000_000)
    packed = pack(data)
    stream = open_decompressed(io.BytesIO(packed), media_type)
    assert stream.read(5) == data[:5]
    assert stream.read() == data[5:]
    assert stream.read() == b""


@pytest.mark.parametrize(
    ("media_type", "pack", "error"),
    [
        (LAYER_GZIP, gzip.compress, "Compressed file ended before the end-of-stream marker was reached"),
        (LAYER_ZSTD, zstd, "it ends in the middle of a frame"),
    ],
)
def test_a_layer_that_ends_too_early_is_refused(media_type: str, pack: Callable[[bytes], bytes], error: str) -> None:
    packed = pack(text_and_binary(100_000))
    for length in (len(packed) - 1, len(packed) // 2, 5):
        with pytest.raises(BadInput) as caught:
            open_decompressed(io.BytesIO(packed[:length]), media_type, "the layer").read()
        assert str(caught.value) == f"the layer: is not a whole layer: {error}{FIX}"


@pytest.mark.parametrize(("media_type", "pack"), [(LAYER_GZIP, gzip.compress), (LAYER_ZSTD, zstd)])
def test_a_layer_with_a_flipped_byte_is_refused(media_type: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(text_and_binary(20_000))
    for place in range(len(packed) // 2, len(packed) // 2 + 50):
        damaged = bytearray(packed)
        damaged[place] ^= 0x10
        with pytest.raises(BadInput, match=r"^the layer: is not a whole layer: "):
            open_decompressed(io.BytesIO(damaged), media_type, "the layer").read()


def test_other_types_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        open_decompressed(io.BytesIO(b""), "text/plain", "the layer")
    assert str(caught.value) == "the layer: layers of type text/plain cannot be read"


def test_a_bomb_is_read_in_small_pieces() -> None:
    """What a few bytes stand for is held in part only."""
    script = (
        "import sys\n"
        "from tests.memory import peak_kib\n"
        "from bindery.images.compression import open_decompressed\n"
        f"stream = open_decompressed(sys.stdin.buffer, {LAYER_ZSTD!r})\n"
        "before = peak_kib()\n"
        "total = 0\n"
        "while data := stream.read(1 << 20):\n"
        "    total += len(data)\n"
        "print(total, peak_kib() - before)\n"
    )
    packed = zstandard.ZstdCompressor().compress(bytes(300 << 20))
    done = subprocess.run([sys.executable, "-c", script], input=packed, capture_output=True, check=True, cwd=ROOT)
    total, grown_kib = done.stdout.split()
    assert int(total) == 300 << 20
    assert int(grown_kib) < 150 << 10  # 1 KiB can stand for 32 MiB, of which there are some copies
