"""``bindery shell``: a shell, or one command, in an environment."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.display import make_progress
from bindery.cli.options import packages_option, python_option, quiet_option
from bindery.core import ToolFailed, default_store, host_platform, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.environments import PackagesChoice

# The user's own settings come first, so that they cannot put another Python before the environment's.
_STARTUP = """\
[ -r ~/.bashrc ] && . ~/.bashrc
{unset}
{exports}
PS1="({name}) ${{PS1:-\\\\w \\\\$ }}"
"""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("environment", metavar="ENVIRONMENT[@RELEASE]")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@packages_option
@python_option
@quiet_option
def command(
    *, environment: str, words: tuple[str, ...], packages: PackagesChoice, interpreter: str | None, quiet: bool
) -> None:
    """Start bash in ENVIRONMENT, or run COMMAND in it and end with its status.

    The environment is installed first if it is not there.
    """
    from bindery.environments import find_installable, realise  # noqa: PLC0415 - help comes without their seconds
    from bindery.prefixes import ensure_prefix, process_environ  # noqa: PLC0415

    progress, store = make_progress(quiet=quiet), default_store(os.environ)
    realised = realise(
        find_installable(read_settings(Path.cwd()), environment),
        packages=packages,
        interpreter=interpreter,
        platform=host_platform(),
        store=store,
        progress=progress,
    )
    prefix = ensure_prefix(realised, store=store, progress=progress)
    variables = process_environ(prefix.path, os.environ)
    if words:
        become(words, variables)
    become(["bash", "--noprofile", "--rcfile", _startup(environment, variables), "-i"], variables)


def become(words: Sequence[str], variables: Mapping[str, str]) -> None:
    """Turn this process into that command, which is looked for on the PATH among the variables.

    Raises:
        ToolFailed: there is no such command, or it cannot be started.

    """
    try:
        os.execvpe(words[0], list(words), dict(variables))  # noqa: S606 - a command of the user's own
    except OSError as error:
        raise ToolFailed(f"cannot be started: {error.strerror}", words[0]) from error


def _startup(name: str, variables: Mapping[str, str]) -> str:
    """Return the name of a stream that holds the shell's first commands, for this process and its successor."""
    from bindery.prefixes import FOREIGN_NAMES  # noqa: PLC0415 - as above

    own = {key: value for key, value in variables.items() if os.environ.get(key) != value}
    exports = "\n".join(f"export {key}={shlex.quote(value)}" for key, value in sorted(own.items()))
    unset = " ".join(["unset", *(foreign for foreign in FOREIGN_NAMES if foreign not in variables)])
    with tempfile.TemporaryFile() as stream:
        stream.write(_STARTUP.format(name=name, unset=unset, exports=exports).encode())
        stream.seek(0)
        reading = os.dup(stream.fileno())
    os.set_inheritable(reading, True)  # noqa: FBT003 - the function has no name for it
    return f"/dev/fd/{reading}"
