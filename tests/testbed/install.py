"""Install what tests need from the distribution: ``packages.txt`` beside this file.

As root it installs what is missing. As an ordinary user it prints the one line that does it, and exits 4.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("packages.txt")
FAILED = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One line of the list."""

    name: str
    suite: str
    reason: str


def parse_packages(text: str) -> tuple[Package, ...]:
    """Return the packages that the list names.

    Raises:
        ValueError: a line has fewer than three words.

    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split(maxsplit=2)
        if not words:
            continue
        if len(words) < 3:
            raise ValueError(f"line {number}: a package needs a suite and a reason")
        found.append(Package(name=words[0], suite=words[1], reason=words[2]))
    return tuple(found)


def is_installed(name: str) -> bool:
    """Return whether the distribution's package is there."""
    found = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name], capture_output=True, text=True, check=False
    )
    return found.returncode == 0 and found.stdout == "installed"


def apt_command(packages: tuple[Package, ...]) -> list[str]:
    """Return the words that install the packages."""
    names = [one.name if one.suite == "any" else f"{one.name}/{one.suite}" for one in packages]
    return ["apt-get", "install", "--yes", "--no-install-recommends", *names]


def main() -> int:
    """Install what is missing; see the module for the status."""
    packages = parse_packages(LIST.read_text(encoding="utf-8"))
    try:
        missing = tuple(one for one in packages if not is_installed(one.name))
    except FileNotFoundError:
        print("error: these packages come from Debian or Ubuntu, and there is no dpkg here:", file=sys.stderr)
        for one in packages:
            print(f"  {one.name}: {one.reason}", file=sys.stderr)
        return FAILED
    if not missing:
        return 0
    for one in missing:
        print(f"testbed: {one.name} is missing: {one.reason}", flush=True)
    command = apt_command(missing)
    if os.geteuid() != 0:
        print(f"  sudo sh -c {shlex.quote('apt-get update && ' + shlex.join(command))}", file=sys.stderr)
        return FAILED
    for words in (["apt-get", "update"], command):
        done = subprocess.run(
            words,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            print(f"error: {shlex.join(words)} ended with status {done.returncode}", file=sys.stderr)
            return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
