"""What scheduler and workers of a gateway's cluster run before anything else. Imports nothing of Bindery.

Its text is sent there, after that of ``identity.py``, whose names it uses, and is run by whatever Python is there: code
that is sent compiled would need the very Python that is to be found out.
"""

# mypy: ignore-errors
# distributed is the environment's, in whatever version; it is no dependency of Bindery's. Tests run this for real.

from __future__ import annotations

import asyncio
import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from distributed.diagnostics.plugin import WorkerPlugin

TOPIC = "bindery-guard"


class Guard(WorkerPlugin):
    """Lets a worker take its first task only if it is what the client is; the scheduler's log says what came of it."""

    name = "bindery-guard"

    def __init__(self, client: dict[str, object], modules: dict[str, str]) -> None:
        self.client, self.modules = client, modules

    async def setup(self, worker: object) -> None:
        """Compare, before the worker listens to its scheduler; one that differs is closed, and never does."""
        own = await asyncio.to_thread(read_identity)  # noqa: F821 - identity.py's
        differences = find_differences(self.client, own)  # noqa: F821 - identity.py's
        if not differences:
            place_modules(self.modules)
        said = {"worker": str(worker.name), "address": worker.address, "differences": differences}
        await worker.scheduler.log_event(topic=TOPIC, msg=said)
        if differences:
            self.closing = asyncio.ensure_future(worker.close(nanny=True, reason="not what the client is"))
            await asyncio.Event().wait()


def place_modules(modules: dict[str, str]) -> None:
    """Let this process import what lies beside the notebooks: ``modules`` are texts by path."""
    folder = tempfile.mkdtemp(prefix="bindery-modules-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, text in modules.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, folder)
