"""Real outputs: nothing is found between runs of the same cells, and every fault put into them is found."""

import base64
import copy
import io
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, coalesce_streams, nocolors  # type: ignore[import-untyped]
from PIL import Image, ImageDraw

from bindery.core import Json
from bindery.notebooks.compare import compare_notebook
from bindery.notebooks.compare.cells import Cell, Output, code_cells
from bindery.notebooks.compare.images import compare_images
from bindery.notebooks.compare.judge import compare_outputs
from bindery.notebooks.compare.outputs import fold_outputs
from bindery.notebooks.results import Outcome

NAMES = ("tuned", "heldback", "fresh")
FLOAT = re.compile(r"(?<![\w.])\d+\.\d{2,}(?![\w])")
INTEGER = re.compile(r"(?<![\w.:/-])\d+(?![\w.:/-])")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    with tarfile.open(Path(__file__).parent / "data" / "outputs.tar.xz") as archive:
        members = [(member.name, archive.extractfile(member)) for member in archive if member.isfile()]
        return {name: stream.read() for name, stream in members if stream is not None}


def notebook(files: dict[str, bytes], name: str, run: str) -> NotebookNode:
    read: NotebookNode = nbformat.reads(files[f"{name}-{run}.ipynb"].decode(), as_version=4)
    return read


@pytest.mark.parametrize("run", ["b", "c"])
@pytest.mark.parametrize("name", NAMES)
def test_another_process_seed_port_worker_and_python_give_no_difference(
    files: dict[str, bytes], name: str, run: str
) -> None:
    results = compare_notebook(notebook(files, name, "a"), notebook(files, name, run))
    assert len(results) >= 27
    assert [(result.index, result.message) for result in results if result.outcome is not Outcome.PASSED] == []
    assert all(result.compared for result in results)


def test_the_same_outputs_are_a_challenge(files: dict[str, bytes]) -> None:
    pairs = [
        (ours.outputs, theirs.outputs)
        for name in NAMES
        for run in ("b", "c")
        for ours, theirs in zip(notebook(files, name, "a").cells, notebook(files, name, run).cells, strict=True)
    ]
    failed = sum(not agrees_strictly(ours, theirs) for ours, theirs in pairs)
    assert failed > len(pairs) / 3  # by nbval's comparator as it is


def agrees_strictly(reference: list[NotebookNode], actual: list[NotebookNode]) -> bool:
    """Return what nbval's own comparator, without ours, says."""
    cell = object.__new__(IPyNbCell)
    skipped = ("metadata", "traceback", "prompt_number", "output_type", "name", "execution_count")
    more = ("application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg")
    cell.parent = SimpleNamespace(skip_compare=skipped + more, sanitize_patterns={})
    cell.colors = nocolors
    cell.format_output_compare = lambda *_: None
    agreed: bool = cell.compare_outputs(
        coalesce_streams(copy.deepcopy(actual)), coalesce_streams(copy.deepcopy(reference))
    )
    return agreed


# Faults. Each is given a value and yields changed ones; what it does not apply to, it leaves out.


def one_percent(text: str) -> Iterator[str]:
    for match in FLOAT.finditer(text):
        value = float(match.group())
        changed = f"{value * 1.01:.{len(match.group().partition('.')[2])}f}"
        if changed != match.group() and float(changed) != value:
            yield text[: match.start()] + changed + text[match.end() :]


def one_digit(text: str) -> Iterator[str]:
    for match in FLOAT.finditer(text):
        digits = [place for place, digit in enumerate(match.group()) if digit.isdigit()]
        significant = [place for place in digits if match.group()[: place + 1].strip("0.")][:5]
        for place in significant[:1] + significant[-1:]:
            at = match.start() + place
            yield text[:at] + str((int(text[at]) + 5) % 10) + text[at + 1 :]


def one_count(text: str) -> Iterator[str]:
    for match in INTEGER.finditer(text):
        yield text[: match.start()] + str(int(match.group()) + 1) + text[match.end() :]


def other_type(text: str) -> Iterator[str]:
    for old, new in (("float64", "float32"), ("float32", "float64"), ("int64", "int32"), ("object", "category")):
        if old in text and f"<{old}" not in text:
            yield text.replace(old, new, 1)


def other_name(text: str) -> Iterator[str]:
    for old in ("temp", "lat", "time", "mean", "Array", "dtype", "ValueError", "std", "name"):
        found = re.search(rf"\b{old}\b", text)
        if found:
            yield text[: found.end() - 1] + "q" + text[found.end() :]


TEXT_FAULTS = (one_percent, one_digit, one_count, other_type, other_name)


def in_html(fault: Callable[[str], Iterator[str]]) -> Callable[[str], Iterator[str]]:
    def changed(html: str) -> Iterator[str]:
        strings = visible_strings(BeautifulSoup(html, "html.parser"))
        for place, text in enumerate(strings):
            for new in fault(text):
                soup = BeautifulSoup(html, "html.parser")
                nodes = [node for node in soup.find_all(string=True) if is_visible(node.parent)]
                nodes[place].replace_with(new)
                yield str(soup)

    return changed


def visible_strings(soup: BeautifulSoup) -> list[str]:
    return [str(node) for node in soup.find_all(string=True) if is_visible(node.parent)]


def is_visible(tag: Tag | None) -> bool:
    return tag is not None and not any(one.name in {"style", "script"} for one in (tag, *tag.parents))


def swapped_rows(html: str) -> Iterator[str]:
    for number in range(len(BeautifulSoup(html, "html.parser").find_all("tbody"))):
        soup = BeautifulSoup(html, "html.parser")
        body = soup.find_all("tbody")[number]
        rows = [row for row in body.find_all("tr", recursive=False) if isinstance(row, Tag)]
        if len(rows) > 1 and rows[0].get_text(" ", strip=True) != rows[1].get_text(" ", strip=True):
            rows[0].insert_before(rows[1].extract())
            yield str(soup)


def drawn_over(encoded: str) -> Iterator[str]:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        original = image.convert("RGB")
    width, height = original.size
    for left, top in ((3, 3), (width // 2, height // 2), (width - 12, height // 3)):
        region, vertical, level = (left + 5, top + 5), (left + 1, height - 4), (width - 4, top + 1)
        for end in (region, vertical, level):
            changed = original.copy()
            pen = ImageDraw.Draw(changed)
            before = original.getpixel((left, top))
            red, green, blue = before if isinstance(before, tuple) else (0, 0, 0)
            pen.rectangle(((left, top), end), fill=((red + 100) % 256, (green + 60) % 256, blue))
            stream = io.BytesIO()
            changed.save(stream, "PNG")
            yield base64.b64encode(stream.getvalue()).decode()


def volatile(text: str) -> bool:
    """Whether the text describes the machine, time, or tells a random name, in which a fault is none."""
    signs = (
        r"Client|Cluster|Worker|Comm:|:\d{4,5}|/tmp|memory://|0x[0-9a-f]{6}|[0-9a-f]{8}-|[0-9a-f]{32}"
        r"|CPU times|per loop|it/s|Completed"
    )
    return re.search(signs, text) is not None


def faults(part: str, value: Json) -> Iterator[tuple[str, str]]:
    """Yield the name of a fault and the value with the fault in it."""
    if not isinstance(value, str):
        return
    if part in {"image/png", "image/jpeg"}:
        yield from (("pixels", changed) for changed in drawn_over(value))
    elif part == "text/html":
        text = BeautifulSoup(value, "html.parser").get_text(" ")
        if volatile(text):
            return
        for fault in TEXT_FAULTS:
            yield from ((f"html {fault.__name__}", changed) for changed in few(in_html(fault)(value)))
        yield from (("html swapped_rows", changed) for changed in few(swapped_rows(value)))
    elif part in {"text/plain", "stdout", "text/markdown", "text/latex"} and not volatile(value):
        for fault in TEXT_FAULTS:
            yield from ((f"text {fault.__name__}", changed) for changed in few(fault(value)))


def few(changed: Iterator[str], number: int = 4) -> Iterator[str]:
    for _, one in zip(range(number), changed, strict=False):
        yield one


def faulty(cell: Cell) -> Iterator[tuple[str, list[Output], list[Output]]]:
    """Yield the name of a fault, the cell's outputs, and the same with the fault in them."""
    outputs = fold_outputs(cell.outputs)
    for place, output in enumerate(outputs):
        yield "dropped output", outputs, outputs[:place] + outputs[place + 1 :]
        if output["output_type"] == "stream":
            for name, changed in faults(str(output["name"]), output["text"]):
                yield name, outputs, [*outputs[:place], {**output, "text": changed}, *outputs[place + 1 :]]
            continue
        yield "added output", outputs, [*outputs, output]
        data = output.get("data")
        for part, value in data.items() if isinstance(data, dict) else ():
            for name, changed in faults(part, value):
                new = {**output, "data": {**data, part: changed}} if isinstance(data, dict) else output
                yield name, outputs, [*outputs[:place], new, *outputs[place + 1 :]]


def all_faults(files: dict[str, bytes], name: str) -> Iterator[tuple[str, int, list[Output], list[Output]]]:
    for cell in code_cells(notebook(files, name, "a")):
        for fault, reference, actual in faulty(cell):
            yield fault, cell.index, reference, actual


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_is_found(files: dict[str, bytes], name: str) -> None:
    kinds: dict[str, int] = {}
    missed = []
    for fault, index, reference, actual in all_faults(files, name):
        kinds[fault] = kinds.get(fault, 0) + 1
        if not compare_outputs(reference, actual, ""):
            missed.append((fault, index))
    assert missed == []
    assert {"pixels", "html one_percent", "text one_digit", "html swapped_rows", "dropped output"} <= set(kinds)
    assert sum(kinds.values()) > 200


def test_every_fault_in_a_figure_is_found_and_marked(files: dict[str, bytes]) -> None:
    drawn = {Path(name).stem: data for name, data in files.items() if name.endswith(".png")}
    pictures = {name: base64.b64encode(data).decode() for name, data in drawn.items()}
    faulty = {name: data for name, data in pictures.items() if not name.endswith("-reference")}
    assert len(faulty) == 32
    for name, data in faulty.items():
        difference = compare_images(pictures[f"{name.partition('-')[0]}-reference"], data)
        assert difference is not None, name
        assert difference.picture is not None or "pixels instead of" in difference.reason, name
