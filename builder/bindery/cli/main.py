"""``bindery``: the commands, each imported when it is called, and what becomes of errors."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING

import rich_click as click

from bindery import __version__
from bindery.core import BinderyError, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS = {
    "Environments": ("lock", "check", "diff"),
    "Prefixes": ("install", "shell", "verify"),
    "Wheel channels": ("channel",),
    "Notebooks": ("test",),
}
OUR_BUG = 70
INTERRUPTED = 130


class LazyGroup(click.RichGroup):
    """Commands whose modules, ``bindery.cli.<name>``, are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        del ctx
        return [name for names in GROUPS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"bindery.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bindery")
@click.rich_config(
    help_config=click.RichHelpConfiguration(
        command_groups={"bindery": [{"name": name, "commands": list(commands)} for name, commands in GROUPS.items()]},
        max_width=100,
    )
)
def bindery() -> None:
    """Bind notebooks to the environment they were written for, and prove that they still give the same answer."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; see ``bindery.core.errors`` for what the statuses mean."""
    sys.exit(_status(sys.argv[1:] if arguments is None else arguments))


def _status(arguments: Sequence[str]) -> int:
    try:
        result: object = bindery.main(args=list(arguments), prog_name="bindery", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads our stdout has read enough; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ToolFailed.exit_code
    except BinderyError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except OSError as error:
        click.echo(f"error: {error.filename or 'input/output'}: {error.strerror or error}", err=True)
        return ToolFailed.exit_code
    except Exception:  # noqa: BLE001 - the last one to catch it: shown whole, as the bug that it is
        traceback.print_exc()
        click.echo("error: this is a bug in bindery; please report it with the lines above", err=True)
        return OUR_BUG
    return result if isinstance(result, int) else 0
