"""How much memory a process took, for programs that tests start.

``python -P tests/memory.py FILE WORDS…`` is ``bindery WORDS…``, and writes how much it took into FILE, in KiB.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


def peak_kib() -> int:
    """Return the most memory that this program has held so far, in KiB.

    ``getrusage`` is not asked: what it says began before the program did, with the memory of whoever started it.

    Source: proc(5), ``VmHWM``.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found
    return int(found[1])


def main() -> int:
    """Run the command; what the largest of the programs that it called took counts, if that is more."""
    from bindery.cli.main import run  # noqa: PLC0415 - programs that measure themselves need nothing of it

    status = run(sys.argv[2:])
    called_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    Path(sys.argv[1]).write_text(str(max(peak_kib(), called_kib)), encoding="ascii")
    return status


if __name__ == "__main__":
    sys.exit(main())
