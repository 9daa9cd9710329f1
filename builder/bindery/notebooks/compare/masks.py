"""What may change from run to run and says nothing about the science: named rules, each as narrow as possible.

A rule replaces what it finds by its own name in angle brackets on both sides, so that something volatile which
appears, disappears or becomes something of another kind is still a difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bindery.notebooks.workplace import PREFIX as WORKPLACE

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_UNIT = r"(?:ns|[uµμ]s|ms|s|min|h)"
_SPAN = rf"\d+(?:\.\d+)?\s?{_UNIT}(?:\s\d+(?:\.\d+)?\s?{_UNIT})*"
_HOST = r"(?:127\.0\.0\.1|localhost|10(?:\.\d+){3}|192\.168(?:\.\d+){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One kind of volatile text. ``reason`` says why it is not the notebook's own."""

    name: str
    pattern: re.Pattern[str]
    reason: str
    replacement: str

    def apply(self, text: str) -> str:
        """Return the text with what the rule knows replaced."""
        return self.pattern.sub(self.replacement, text)


def _rule(name: str, pattern: str, reason: str, replacement: str | None = None) -> Rule:
    compiled = re.compile(pattern, re.MULTILINE)
    return Rule(name=name, pattern=compiled, reason=reason, replacement=replacement or f"<{name}>")


RULES: tuple[Rule, ...] = (
    _rule(
        "dask-client",
        r"<Client: '[^'\n]*' processes=\d+ threads=\d+(?:, memory=[^>\n]*)?>|<Client: No scheduler connected>",
        "how many workers a notebook was given is a circumstance; its results must not depend on it",
    ),
    _rule(
        "dask-cluster",
        r"\b\w*Cluster\([0-9a-f]{8}, '[^'\n]*', workers=\d+, threads=\d+(?:, memory=[^)\n]*)?\)",
        "the same, for the cluster itself",
    ),
    _rule("address", r"(?<=\bat )0x[0-9A-Fa-f]{6,16}\b", "where an object lies in memory is chosen by the system"),
    _rule(
        "pid",
        r"(?<=/ipykernel_)\d+/\d+\.py\b",
        "the kernel names the file of a cell after its process and a hash",
    ),
    _rule(
        "task-key",
        rf"(?<=[A-Za-z_)\]>]-){_UUID}(?![\w-])|(?<=[A-Za-z_)\]>]-)[0-9a-f]{{32}}(?!\w)",
        "Dask ends the names of tasks with a token that covers more than their data (function objects, paths)",
    ),
    _rule("uuid", rf"(?<![\w-]){_UUID}(?![\w-])", "made to be different each time"),
    _rule(
        "magic-time",
        rf"^(?:CPU times: .*|Wall time: {_SPAN}|Compiler\s*: {_SPAN})$",
        "printed by %time, %%time and their kind",
    ),
    _rule(
        "magic-timeit",
        rf"^{_SPAN} ± {_SPAN} per loop \(mean ± std\. dev\. of (\d+) runs?, ([\d,]+) loops? each\)$",
        "printed by %timeit, which also chooses the number of loops by the clock",
    ),
    _rule(
        "magic-timeit-cache",
        r"^The slowest run took [\d.]+ times longer than the fastest\..*$",
        "printed by %timeit on a busy machine",
    ),
    _rule(
        "comm-address",
        r"\b(?:tcp|tls|ucx|ws|wss)://(?:\[[0-9a-fA-F:]+\]|[\w.-]+):\d+(?![\w.])|\binproc://[\d.]+/\d+/\d+",
        "Dask's processes listen on ports that happen to be free",
    ),
    _rule(
        "local-port",
        rf"(?<=://){_HOST}:\d+",
        "a server on this machine or in this network listens on a port that happens to be free",
    ),
    _rule(
        "workplace",
        rf"(?:/[\w.-]+)*/{WORKPLACE}[a-z0-9_]{{8}}/\d+/(?:work|home)(?![\w-])",
        "the fresh folder in which Bindery executes a notebook; what follows in the path is compared",
    ),
    _rule(
        "temporary-folder",
        r"(?:/[\w.-]+)*/(?:tmp[a-z0-9_]{8}|dask-scratch-space/[\w-]+|dask-worker-space/[\w-]+)(?![\w-])",
        "Python's tempfile and Dask's workers make folders of random names; what follows in the path is compared",
    ),
    _rule(
        "memory-store",
        r"(?<=\bmemory://)\d{6,20}\b",
        "zarr names a store in memory after where it lies",
    ),
    _rule(
        "comm-id",
        r"(?<=\"comm_id\":\")[0-9a-f]{32}(?=\")|(?<=\"client_comm_id\":\")[0-9a-f]{32}(?=\")",
        "Panel (below hvPlot) names the channel between browser and kernel at random",
    ),
    _rule(
        "since",
        r"(?<=Started: |Created: )(?:Just now|\d+ \w+ ago)|(?<=Last seen: )(?:Just now|\d+ \w+ ago)",
        "Dask says how long ago a worker started",
    ),
    _rule(
        "log-time",
        r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{3,6})?"
        r"(?= (?:- \S+ )?(?:- )?\[?(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b)",
        "the time at the head of a line of a log",
    ),
)


def mask(text: str) -> str:
    """Return the text with everything volatile replaced by the name of its rule."""
    for rule in RULES:
        text = rule.apply(text)
    return text
