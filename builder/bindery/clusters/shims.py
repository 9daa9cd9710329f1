"""The batch queue's commands for the inside of a SIF, where there are none: each calls the submit host's by ssh.

Source: POSIX.1-2017, sh; ssh(1): the words of a command are joined by spaces and read by the remote user's shell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bindery.clusters.pbs import PBS
from bindery.clusters.slurm import SLURM
from bindery.core import BadInput, write_file

if TYPE_CHECKING:
    from pathlib import Path

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*")
_SCRIPT = r"""#!/bin/sh
# PROGRAM of HOST, called from inside a SIF. BINDERY_SSH is the ssh to call, with its options, if it is not just ssh.
command=PROGRAM
script=
left=$#
for word do
    left=$((left - 1))
    case PROGRAM in
    sbatch | qsub)
        # A job script may lie where HOST does not see it, so it is sent along.
        if [ "$left" -eq 0 ] && [ -f "$word" ]; then
            script=$word
            continue
        fi
        ;;
    esac
    command="$command $(printf '%s\n' "$word" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/")"
done
exec ${BINDERY_SSH:-ssh -o BatchMode=yes} HOST "$command" <"${script:-/dev/null}"
"""


def write_shims(folder: Path, host: str) -> Path:
    """Make the folder with a program for each command of a batch queue, and return it.

    Raises:
        BadInput: the host's name cannot be one.
        ToolFailed: the disk is full or cannot be written.

    """
    if not _HOST.fullmatch(host):
        raise BadInput("cannot be the name of a host", host, "write it like user@login1.example.org")
    for program in (*SLURM.programs, *PBS.programs):
        text = _SCRIPT.replace("PROGRAM", program).replace("HOST", host)
        write_file(folder / program, text.encode(), 0o755)
    return folder
