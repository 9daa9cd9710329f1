"""The page as HTML: one file that fetches nothing, runs one known script, and escapes all that it is given.

Source: W3C Content Security Policy Level 3, sections 3.3 (the meta element) and 8.5 (hashes).
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from bindery import __version__
from bindery.core import write_file
from bindery.notebooks.report.page import make_page

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.notebooks.results import TestRun

_PACKAGE = "bindery.notebooks.report"


def write_report(run: TestRun, folder: Path) -> Path:
    """Write ``index.html`` into the folder and return its path; whoever reads sees the old page or the new one.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    path = folder / "index.html"
    # Notebooks may hold halves of surrogate pairs, which UTF-8 cannot.
    write_file(path, render_page(run).encode("utf-8", "replace"))
    return path


def render_page(run: TestRun) -> str:
    """Return the page; the same run gives the same text."""
    templates = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = _read("style.css"), _read("script.js")
    return templates.get_template("page.html.j2").render(
        page=make_page(run),
        version=__version__,
        style=style,
        script=script,
        policy=_policy(style, script),
    )


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _read(name: str) -> str:
    return files(_PACKAGE).joinpath("templates", name).read_text(encoding="utf-8")
