"""The batch queue's commands for the inside of a SIF, where there are none: each calls the submit host's by ssh.

Source: POSIX.1-2017, sh; ssh(1): the words of a command are joined by spaces and read by the remote user's shell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.sif.sites.site import Scheduler

QUEUE_PROGRAMS: Mapping[Scheduler, tuple[str, ...]] = {
    "slurm": ("sbatch", "squeue", "scancel"),
    "pbs": ("qsub", "qstat", "qdel"),
}
"""What each kind of queue is used by: to submit jobs, to list them, to end them."""

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*")
_SCRIPT = r"""# PROGRAM of HOST, called from inside a SIF. BINDERY_SSH is another ssh to call, with its options.
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


def shim_lines(program: str, host: str) -> str:
    """Return the script of sh that calls the host's program of this name, without its first line, ``#!``.

    Raises:
        BadInput: the host's name cannot be one.

    """
    if not _HOST.fullmatch(host):
        raise BadInput("cannot be the name of a host", host, "write it like user@login1.example.org")
    return _SCRIPT.replace("PROGRAM", program).replace("HOST", host)
