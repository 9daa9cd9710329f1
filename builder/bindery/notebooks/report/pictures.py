"""Images of notebooks, as data that a page may hold: decoded first, made smaller where they are large."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from dataclasses import dataclass

from PIL import Image

PIXELS_ACCEPTED = 60_000_000
IMAGE_LIMIT_BYTES = 1_500_000
PAGE_LIMIT_BYTES = 6_000_000
SVG_LIMIT_BYTES = 500_000
SHRUNK_WIDTH = 1200
THUMBNAIL_SIZE = (320, 200)
# What browsers show in <img> and Pillow reads; the type is what the bytes are, not what the notebook says.
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An image as a data URI, its size in CSS pixels (0 if only the browser knows), and what was done to it."""

    uri: str
    width: int
    height: int
    note: str = ""


class PictureShelf:
    """Hands out pictures, and smaller ones when the page has become heavy."""

    def __init__(self) -> None:
        self._left_bytes = PAGE_LIMIT_BYTES

    def take(self, mime: str, data: str) -> Picture | None:
        """Return the image that the base64 text (the text itself, for SVG) holds, or None if it is none."""
        picture = _vector(data) if mime.startswith("image/svg") else self._raster(data)
        if picture is not None:
            self._left_bytes -= len(picture.uri)
        return picture

    def _raster(self, data: str) -> Picture | None:
        raw = _decode(data)
        image = None if raw is None else _open(raw)
        if raw is None or image is None:
            return None
        if len(raw) <= min(IMAGE_LIMIT_BYTES, self._left_bytes):
            kind = _TYPES[image.format or ""]
            encoded = base64.b64encode(raw).decode()
            return Picture(uri=f"data:{kind};base64,{encoded}", width=image.width, height=image.height)
        width = SHRUNK_WIDTH if self._left_bytes > 0 else THUMBNAIL_SIZE[0]
        note = f"shown smaller: it has {image.width:,} by {image.height:,} pixels, {len(raw) / 1e6:.1f} MB"
        return _shrink(image, (width, 4 * width), note)


def make_thumbnail(mime: str, data: str) -> Picture | None:
    """Return a small picture of the image, or None if it is none that can be drawn here (SVG cannot)."""
    raw = None if mime.startswith("image/svg") else _decode(data)
    image = None if raw is None else _open(raw)
    return None if image is None else _shrink(image, THUMBNAIL_SIZE, "")


def _decode(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return None


def _open(raw: bytes) -> Image.Image | None:
    try:
        with warnings.catch_warnings():
            # Pillow warns of images that are bombs; the size is checked below, before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(raw), formats=tuple(_TYPES))
            if image.width * image.height > PIXELS_ACCEPTED:
                return None
            image.load()
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None
    return image


def _shrink(image: Image.Image, size: tuple[int, int], note: str) -> Picture:
    flat = image.convert("RGBA")
    paper = Image.new("RGBA", flat.size, "white")
    paper.alpha_composite(flat)
    small = paper.convert("RGB")
    small.thumbnail(size, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=82)
    encoded = base64.b64encode(stream.getvalue()).decode()
    return Picture(uri=f"data:image/jpeg;base64,{encoded}", width=small.width, height=small.height, note=note)


def _vector(text: str) -> Picture | None:
    # An image element runs no script of an SVG and fetches nothing for it, so the file may stay as it is.
    raw = text.encode("utf-8", "replace")
    if "<svg" not in text or len(raw) > SVG_LIMIT_BYTES:
        return None
    return Picture(uri=f"data:image/svg+xml;base64,{base64.b64encode(raw).decode()}", width=0, height=0)
