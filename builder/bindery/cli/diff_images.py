"""The part of ``bindery diff`` that is about images and Singularity files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.changes import changes_as_json, count_changes, print_changes
from bindery.cli.display import make_progress
from bindery.cli.inspect_image import shown_bytes, shown_text
from bindery.cli.tables import markdown_table, print_table
from bindery.core import CheckFailed, default_store, encode_json
from bindery.images import compare_images, inspect_image
from bindery.images.verify import open_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.images import ImageDifference, ImageFacts, ImageLayer, Target


def diff_targets(
    before: Target | Path, after: Target | Path, *, markdown: bool, exit_code: bool, as_json: bool
) -> None:
    """Print how the images differ; a path is that of a Singularity file.

    Raises:
        CheckFailed: they do, and the status is to say so.
        BadInput: there is no such image, or it is damaged.
        ToolFailed: a registry, an engine or the disk failed.

    """
    difference = compare_images(_read(before), _read(after), (str(before), str(after)))
    if isinstance(before, Path) != isinstance(after, Path):
        # A Singularity file has one layer, which no image has.
        difference = replace(difference, layers=())
    if as_json:
        click.echo(encode_json(_as_json(difference)))
    else:
        _show(difference, markdown=markdown)
    if exit_code and not difference.is_empty:
        raise CheckFailed("the images differ", f"{before}, {after}")


def _read(target: Target | Path) -> ImageFacts:
    if isinstance(target, Path):
        from bindery.sif import inspect_sif, read_sif  # noqa: PLC0415 - images need nothing of it

        return inspect_sif(read_sif(target), progress=make_progress(quiet=True)).image
    with open_image(target, default_store(os.environ), os.environ) as opened:
        return inspect_image(opened, progress=make_progress(quiet=True))


def _show(difference: ImageDifference, *, markdown: bool) -> None:
    tables = [
        (("package", "before", "after", "growth"), _growth_rows(difference)),
        (("layer", "before", "after"), _layer_rows(difference)),
    ]
    is_first = not difference.packages.changes
    if difference.packages.changes:
        print_changes(difference.packages.changes, 1, markdown=markdown)
    for headings, rows in tables:
        if rows:
            if not is_first:
                click.echo()
            is_first = False
            if markdown:
                click.echo(markdown_table(headings, rows), nl=False)
            else:
                print_table(headings, rows)
    click.echo(_summary(difference), err=True)


def _growth_rows(difference: ImageDifference) -> list[tuple[str, ...]]:
    return [
        (
            shown_text(one.name),
            shown_bytes(one.before_bytes),
            shown_bytes(one.after_bytes),
            f"{'+' if one.bytes >= 0 else '-'}{shown_bytes(abs(one.bytes))}",
        )
        for one in difference.growth
    ]


def _layer_rows(difference: ImageDifference) -> list[tuple[str, ...]]:
    return [(shown_text(one.title), _stored(one.before), _stored(one.after)) for one in difference.layers]


def _stored(layers: Sequence[ImageLayer]) -> str:
    if not layers:
        return "-"
    sizes = [layer.stored_bytes for layer in layers]
    known = [size for size in sizes if size is not None]
    return shown_bytes(sum(known)) if len(known) == len(sizes) else f"{len(layers)} layers"


def _summary(difference: ImageDifference) -> str:
    words = [count_changes(difference.packages.changes)]
    total = sum(one.bytes for one in difference.growth)
    words.append(f"{'+' if total >= 0 else '-'}{shown_bytes(abs(total))} installed")
    if difference.new_bytes is not None:
        words.append(f"{shown_bytes(difference.new_bytes)} to fetch, {shown_bytes(difference.shared_bytes)} shared")
    return "; ".join(words)


def _as_json(difference: ImageDifference) -> Json:
    return {
        "schema": 1,
        "before": difference.packages.before.label,
        "after": difference.packages.after.label,
        "changes": changes_as_json(difference.packages.changes),
        "growth": [
            {"name": one.name, "before_bytes": one.before_bytes, "after_bytes": one.after_bytes, "bytes": one.bytes}
            for one in difference.growth
        ],
        "layers": [
            {
                "title": one.title,
                "before": [_layer(layer) for layer in one.before],
                "after": [_layer(layer) for layer in one.after],
            }
            for one in difference.layers
        ],
        "shared_bytes": difference.shared_bytes,
        "new_bytes": difference.new_bytes,
    }


def _layer(layer: ImageLayer) -> Json:
    return {"diff_id": layer.diff_id, "digest": layer.digest, "stored_bytes": layer.stored_bytes}
