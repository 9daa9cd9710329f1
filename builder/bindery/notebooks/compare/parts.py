"""Which comparison judges which kind of output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.notebooks.compare.difference import Difference, join_reasons

if TYPE_CHECKING:
    from bindery.core import Json

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
# A view holds the random name of a model and nothing else; what it shows is compared through the text beside it.
IGNORED = frozenset({WIDGET_VIEW})
_RICHEST = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "text/html", "text/latex")


def compare_part(part: str, reference: Json, actual: Json) -> Difference | None:  # noqa: PLR0911 - one per kind
    """Return what differs between two values of one kind: a MIME type, ``stdout``, ``stderr`` or ``error``."""
    if reference == actual or part in IGNORED:
        return None
    # Each kind is imported when the first output of it is compared: NumPy, Pillow and Beautiful Soup take longer to
    # import than most notebooks take to compare.
    match part, reference, actual:
        case (("image/png" | "image/jpeg" | "image/gif" | "image/webp"), str(), str()):
            from bindery.notebooks.compare.images import compare_images  # noqa: PLC0415

            return compare_images(reference, actual)
        case "image/svg+xml", str(), str():
            from bindery.notebooks.compare.svg import compare_svg  # noqa: PLC0415

            return compare_svg(reference, actual)
        case "text/html", str(), str():
            from bindery.notebooks.compare.html import compare_html  # noqa: PLC0415

            return compare_html(reference, actual)
        case "stderr", str(), str():
            from bindery.notebooks.compare.stderr import compare_stderr  # noqa: PLC0415

            return compare_stderr(reference, actual)
        case _, str(), str():
            from bindery.notebooks.compare.text import compare_text  # noqa: PLC0415

            return join_reasons(compare_text(reference, actual))
        case _:
            from bindery.notebooks.compare.trees import compare_json  # noqa: PLC0415

            return compare_json(reference, actual)


def richest_first(parts: frozenset[str]) -> list[str]:
    """Return the parts in the order in which people want to see them: pictures, HTML, the others, plain text."""
    order = {part: place for place, part in enumerate(_RICHEST)}
    return sorted(parts, key=lambda part: (part == "text/plain", order.get(part, len(order)), part))
