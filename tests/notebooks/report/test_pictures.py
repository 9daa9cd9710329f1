from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from bindery.notebooks.report import pictures
from bindery.notebooks.report.pictures import PictureShelf, make_thumbnail

if TYPE_CHECKING:
    from tests.notebooks.report.conftest import Sample


def bomb(width: int, height: int) -> str:
    """Return a small PNG that says it is this large."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", b""),
        (b"IEND", b""),
    ):
        parts.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return base64.b64encode(b"".join(parts)).decode()


def test_a_picture_is_kept_as_it_is(sample: Sample) -> None:
    png = sample.png("teal")
    picture = PictureShelf().take("image/png", png)
    assert picture is not None
    assert (picture.uri, picture.width, picture.height) == (f"data:image/png;base64,{png}", 120, 80)


def test_line_breaks_in_base64_are_no_matter(sample: Sample) -> None:
    png = sample.png("teal")
    broken = "\n".join(png[start : start + 76] for start in range(0, len(png), 76))
    assert PictureShelf().take("image/png", broken) == PictureShelf().take("image/png", png)


def test_the_type_is_what_the_bytes_are(sample: Sample) -> None:
    picture = PictureShelf().take('image/jpeg" onerror="x', sample.png("teal"))
    assert picture is not None
    assert picture.uri.startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    "data", ["", "not base64 é", "AAAA", "PHN2Zz48L3N2Zz4=", "iVBORw0KGgo=", bomb(60_000, 60_000), bomb(4, 4)]
)
def test_what_is_no_picture_is_none(data: str) -> None:
    assert PictureShelf().take("image/png", data) is None
    assert make_thumbnail("image/png", data) is None


def test_a_large_picture_is_shown_smaller_and_says_so(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "IMAGE_LIMIT_BYTES", 100)
    picture = PictureShelf().take("image/png", sample.png("teal", (2400, 600)))
    assert picture is not None
    assert (picture.width, picture.height) == (1200, 300)
    assert picture.note.startswith("shown smaller: it has 2,400 by 600 pixels")


def test_a_heavy_page_gets_small_pictures(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    png = sample.png("teal", (900, 300))
    monkeypatch.setattr(pictures, "PAGE_LIMIT_BYTES", len(png))
    shelf = PictureShelf()
    shown = [shelf.take("image/png", png) for _ in range(3)]
    assert [one.width for one in shown if one is not None] == [900, 320, 320]


def test_a_thumbnail_is_small_and_has_white_paper() -> None:
    thumbnail = make_thumbnail("image/png", transparent())
    assert thumbnail is not None
    assert (thumbnail.width, thumbnail.height) == (200, 200)


def transparent() -> str:
    """Return a picture that is see-through."""
    stream = io.BytesIO()
    Image.new("RGBA", (600, 600), (0, 0, 0, 0)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_vector_graphics_are_shown_as_pictures_only() -> None:
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    picture = PictureShelf().take("image/svg+xml", svg)
    assert picture is not None
    assert picture.uri == f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    assert PictureShelf().take("image/svg+xml", "no markup") is None
    assert PictureShelf().take("image/svg+xml", f"<svg>{' ' * 500_000}</svg>") is None
    assert make_thumbnail("image/svg+xml", svg) is None
