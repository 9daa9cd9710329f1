"""qsub, qdel and qstat of the tests: they read what they are given, ask the server beside them, and print its answer.

Nobody packages PBS. Words, forms and statuses are OpenPBS 23.06's; what neither we nor dask-jobqueue use is missing.
The file stands alone: it is copied under the three names, and runs in any Python.
"""

import getopt
import json
import os
import re
import socket
import sys
from pathlib import Path

OPTIONS = "A:e:I:j:l:m:M:N:o:q:S:v:VW:"
USAGE = 2


class Refused(Exception):
    """The command ends: what it says, and its status."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said, status)
        self.said = said
        self.status = status


def read_options(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the options of qsub, and the words that are none."""
    try:
        return getopt.getopt(words, OPTIONS)
    except getopt.GetoptError as wrong:
        raise Refused(f"qsub: invalid option -- '{wrong.opt}'", USAGE) from wrong


def directives(script: str) -> list[str]:
    """Return the words of the script's directives, which end where its first command begins."""
    found = []
    for line in script.splitlines():
        if line.startswith("#PBS"):
            found += re.findall(r'"[^"]*"|\S+', line[4:])
        elif line.strip() and not line.startswith(("#", ":")):
            break
    return [word.strip('"') for word in found]


def read_resources(texts: list[str]) -> dict[str, str]:
    """Return the resources by name; those of a chunk, ``select=1:ncpus=2``, stand beside those of the job."""
    found = {}
    for text in texts:
        for one in re.split("[,:](?=[a-z_]+=)", text):
            name, equals, value = one.partition("=")
            if not equals or not name or not value:
                raise Refused("qsub: illegal -l value", USAGE)
            found[name] = value
    return found


def limit_s(walltime: str) -> int:
    """Return the seconds of ``[[hours:]minutes:]seconds``."""
    if not re.fullmatch(r"(\d+:){0,2}\d+", walltime):
        raise Refused("qsub: Illegal attribute or resource value Resource_List.walltime", 1)
    seconds = 0
    for part in walltime.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


def handed_on(options: list[tuple[str, str]]) -> dict[str, str]:
    """Return the variables that the job gets from here."""
    environ = dict(os.environ) if ("-V", "") in options else {}
    for name, text in options:
        if name == "-v":
            for one in filter(None, text.split(",")):
                variable, equals, value = one.partition("=")
                environ[variable] = value if equals else os.environ.get(variable, "")
    return environ


def read_script(words: list[str]) -> tuple[str, str]:
    """Return the script, from a file or from stdin, and what the job is called if it does not say."""
    if len(words) > 1:
        raise Refused("usage: qsub [options] [script]", USAGE)
    if not words:
        return sys.stdin.read(), "STDIN"
    try:
        return Path(words[0]).read_text(encoding="utf-8"), Path(words[0]).name
    except OSError as wrong:
        raise Refused(f"qsub: script file:: {wrong.strerror}", 1) from wrong


def qsub(words: list[str]) -> dict[str, object]:
    """Return what the server is asked; options of the command line go before directives."""
    typed, rest = read_options(words)
    script, name = read_script(rest)
    written, _ = read_options(directives(script))
    options = written + typed
    chosen = dict(options)
    resources = read_resources([text for option, text in options if option == "-l"])
    return {
        "verb": "qsub",
        "script": script,
        "name": chosen.get("-N", name),
        "queue": chosen.get("-q", ""),
        "account": chosen.get("-A", ""),
        "out": chosen.get("-o", ""),
        "err": chosen.get("-e", ""),
        "join": chosen.get("-j", "n"),
        "resources": resources,
        "walltime_s": limit_s(resources["walltime"]) if "walltime" in resources else None,
        "environ": handed_on(options),
        "submitted": {name: os.environ.get(name, "") for name in ("HOME", "PATH", "SHELL", "LOGNAME", "LANG")},
        "folder": str(Path.cwd()),
    }


def qdel(words: list[str]) -> dict[str, object]:
    """Return what the server is asked."""
    jobs = [word for word in words if word != "-x"]
    if not jobs:
        raise Refused("usage:\n\tqdel [-W force|suppress_email=X] [-x] job_identifier...", USAGE)
    return {"verb": "qdel", "jobs": jobs}


def qstat(words: list[str]) -> dict[str, object]:
    """Return what the server is asked."""
    try:
        options, jobs = getopt.getopt(words, "fxQ")
    except getopt.GetoptError as wrong:
        raise Refused(f"qstat: invalid option -- '{wrong.opt}'", USAGE) from wrong
    names = {name for name, _ in options}
    return {"verb": "qstat", "jobs": jobs, "full": "-f" in names, "finished": "-x" in names, "queues": "-Q" in names}


def main() -> int:
    """Print the answer; see the module for the status."""
    here = Path(sys.argv[0])
    read = {"qsub": qsub, "qdel": qdel, "qstat": qstat}[here.name]
    try:
        asked = read(sys.argv[1:])
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(here.resolve().parent.parent / "socket"))
            connection.sendall(json.dumps(asked).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").read())
    except Refused as refused:
        sys.stderr.write(f"{refused.said}\n")
        return refused.status
    except OSError:
        sys.stderr.write(f"Connection refused\n{here.name}: cannot connect to server pbs (errno=15010)\n")
        return 1
    sys.stdout.write(answer["out"])
    sys.stderr.write(answer["err"])
    return int(answer["status"])


if __name__ == "__main__":
    sys.exit(main())
