"""How much memory a process took, for programs that tests start."""

from __future__ import annotations

import re
from pathlib import Path


def peak_kib() -> int:
    """Return the most memory that this program has held so far, in KiB.

    ``getrusage`` is not asked: what it says began before the program did, with the memory of whoever started it.

    Source: proc(5), ``VmHWM``.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found
    return int(found[1])
