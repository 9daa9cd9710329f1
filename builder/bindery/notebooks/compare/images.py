"""Pictures: decoded, laid over white, compared pixel by pixel.

The same lock draws the same picture, but for rounding: a coordinate that moved by 1e-7 pixel changes the grey of an
edge by a step or two of 256, and a value on the border between two colours of a map may fall to the other side. So:

- the sizes must be equal, and the number of frames of an animation;
- a pixel is *changed* if one of its channels differs by more than 8 of 255 steps, which the eye can find;
- a changed pixel beside one that differs by more than 2 steps is a difference (a letter, a line, a marker); those
  that stand alone are forgiven up to one in 50,000, because a moved border between colours leaves such;
- where more than 1 pixel in 200 differs by more than 2 steps, the colours as a whole have shifted: a difference too.

A mean over the picture (RMS, structural similarity) would need one threshold for a whole map and for one letter of a
label: the letter disappears in it.
"""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageSequence, UnidentifiedImageError

from bindery.notebooks.compare.difference import Difference

_CHANGED_STEPS = 8
_SHIFTED_STEPS = 2
_PIXELS_PER_SINGLE = 50_000
_SHIFTED_SHARE = 1 / 200
_Pixels = npt.NDArray[np.int16]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Marked:
    reason: str
    pixels: _Mask


def compare_images(reference: str, actual: str) -> Difference | None:
    """Return what differs between two pictures in base64, with a picture that marks where."""
    if "".join(reference.split()) == "".join(actual.split()):
        return None
    frames: list[list[_Pixels]] = []
    for name, encoded in (("reference", reference), ("new", actual)):
        try:
            frames.append(_decode(encoded))
        except (binascii.Error, UnidentifiedImageError, OSError, ValueError) as error:
            return Difference(reason=f"the {name} picture cannot be read ({error})")
    first, second = frames
    if len(first) != len(second):
        return Difference(reason=f"the picture has {len(second)} frames instead of {len(first)}")
    for number, (one, other) in enumerate(zip(first, second, strict=True), start=1):
        difference = _compare_frames(one, other)
        if difference is not None:
            frame = f"frame {number}: " if len(first) > 1 else ""
            return Difference(reason=frame + difference.reason, picture=difference.picture)
    return None


def _decode(encoded: str) -> list[_Pixels]:
    frames = []
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        for frame in ImageSequence.Iterator(image):
            colours = frame.convert("RGBA")
            white = Image.new("RGBA", colours.size, "white")
            frames.append(np.asarray(Image.alpha_composite(white, colours).convert("RGB"), dtype=np.int16))
    return frames


def _compare_frames(reference: _Pixels, actual: _Pixels) -> Difference | None:
    if reference.shape != actual.shape:
        (height, width), (new_height, new_width) = reference.shape[:2], actual.shape[:2]
        return Difference(reason=f"the picture is {new_width} by {new_height} pixels instead of {width} by {height}")
    marked = _find(np.abs(reference - actual).max(axis=2))
    if marked is None:
        return None
    return Difference(reason=marked.reason, picture=_draw(reference, marked.pixels))


def _find(steps: _Pixels) -> _Marked | None:
    changed: _Mask = steps > _CHANGED_STEPS
    shifted: _Mask = steps > _SHIFTED_STEPS
    count = int(changed.sum())
    if (changed & _has_neighbour(shifted)).any() or count > max(1, steps.size // _PIXELS_PER_SINGLE):
        pixels = "1 pixel" if count == 1 else f"{count:,} pixels"
        return _Marked(reason=f"{pixels} of {steps.size:,} changed {_place(changed)}", pixels=changed)
    share = float(shifted.mean())
    if share > _SHIFTED_SHARE:
        return _Marked(reason=f"the colours of {share:.0%} of the picture shifted {_place(shifted)}", pixels=shifted)
    return None


def _has_neighbour(pixels: _Mask) -> _Mask:
    """Return where one of the pixels stands beside, above, below or across a corner."""
    padded = np.pad(pixels, 1)
    neighbours = np.zeros_like(pixels)
    height, width = pixels.shape
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                neighbours |= padded[down : down + height, right : right + width]
    return neighbours


def _box(pixels: _Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def _place(pixels: _Mask) -> str:
    height, width = pixels.shape
    left, top, right, bottom = _box(pixels)
    where = f"(x {left} to {right}, y {top} to {bottom} from the top left, of {width} by {height})"
    if right - left > width * 2 / 3 and bottom - top > height * 2 / 3:
        return f"all over it {where}"
    vertical = ("top", "middle", "bottom")[min((top + bottom) * 3 // (2 * height), 2)]
    horizontal = ("left", "centre", "right")[min((left + right) * 3 // (2 * width), 2)]
    return f"at the {vertical} {horizontal} {where}"


def _draw(reference: _Pixels, pixels: _Mask) -> str:
    """Return the reference in pale grey, the changed pixels in red, a frame around them: a PNG in base64."""
    grey = 255 - (255 - reference.mean(axis=2)) * 0.35
    canvas = np.repeat(grey[:, :, np.newaxis], 3, axis=2).astype(np.uint8)
    canvas[pixels] = (214, 39, 40)
    image = Image.fromarray(canvas)
    left, top, right, bottom = _box(pixels)
    height, width = pixels.shape
    frame = (max(left - 3, 0), max(top - 3, 0), min(right + 3, width - 1), min(bottom + 3, height - 1))
    ImageDraw.Draw(image).rectangle(frame, outline=(255, 127, 14))
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
