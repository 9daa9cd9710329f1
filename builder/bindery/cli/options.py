"""Options that several commands have, each written once."""

from __future__ import annotations

import click


def _mirrors(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return both sides of the first ``=`` of each value."""
    pairs = {}
    for value in values:
        name, _, place = value.partition("=")
        if not name or not place:
            raise click.BadParameter(f"{value!r} is not NAME=PLACE", ctx, param)
        pairs[name] = place
    return pairs


mirror_option = click.option(
    "--channel-mirror",
    "mirrors",
    metavar="NAME=PLACE",
    callback=_mirrors,
    multiple=True,
    help="Read the channel NAME from this folder or URL, which has the same bytes; locks name the true URLs.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress and no messages; errors stay.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
packages_option = click.option(
    "--packages",
    type=click.Choice(["conda-forge", "wheels", "auto"]),
    default="auto",
    show_default=True,
    help="Where packages come from; auto takes conda-forge if it answers, else wheels.",
)
python_option = click.option(
    "--python",
    "interpreter",
    metavar="VERSION|PATH",
    help="The interpreter of a wheel channel: 3.12, or a path. Default: the lock's, else the distribution's.",
)
