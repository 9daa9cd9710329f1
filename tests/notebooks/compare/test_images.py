import base64
import io
from collections.abc import Callable
from typing import Literal

import pytest
from PIL import Image, ImageDraw

from bindery.notebooks.compare.images import compare_images

Draw = Callable[[ImageDraw.ImageDraw], None]


def encode(image: Image.Image, kind: Literal["PNG", "JPEG", "GIF"] = "PNG") -> str:
    stream = io.BytesIO()
    image.save(stream, kind)
    return base64.b64encode(stream.getvalue()).decode()


def canvas(draw: Draw | None = None) -> Image.Image:
    image = Image.linear_gradient("L").resize((300, 200)).convert("RGB")
    if draw is not None:
        draw(ImageDraw.Draw(image))
    return image


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (
            lambda pen: pen.rectangle((40, 60, 45, 65), fill="red"),
            "36 pixels of 60,000 changed at the top left (x 40 to 45, y 60 to 65 from the top left, of 300 by 200)",
        ),
        (
            lambda pen: pen.rectangle((290, 190, 295, 195), fill=(225, 240, 255)),
            (
                "36 pixels of 60,000 changed at the bottom right "
                "(x 290 to 295, y 190 to 195 from the top left, of 300 by 200)"
            ),
        ),
        (
            lambda pen: pen.rectangle((10, 10, 290, 11), fill="white"),
            "562 pixels of 60,000 changed at the top centre (x 10 to 290, y 10 to 11 from the top left, of 300 by 200)",
        ),
        (
            lambda pen: pen.point([(5, 5), (100, 50), (7, 180)], fill="red"),
            "3 pixels of 60,000 changed at the middle left (x 5 to 100, y 5 to 180 from the top left, of 300 by 200)",
        ),
    ],
)
def test_a_small_change_is_found_and_marked(draw: Draw, reason: str) -> None:
    difference = compare_images(encode(canvas()), encode(canvas(draw)))
    assert difference is not None
    assert difference.reason == reason
    assert difference.picture is not None
    with Image.open(io.BytesIO(base64.b64decode(difference.picture))) as marked:
        assert marked.size == (300, 200)
        assert (214, 39, 40) in {colour for _, colour in marked.convert("RGB").getcolors(60_000) or []}


def test_one_single_pixel_and_rounding_are_forgiven() -> None:
    noisy = canvas(lambda pen: pen.point((100, 50), fill="red")).point(lambda value: min(value + 2, 255))
    assert compare_images(encode(canvas()), encode(noisy)) is None


def test_a_shift_of_all_colours_is_found() -> None:
    difference = compare_images(encode(canvas()), encode(canvas().point(lambda value: max(value - 4, 0))))
    assert difference is not None
    assert difference.reason.startswith("the colours of 9")


def test_the_size_and_the_number_of_frames_must_be_the_same() -> None:
    difference = compare_images(encode(canvas()), encode(canvas().resize((301, 200))))
    assert difference is not None
    assert difference.reason == "the picture is 301 by 200 pixels instead of 300 by 200"
    stream = io.BytesIO()
    canvas().save(stream, "GIF", save_all=True, append_images=[canvas().rotate(180)])
    difference = compare_images(encode(canvas(), "GIF"), base64.b64encode(stream.getvalue()).decode())
    assert difference is not None
    assert difference.reason == "the picture has 2 frames instead of 1"


def test_a_frame_that_changed_is_named() -> None:
    def film(last: Image.Image) -> str:
        stream = io.BytesIO()
        canvas().save(stream, "GIF", save_all=True, append_images=[last])
        return base64.b64encode(stream.getvalue()).decode()

    difference = compare_images(film(canvas().rotate(180)), film(canvas().rotate(90)))
    assert difference is not None
    assert difference.reason.startswith("frame 2: ")


def test_transparent_is_white() -> None:
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    assert compare_images(encode(clear), encode(Image.new("RGB", (30, 30), "white"))) is None


def test_the_program_that_wrote_a_picture_is_no_difference() -> None:
    stream = io.BytesIO()
    canvas().save(stream, "PNG", compress_level=1)
    assert compare_images(encode(canvas()), base64.encodebytes(stream.getvalue()).decode()) is None


def test_the_same_jpeg_passes_and_another_does_not() -> None:
    other = canvas(lambda pen: pen.rectangle((40, 60, 45, 65), fill="red"))
    assert compare_images(encode(canvas(), "JPEG"), encode(canvas(), "JPEG") + "\n") is None
    assert compare_images(encode(canvas(), "JPEG"), encode(other, "JPEG")) is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("AAAA", "the new picture cannot be read (cannot identify image file"),
        ("A", "the new picture cannot be read ("),
        (encode(canvas())[:200], "the new picture cannot be read ("),
    ],
)
def test_a_broken_picture_is_a_difference(data: str, reason: str) -> None:
    difference = compare_images(encode(canvas()), data)
    assert difference is not None
    assert difference.reason.startswith(reason)
