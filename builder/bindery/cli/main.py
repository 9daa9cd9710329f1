"""``bindery``: the commands, each imported when it is called, and what becomes of errors."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar

import click

from bindery import __version__
from bindery.cli.help import HelpContext
from bindery.core import BinderyError, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GROUPS: Mapping[str, Sequence[str]] = {
    "Environments": ("lock", "check", "diff", "inspect", "export", "log", "release", "fork", "rebase"),
    "Prefixes": ("install", "shell", "verify"),
    "Wheel channels": ("channel",),
    "Images": ("build", "push", "pull", "load"),
    "Singularity and HPC": ("sif", "site"),
    "Notebooks": ("test",),
}
OUR_BUG = 70
INTERRUPTED = 130
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}


class _ReaderGoneError(Exception):
    """Nobody reads our stdout any more. click would end with 1, which is our word for a difference."""


@contextmanager
def _broken_pipes_told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderGoneError from error


class LazyGroup(click.Group):
    """Commands whose modules, ``bindery.cli.<name>``, are imported when they are needed."""

    context_class = HelpContext
    groups: ClassVar[Mapping[str, Sequence[str]]] = GROUPS

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """Return the context of these words; help and version are printed on the way."""
        with _broken_pipes_told():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Return what the command returns."""
        with _broken_pipes_told():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        del ctx
        return [name for names in self.groups.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: object = importlib.import_module(f"bindery.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"bindery.cli.{cmd_name}.command is not a command")
        if command.context_class is click.Context:
            command.context_class = HelpContext
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bindery")
def bindery() -> None:
    """Bind notebooks to the environment they were written for, and prove that they still give the same answer."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; see ``bindery.core.errors`` for what the statuses mean."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its status; every error was shown."""
    try:
        result: object = bindery.main(args=list(arguments), prog_name="bindery", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last one to catch it
        return _show(error)
    return result if isinstance(result, int) else 0


def _show(error: BaseException) -> int:
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case click.Abort() | KeyboardInterrupt():
            click.echo("interrupted", err=True)
            return INTERRUPTED
        case BinderyError() if error.exit_code != OUR_BUG:
            click.echo(f"error: {error}", err=True)
            return error.exit_code
        case _ReaderGoneError() | BrokenPipeError():
            _drop_stdout()
            return ToolFailed.exit_code
        case OSError():
            _show_os_error(error)
            if error.filename is None:
                _drop_stdout()
            return ToolFailed.exit_code
        case _:
            import traceback  # noqa: PLC0415 - seldom needed

            traceback.print_exception(error)
            click.echo("error: this is a bug in bindery; please report it with the lines above", err=True)
            return OUR_BUG


def _drop_stdout() -> None:
    """Keep Python from writing at exit what could not be written now: it would complain, and change our status."""
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_os_error(error: OSError) -> None:
    what = _FULL.get(error.errno or 0, error.strerror or str(error))
    where = error.filename or ("stdout" if error.errno in _FULL else "input/output")
    fix = "free some space, or set BINDERY_STORE" if error.errno in _FULL else ""
    click.echo(f"error: {ToolFailed(what, str(where), fix)}", err=True)
