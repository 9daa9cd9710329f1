"""The part of ``bindery inspect`` that is about images."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.tables import print_table
from bindery.core import BadInput, default_store, encode_json, read_settings
from bindery.environments import find_environment, find_release
from bindery.images import inspect_image
from bindery.images.verify import open_image

if TYPE_CHECKING:
    from bindery.core import Json
    from bindery.environments import ReleasedNotebook
    from bindery.images import ImageFacts, Target

LARGEST = 20
NOT_STORED = "-"


def inspect_target(target: Target, *, as_json: bool) -> None:
    """Print what is in the image.

    Raises:
        BadInput: there is no such image, or it is damaged.
        ToolFailed: the registry, the engine or the disk failed.

    """
    with open_image(target, default_store(os.environ), os.environ) as opened:
        facts = inspect_image(opened, progress=make_progress(quiet=as_json))
    notebooks = _notebooks(facts)
    if as_json:
        click.echo(encode_json(image_as_json(str(target), facts, notebooks)))
    else:
        _show(facts, notebooks)


def shown_bytes(size_bytes: int | None) -> str:
    """Return the size in a unit that fits."""
    if size_bytes is None:
        return NOT_STORED
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"


def shown_text(text: str) -> str:
    """Return the text without codes that a terminal would obey: an image may say anything."""
    return text if text.isprintable() else repr(text)[1:-1]


def _notebooks(facts: ImageFacts) -> tuple[ReleasedNotebook, ...]:
    """Return how the notebooks of the image's release fared, if this project knows it."""
    if not facts.release:
        return ()
    with suppress(BadInput):
        environment = find_environment(read_settings(Path.cwd()), facts.environment)
        return find_release(environment, facts.release).release.notebooks or ()
    return ()


def _show(facts: ImageFacts, notebooks: tuple[ReleasedNotebook, ...]) -> None:
    said = (
        ("environment", facts.title or "not said"),
        ("packages", f"{len(facts.packages)}, of {facts.packages_source or 'an unknown source'}"),
        ("lock", facts.lock or "not said"),
        ("base", f"{facts.base_name} {facts.base}".strip() or "not said"),
        ("digest", facts.digest or "none"),
        ("platform", facts.platform or "not said"),
        ("size", f"{shown_bytes(facts.stored_bytes)} in {len(facts.layers)} layers"),
    )
    print_table(("", ""), [(name, shown_text(text)) for name, text in said])
    click.echo()
    show_packages(facts)
    click.echo()
    layers = [
        (
            str(number),
            shown_text(layer.title),
            shown_bytes(layer.stored_bytes),
            shown_bytes(layer.content_bytes),
            str(layer.files),
            layer.digest or layer.diff_id,
        )
        for number, layer in enumerate(facts.layers, 1)
    ]
    print_table(("layer", "holds", "stored", "content", "files", "digest"), layers)
    if notebooks:
        click.echo()
        rows = [
            (
                one.name,
                one.verdict,
                f"{one.differing} of {one.cells} cells differ",
                f"on {one.packages}, {one.platform}",
            )
            for one in notebooks
        ]
        print_table(("notebook", "verdict", "cells", "ran"), rows)


def show_packages(facts: ImageFacts) -> None:
    """Print the largest packages, and what the others come to."""
    packages = [
        (shown_text(one.name), shown_text(one.version), shown_bytes(one.size_bytes), str(one.files))
        for one in facts.packages[:LARGEST]
    ]
    rest = facts.packages[LARGEST:]
    if rest:
        rest_bytes = shown_bytes(sum(one.size_bytes for one in rest))
        packages.append((f"{len(rest)} smaller ones", "", rest_bytes, str(sum(one.files for one in rest))))
    packages.append(("other files", "", shown_bytes(facts.other_bytes), ""))
    print_table(("package", "version", "installed", "files"), packages)


def image_as_json(target: str, facts: ImageFacts, notebooks: tuple[ReleasedNotebook, ...]) -> dict[str, Json]:
    """Return the facts as a JSON object."""
    return {
        "schema": 1,
        "image": target,
        "digest": facts.digest or None,
        "platform": facts.platform,
        "environment": facts.environment or None,
        "release": facts.release or None,
        "packages_source": facts.packages_source or None,
        "lock": facts.lock or None,
        "base": facts.base or None,
        "base_name": facts.base_name or None,
        "stored_bytes": facts.stored_bytes,
        "labels": dict(facts.labels),
        "packages": [
            {
                "name": one.name,
                "version": one.version,
                "build": one.build,
                "sha256": one.digest.hex if one.digest else None,
                "installed_bytes": one.size_bytes,
                "files": one.files,
            }
            for one in facts.packages
        ],
        "other_bytes": facts.other_bytes,
        "layers": [
            {
                "title": one.title,
                "digest": one.digest,
                "diff_id": one.diff_id,
                "stored_bytes": one.stored_bytes,
                "content_bytes": one.content_bytes,
                "files": one.files,
            }
            for one in facts.layers
        ],
        "notebooks": [
            {
                "name": one.name,
                "verdict": one.verdict,
                "cells": one.cells,
                "differing": one.differing,
                "packages": one.packages,
                "platform": one.platform,
                "python": one.python,
            }
            for one in notebooks
        ],
    }
