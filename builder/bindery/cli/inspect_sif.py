"""The part of ``bindery inspect`` that is about Singularity files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.inspect_image import image_as_json, show_packages, shown_bytes, shown_text
from bindery.cli.tables import print_table
from bindery.core import encode_json
from bindery.sif import inspect_sif, read_sif

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Json
    from bindery.sif import SifFacts


def inspect_sif_file(path: Path, *, as_json: bool) -> None:
    """Print what is in the file.

    Raises:
        BadInput: it is damaged.

    """
    facts = inspect_sif(read_sif(path), progress=make_progress(quiet=as_json))
    if as_json:
        document: dict[str, Json] = {
            **image_as_json(str(path), facts.image, ()),
            "uuid": facts.uuid,
            "config": facts.config or None,
            "compression": facts.compression,
            "file_bytes": facts.file_bytes,
            "content_bytes": facts.content_bytes,
            "files": facts.files,
            "apps": list(facts.apps),
            "signed": facts.is_signed,
        }
        click.echo(encode_json(document))
    else:
        _show(facts)


def _show(facts: SifFacts) -> None:
    image = facts.image
    said = (
        ("environment", image.title or "not said"),
        ("packages", f"{len(image.packages)}, of {image.packages_source or 'an unknown source'}"),
        ("lock", image.lock or "not said"),
        ("base", f"{image.base_name} {image.base}".strip() or "not said"),
        ("image", facts.config or "not said"),
        ("uuid", facts.uuid),
        ("platform", image.platform),
        ("apps", ", ".join(facts.apps) or "none"),
        ("size", f"{shown_bytes(facts.file_bytes)}, by {facts.compression}"),
        ("content", f"{shown_bytes(facts.content_bytes)} in {facts.files} files and folders"),
        ("signed", "yes, by whom is for `singularity verify`" if facts.is_signed else "no"),
    )
    print_table(("", ""), [(name, shown_text(text)) for name, text in said])
    click.echo()
    show_packages(image)
