"""``bindery diff``: which packages differ between two environments, releases, locks, lists of pins, images or SIFs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import click

from bindery.cli.changes import changes_as_json, count_changes, print_changes
from bindery.cli.options import json_option
from bindery.cli.tables import print_table
from bindery.cli.targets import find_image, find_sif, project_settings
from bindery.core import CheckFailed, WrongUse, encode_json
from bindery.environments import compare_lists, explain_change, read_package_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.environments import Comparison, Explanation

MOST_CHAINS = 10


@click.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--why", metavar="NAME", help="Show what pulled this package in, before and after.")
@click.option("--markdown", is_flag=True, help="Print a table in Markdown.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything differs.")
@json_option
def command(*, before: str, after: str, why: str | None, markdown: bool, exit_code: bool, as_json: bool) -> None:
    """Show which packages differ, those that the spec asks for by name first.

    BEFORE and AFTER are an environment (pangeo), a release of it (pangeo@2025.08.14), a lock file, pins of wheels
    (environments/pangeo/wheels-3.12.txt), or one of these in a revision of git (HEAD~3:pangeo,
    HEAD~3:environments/pangeo/conda-lock.yml). Pins and locks are compared by conda-forge's names and by versions.

    Or both are images, such as pangeo:2025.08.14 in the store, oci:FOLDER:NAME or docker://HOST/NAME:TAG; then sizes
    are compared as well, by package and by layer. A Singularity file (pangeo.sif) is compared as an image is.
    """
    if markdown and as_json:
        raise WrongUse("--markdown and --json are two forms of the same answer", fix="give one of them")
    if markdown and why is not None:
        raise WrongUse("--why has no form in Markdown", fix="leave out --markdown")
    images = [find_sif(word) or find_image(word) for word in (before, after)]
    if images[0] is not None and images[1] is not None:
        if why is not None:
            raise WrongUse("--why is for locks, which say what needs what", fix="compare the images' environments")
        from bindery.cli.diff_images import diff_targets  # noqa: PLC0415 - locks need nothing of it

        diff_targets(images[0], images[1], markdown=markdown, exit_code=exit_code, as_json=as_json)
        return
    if images[0] is not None or images[1] is not None:
        raise WrongUse("one is an image and the other is not", f"{before}, {after}", "compare two of a kind")
    settings = cache(project_settings)
    comparison = compare_lists(read_package_list(before, settings), read_package_list(after, settings))
    explanations = explain_change(comparison, why) if why is not None else ()
    if as_json:
        click.echo(encode_json(_as_json(comparison, explanations)))
    elif why is not None:
        _show_why(explanations)
    else:
        _show(comparison, markdown=markdown)
    if comparison.changes and exit_code:
        raise CheckFailed(f"{len(comparison.changes)} packages differ", f"{before}, {after}")


def _show(comparison: Comparison, *, markdown: bool) -> None:
    changes = comparison.changes
    shared = {one.platform for one in comparison.before.packages} & {one.platform for one in comparison.after.packages}
    summary = count_changes(changes)
    if comparison.not_on_pypi:
        names = ", ".join(comparison.not_on_pypi[:3])
        more = ", …" if len(comparison.not_on_pypi) > 3 else ""
        summary += f"; {len(comparison.not_on_pypi)} are only conda's, for PyPI has no such thing ({names}{more})"
    if markdown:
        click.echo(f"{summary}\n")
        if changes:
            print_changes(changes, len(shared), markdown=True)
        return
    print_changes(changes, len(shared))
    click.echo(summary, err=True)


def _show_why(explanations: Sequence[Explanation]) -> None:
    rows: list[tuple[str, str, str]] = []
    for one in explanations:
        platforms = ", ".join(one.platforms)
        if not one.chains:
            rows.append((one.label, platforms, "is not there"))
        rows += [(one.label, platforms, " → ".join(chain)) for chain in one.chains[:MOST_CHAINS]]
        if len(one.chains) > MOST_CHAINS:
            rows.append((one.label, platforms, f"and {len(one.chains) - MOST_CHAINS} longer ones (--json has them)"))
    print_table(("in", "on", "because of"), rows)


def _as_json(comparison: Comparison, explanations: Sequence[Explanation]) -> Json:
    document: dict[str, Json] = {
        "schema": 1,
        "before": comparison.before.label,
        "after": comparison.after.label,
        "changes": changes_as_json(comparison.changes),
        "not_on_pypi": list(comparison.not_on_pypi),
    }
    if explanations:
        document["why"] = [
            {"in": one.label, "platforms": list(one.platforms), "chains": [list(chain) for chain in one.chains]}
            for one in explanations
        ]
    return document
