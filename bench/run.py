"""Measure Bindery beside the tools that people use instead: ``make bench``, or ``make bench ARGS='check diff'``.

Prints a table in Markdown to stdout. Exits with 1 if a ratio does not hold, 4 if a case could not be measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from bindery.core import BinderyError
from cases import CASES
from frame import NOT_HELD, Place, describe, render


def main() -> int:
    """Measure the cases that are named, else all; see the module for the status."""
    parser = argparse.ArgumentParser(description="Measure Bindery beside the tools that people use instead.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(case.name for case in CASES)}")
    wanted: list[str] = parser.parse_args().cases
    unknown = set(wanted) - {case.name for case in CASES}
    if unknown:
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    rows, failed = [], False
    for case in CASES:
        if wanted and case.name not in wanted:
            continue
        print(f"measuring {case.name} …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="bindery-bench-") as folder:
            place = Place(folder=Path(folder), store=cache / "bindery-bench")
            try:
                rows.append(describe(case, case.measure(place)))
            except BinderyError as error:
                print(f"error: {case.name}: {error}", file=sys.stderr)
                failed = True
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}\n")
    print(render(rows))
    return 4 if failed else int(any(row[-1] == NOT_HELD for row in rows))


if __name__ == "__main__":
    sys.exit(main())
