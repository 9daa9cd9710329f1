"""The outputs of a cell as a person sees them in the end, and which output of one run is which of another.

The kernel cuts streams into pieces by the clock, draws progress bars over themselves and sends a display again when it
is updated. None of that is a result, so it is folded before anything is compared.
"""

from __future__ import annotations

import io
import tokenize
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING

from bindery.notebooks.compare.cells import join_lines
from bindery.notebooks.compare.masks import mask
from bindery.notebooks.compare.numbers import NUMBER
from bindery.notebooks.compare.parts import PICTURES
from bindery.notebooks.compare.progress_bars import fold_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindery.core import Json
    from bindery.notebooks.compare.cells import Output

OutputPair = tuple["Output | None", "Output | None"]


def fold_outputs(outputs: Sequence[Output]) -> list[Output]:
    """Return what is left on the page: one output per stream, displays with their last update."""
    folded: list[Output] = []
    streams: dict[str, Output] = {}
    for output in outputs:
        match output.get("output_type"):
            case "stream":
                name = str(output.get("name", "stdout"))
                if name not in streams:
                    streams[name] = {"output_type": "stream", "name": name, "text": ""}
                    folded.append(streams[name])
                streams[name]["text"] = str(streams[name]["text"]) + join_lines(output.get("text"))
            case "update_display_data":
                _update(folded, output)
            case _:
                folded.append(output)
    for stream in streams.values():
        stream["text"] = fold_terminal(str(stream["text"]))
    return [output for output in folded if output.get("output_type") != "stream" or output["text"]]


def _update(folded: list[Output], update: Output) -> None:
    name = _display_id(update)
    matched = [place for place, output in enumerate(folded) if name is not None and _display_id(output) == name]
    for place in matched:
        folded[place] = {**folded[place], "data": update.get("data"), "metadata": update.get("metadata")}
    if not matched:  # of a display of another cell: it must not vanish
        folded.append({**update, "output_type": "display_data"})


def _display_id(output: Output) -> str | None:
    transient = output.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) else None


def is_quiet(source: str) -> bool:
    """Whether the source ends with ``;``, by which IPython is told to show no result."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):  # magics, shell lines
        return source.rstrip().endswith(";")
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    last = next((token for token in reversed(tokens) if token.type not in nothing), None)
    return last is not None and last.string == ";"


def drop_quiet_results(source: str, reference: list[Output], actual: list[Output]) -> tuple[list[Output], list[Output]]:
    """Return the outputs without a result that only one side shows although ``;`` ends the source.

    IPython finds the ``;`` in its history, so a program that executes without history (nbval) shows the result.
    """
    if not is_quiet(source) or _has_result(reference) == _has_result(actual):
        return reference, actual
    return _without_result(reference), _without_result(actual)


def _has_result(outputs: list[Output]) -> bool:
    return any(output.get("output_type") == "execute_result" for output in outputs)


def _without_result(outputs: list[Output]) -> list[Output]:
    return [output for output in outputs if output.get("output_type") != "execute_result"]


def parts_of(output: Output) -> dict[str, Json]:
    """Return what can be compared of a folded output, by MIME type, ``stdout``, ``stderr`` or ``error``."""
    match output.get("output_type"):
        case "stream":
            return {str(output.get("name")): join_lines(output.get("text"))}
        case "error":
            # The traceback shows paths and lines of packages, which move with every release of theirs.
            return {"error": f"{output.get('ename')}: {output.get('evalue')}"}
        case _:
            data = output.get("data")
            if not isinstance(data, dict):
                return {}
            return {part: join_lines(value) if _is_lines(part, value) else value for part, value in data.items()}


def _is_lines(part: str, value: Json) -> bool:
    return isinstance(value, list) and not part.endswith("json")


def pair_outputs(reference: list[Output], actual: list[Output]) -> list[OutputPair]:
    """Return which output is which; None where one side has no counterpart.

    Streams and errors are matched by their name, displays and results by their order: how a stream and a display
    follow each other is decided by the clock. If there are more displays on one side, those of the same kinds and
    nearly the same text are matched first, so that the one that is missing is named.
    """
    pairs: list[OutputPair] = []
    for name in ("stdout", "stderr", "error"):
        pairs += zip_longest(_of_kind(reference, name), _of_kind(actual, name))
    first, second = _of_kind(reference, "display"), _of_kind(actual, "display")
    if len(first) == len(second):
        return [*pairs, *zip(first, second, strict=True)]
    matcher = SequenceMatcher(None, [_likeness(x) for x in first], [_likeness(x) for x in second], autojunk=False)
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        pairs += zip_longest(first[start:end], second[other_start:other_end])
    return pairs


def _of_kind(outputs: list[Output], kind: str) -> list[Output]:
    return [output for output in outputs if _kind(output) == kind]


def _kind(output: Output) -> str:
    match output.get("output_type"):
        case "stream":
            return "stderr" if output.get("name") == "stderr" else "stdout"
        case "error":
            return "error"
        case _:
            return "display"


def _likeness(output: Output) -> str:
    parts = parts_of(output)
    text = parts.get("text/plain")
    pictures = [str(parts[part])[-200:] for part in sorted(PICTURES & parts.keys())]
    plain = NUMBER.sub("#", mask(text)) if isinstance(text, str) else ""
    return "\n".join([*sorted(parts), plain, *pictures])
