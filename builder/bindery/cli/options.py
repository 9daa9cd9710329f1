"""Options that several commands have, each written once."""

from __future__ import annotations

import click

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
