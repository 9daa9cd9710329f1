"""Small runs to report, and a browser to open the page in."""

from __future__ import annotations

import base64
import fcntl
import io
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from bindery.clusters import ClusterMetrics, MemorySample, TaskSpan
from bindery.notebooks.results import CellResult, FailureClass, Mismatch, NotebookResult, Outcome, TestRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bindery.core import Json

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# The browser speaks on descriptors 3 and 4; this puts them there, whatever else is open.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)
LIMIT_S = 60
URL = "https://example.org/image.png"


def draw_png(colour: str, size: tuple[int, int] = (120, 80)) -> str:
    """Return a picture as base64 of PNG."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((10, 10, size[0] - 10, size[1] // 2), fill=colour)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


class Sample:
    """Makes values with everything filled in that a test does not care about."""

    png = staticmethod(draw_png)

    @staticmethod
    def cell(index: int = 0, **changes: object) -> CellResult:
        """Return a cell that passed and printed a line."""
        outputs = ({"output_type": "stream", "name": "stdout", "text": "0.5 K\n"},)
        values: dict[str, object] = {
            "index": index,
            "source": "print(spread)",
            "outcome": Outcome.PASSED,
            "compared": True,
            "duration_s": 0.25,
            "message": "",
            "mismatches": (),
            "reference_outputs": outputs,
            "outputs": outputs,
            **changes,
        }
        return CellResult(**values)  # type: ignore[arg-type]

    @staticmethod
    def mismatch(part: str = "stdout", reference: str | None = "0.5 K\n", actual: str | None = "0.7 K\n") -> Mismatch:
        """Return a number that changed."""
        return Mismatch(part=part, reason="a number differs", reference=reference, actual=actual)

    def notebook(self, name: str = "gmet-ensemble", *cells: CellResult, **changes: object) -> NotebookResult:
        """Return a notebook that passed."""
        values: dict[str, object] = {
            "name": name,
            "path": Path(f"notebooks/{name}.ipynb"),
            "outcome": Outcome.PASSED,
            "failure": None,
            "message": "",
            "cells": cells or (self.cell(),),
            "duration_s": 1.5,
            "metrics": None,
            "executed": None,
            **changes,
        }
        return NotebookResult(**values)  # type: ignore[arg-type]

    def run(self, *notebooks: NotebookResult, **changes: object) -> TestRun:
        """Return a run of the notebooks."""
        values: dict[str, object] = {
            "environment": "pangeo",
            "release": "2026.11.22",
            "packages": "wheels",
            "lock_digest": f"sha256:{'5b' * 32}",
            "platform": "linux-64",
            "python": "3.12.11",
            "versions": {"xarray": "2025.7.1", "dask": "2025.7.0"},
            "cluster": "2 workers, 1 thread each, 2 GiB each, on this machine",
            "started_epoch_s": 1_795_356_000,
            "duration_s": 12.0,
            "notebooks": notebooks,
            **changes,
        }
        return TestRun(**values)  # type: ignore[arg-type]

    @staticmethod
    def metrics(spans: int = 40, workers: int = 2, prefixes: int = 3) -> ClusterMetrics:
        """Return what a cluster did: spans one after the other on every worker, a transfer every tenth."""
        names = [f"step-{number}" for number in range(prefixes)]
        made = tuple(
            TaskSpan(
                worker=f"tls://127.0.0.1:{40000 + number % workers}",
                thread=7,
                prefix=names[number % prefixes],
                action="transfer" if number % 10 == 9 else "compute",
                start_s=0.01 * (number // workers),
                stop_s=0.01 * (number // workers) + 0.008,
            )
            for number in range(spans)
        )
        return ClusterMetrics(
            graphs=1,
            tasks_submitted=spans,
            tasks_done=dict.fromkeys(names, spans // prefixes),
            tasks_failed=0,
            output_bytes=3 << 20,
            transferred_bytes=1 << 20,
            peak_memory_bytes=1 << 30,
            spans=made,
            memory=tuple(
                MemorySample(time_s=0.01 * number, used_bytes=number << 20, spilled_bytes=0) for number in range(30)
            ),
            output_bytes_by_prefix=dict.fromkeys(names, 1 << 20),
        )

    def failing_run(self) -> TestRun:
        """Return a run in which a number, a picture and a table differ, a cell raises, and one notebook passes."""
        table = "<table><tr><th>x</th></tr><tr><td>{}</td></tr></table>"
        picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": draw_png("teal")}}
        error: dict[str, Json] = {
            "output_type": "error",
            "ename": "ValueError",
            "evalue": "shapes",
            "traceback": ["\x1b[0;31mValueError\x1b[0m: shapes"],
        }
        differing = self.notebook(
            "gmet-ensemble",
            self.cell(1),
            self.cell(3, outcome=Outcome.DIFFERS, message="0.5 became 0.7", mismatches=(self.mismatch(),)),
            self.cell(
                6,
                outcome=Outcome.DIFFERS,
                mismatches=(
                    Mismatch(
                        part="image/png",
                        reason="a region differs",
                        reference=draw_png("teal"),
                        actual=draw_png("red"),
                        picture=draw_png("black"),
                    ),
                    self.mismatch("text/html", table.format("0.5"), table.format("0.7")),
                ),
            ),
            outcome=Outcome.DIFFERS,
            failure=FailureClass.DIFFERENCE,
            metrics=self.metrics(),
        )
        raised = self.notebook(
            "ndvi-series",
            self.cell(0, outcome=Outcome.RAISED, message="ValueError: shapes", outputs=(error,)),
            self.cell(1, outcome=Outcome.NOT_RUN, compared=False, duration_s=None, outputs=()),
            outcome=Outcome.RAISED,
            failure=FailureClass.CODE,
        )
        return self.run(differing, self.notebook("weekly-mean", self.cell(2, outputs=(picture,))), raised)

    def hostile_notebook(self, text: str) -> NotebookResult:
        """Return a notebook that says the text everywhere."""
        head = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="hurt=1">'
        svg = f'{head}{text}<image href="{URL}"/></svg>'
        table = f"<table><tr><th colspan='{text}'>{text}</th></tr><tr><td>{text}</td></tr></table>"
        rich: tuple[dict[str, Json], ...] = tuple(
            {"output_type": "display_data", "metadata": {}, "data": {mime: content, text: text}}
            for mime, content in (
                ("text/plain", text),
                ("text/html", text),
                ("text/html", table),
                ("text/markdown", text),
                ("text/latex", text),
                ("image/svg+xml", svg),
                ("image/png", text),
                ("application/javascript", text),
                (text, text),
            )
        )
        outputs: tuple[dict[str, Json], ...] = (
            *rich,
            {"output_type": "stream", "name": text, "text": [text]},
            {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]},
        )
        mismatches = tuple(
            Mismatch(part=part, reason=text, reference=reference, actual=actual, picture=text)
            for part, reference, actual in (
                ("stdout", text, f"{text}!"),
                ("text/html", text, f"{text}!"),
                ("text/html", table, table.replace("</td>", "!</td>")),
                ("image/png", text, draw_png("red")),
                ("image/svg+xml", svg, svg),
                (text, text, None),
            )
        )
        cells = (
            self.cell(0, source=text, outputs=outputs, message=text),
            self.cell(1, source=text, outputs=outputs, outcome=Outcome.DIFFERS, message=text, mismatches=mismatches),
        )
        metrics = replace(
            self.metrics(),
            spans=(TaskSpan(worker=text, thread=1, prefix=text, action=text, start_s=0.0, stop_s=1.0),),
            tasks_done={text: 1},
            output_bytes_by_prefix={text: 1},
        )
        return self.notebook(text, *cells, outcome=Outcome.DIFFERS, message=text, metrics=metrics, path=Path(text))


@pytest.fixture
def sample() -> Sample:
    """Return the maker of small values."""
    return Sample()


class Browser:
    """Headless Chromium, driven by the DevTools protocol over its pipe, with one page open."""

    def __init__(self, profile: Path) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # Above 3 and 4, so that putting one in its place does not close the other.
        high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (theirs_in, theirs_out)]
        arguments = [str(descriptor) for descriptor in high]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *arguments, "chromium", *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=high,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (theirs_in, theirs_out, *high):
            os.close(descriptor)
        self._in, self._out = ours_in, ours_out
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._session = ""
        self.events: list[dict[str, Json]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Json) -> dict[str, Json]:
        """Call a method of the protocol and return its result; events that come meanwhile are kept."""
        number = next(self._numbers)
        message: dict[str, Json] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result = answer["result"]
                assert isinstance(result, dict)
                return result
            self.events.append(answer)

    def open(self, path: Path, *, width: int = 1280, scheme: str = "light", scripts: bool = True) -> None:
        """Open the file and wait until it has loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def evaluate(self, expression: str) -> Json:
        """Return what the expression comes to in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def complaints(self) -> list[str]:
        """Return what the console, the policy and the network said since the page was opened."""
        time.sleep(0.2)
        self.call("Page.getLayoutMetrics")  # what was said by now comes before its answer
        found = []
        for event in self.events:
            method, text = str(event.get("method")), json.dumps(event.get("params"))
            if method in {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Audits.issueAdded"}:
                found.append(text)
            if method in {"Page.javascriptDialogOpening", "Page.frameAttached", "Network.loadingFailed"}:
                found.append(f"{method} {text}")
            if method == "Network.requestWillBeSent" and not self._is_own(event):
                found.append(text)
        return found

    @staticmethod
    def _is_own(event: dict[str, Json]) -> bool:
        url = str(event["params"]["request"]["url"])  # type: ignore[index,call-overload]
        return url.startswith(("file:", "data:"))

    def _read(self) -> dict[str, Json]:
        end_s = time.monotonic() + LIMIT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(end_s - time.monotonic(), 0))
            assert ready, f"chromium said nothing for {LIMIT_S} s"
            chunk = os.read(self._in, 1 << 20)
            assert chunk, "chromium has ended"
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Json] = json.loads(raw)
        return answer

    def close(self) -> None:
        """End the browser."""
        self._session = ""
        self.call("Browser.close")
        self._process.wait(LIMIT_S)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser that the tests of a module share."""
    assert shutil.which("chromium"), "chromium is missing; fix: make testbed"
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def hostile() -> tuple[str, ...]:
    """Return hostile texts: each would set ``window.hurt``, fetch something, or break the page."""
    return read_hostile()


@pytest.fixture
def hostile_run(sample: Sample) -> TestRun:
    """Return a run with hostile texts wherever a notebook, a cluster or a lock can put them."""
    texts = read_hostile()
    notebooks = [sample.hostile_notebook(text) for text in texts]
    everything = "".join(texts)
    return sample.run(
        *notebooks,
        environment=everything,
        release=everything,
        lock_digest=everything,
        cluster=everything,
        python=everything,
        versions=dict.fromkeys(texts, everything),
    )


def read_hostile() -> tuple[str, ...]:
    """Return the texts of ``data/hostile.json``; outputs of notebooks that want to do harm look like these."""
    return tuple(json.loads((Path(__file__).parent / "data" / "hostile.json").read_text(encoding="utf-8")))
