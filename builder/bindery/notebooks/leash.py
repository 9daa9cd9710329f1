"""Runs a program that must not outlive whoever started it. A script of its own; imports nothing of Bindery.

    python leash.py <file> <program> [<argument>…]

The program's process group is killed when this script's stdin ends, which happens when the starter closes it, ends or
is killed. When the program ends first, its status is in the file, negative if a signal ended it, and whatever it left
running in its group is killed as well.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Run the program and kill the group, whichever ends first: the program or stdin."""
    status_file, *words = sys.argv[1:]
    # The starter signals the whole group to interrupt or end the program: this script ends when the program has.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    pid = start(words)
    threading.Thread(target=wait_for_starter, daemon=True).start()
    _, status = os.waitpid(pid, 0)
    part = Path(f"{status_file}.part")
    part.write_text(str(os.waitstatus_to_exitcode(status)), encoding="utf-8")
    part.replace(status_file)
    kill_group()


def start(words: list[str]) -> int:
    """Return the process of the program, which has no stdin and the usual signals."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["JPY_PARENT_PID"] = str(os.getppid())  # a kernel whose leash was killed ends by itself
        os.execv(words[0], words)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        sys.stderr.flush()
    os._exit(127)


def wait_for_starter() -> None:
    """Kill the group as soon as nobody can write to stdin any more."""
    while os.read(0, 4096):
        pass
    kill_group()


def kill_group() -> None:
    """Kill this process and every process that the program started."""
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
