"""Every import of every notebook, tried in the environment before anything is executed."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from bindery.core import ToolFailed, run_process
from bindery.notebooks.execute import RaisedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.core import Json
    from bindery.notebooks.collect import Notebook

TRY_IMPORTS = Path(__file__).with_name("try_imports.py")
LIMIT_S = 300.0
KERNEL_IMPORT = "import ipykernel"
_PYTHON_CELLS = frozenset({"capture", "prun", "time", "timeit"})
_MAGIC = re.compile(r"^(?P<indent>\s*)(?:[%!].*|\?.*|[\w.]+\?{1,2}\s*)$")
_MAGIC_VALUE = re.compile(r"^(?P<target>\s*[\w., ]+=\s*)[%!].*$")
_NOT_RUN_TAGS = frozenset({"raises-exception", "skip-execution"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedImport:
    """An import statement that does not work, and the index of the cell where it stands first."""

    statement: str
    cell: int
    error: RaisedError


@dataclass(frozen=True, kw_only=True, slots=True)
class TriedImports:
    """What came of all imports: by notebook those that failed; and what Python and packages there are."""

    failed: dict[str, tuple[FailedImport, ...]]
    kernel_error: RaisedError | None
    python: str
    versions: dict[str, str]
    statements: int


class _Line(TypedDict, total=False):
    begin: int
    end: int
    error: str | None
    value: str | None
    traceback: str | None
    python: str
    versions: dict[str, str]


def find_imports(cells: Sequence[dict[str, Json]]) -> dict[str, int]:
    """Return the import statements that the code cells will execute, each with the index of its first cell.

    Imports that the notebook is ready to miss (inside ``try``), imports for type checkers, and cells that are tagged
    ``skip-execution`` or ``raises-exception`` are left out; so are cells that are no Python.
    """
    found: dict[str, int] = {}
    for index, cell in enumerate(cells):
        tags = cast("dict[str, Json]", cell["metadata"]).get("tags") or []
        if cell["cell_type"] != "code" or _NOT_RUN_TAGS & set(cast("list[str]", tags)):
            continue
        source = cell["source"]
        text = "".join(cast("list[str]", source)) if isinstance(source, list) else str(source)
        try:
            tree = ast.parse(strip_magics(text))
        except (SyntaxError, ValueError):
            continue  # executing it will tell
        for node in _walk(tree):
            for statement in _statements(node):
                found.setdefault(statement, index)
    return found


def strip_magics(source: str) -> str:
    """Return the cell's Python: IPython's magics and shell lines are replaced by nothing that matters."""
    lines = source.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if first[2:].split(maxsplit=1)[0] not in _PYTHON_CELLS:
            return ""
        lines = lines[lines.index(first) + 1 :]
    return "\n".join(_strip_line(line) for line in lines)


def try_imports(python: Path, environ: Mapping[str, str], cwd: Path, notebooks: Sequence[Notebook]) -> TriedImports:
    """Return which imports of the notebooks do not work in the environment.

    ``cwd`` holds what notebooks import from their own folder. One process tries all statements; if one of them takes
    it down, another tries the rest.

    Raises:
        ToolFailed: the environment's Python does not run, or takes too long.

    """
    wanted = {notebook.name: find_imports(notebook.cells) for notebook in notebooks}
    statements = list(dict.fromkeys([KERNEL_IMPORT, *(text for found in wanted.values() for text in found)]))
    errors: dict[str, RaisedError] = {}
    python_version, versions = "", dict[str, str]()
    rest = statements
    while not python_version:
        lines, status = _run(python, environ, cwd, rest)
        for line in lines:
            if line.get("error") is not None:
                error = RaisedError(name=str(line["error"]), value=str(line["value"]), traceback=str(line["traceback"]))
                errors[rest[line["end"]]] = error
            if "python" in line:
                python_version, versions = line["python"], line["versions"]
        if not python_version:
            begun = next((line["begin"] for line in reversed(lines) if "begin" in line), None)
            if begun is None:
                raise ToolFailed(f"cannot try imports: it ended with status {status}", str(python))
            words = f"the interpreter ended with status {status}"
            errors[rest[begun]] = RaisedError(name="ImportError", value=words, traceback=words)
            rest = rest[begun + 1 :]
    failed = {
        name: tuple(
            FailedImport(statement=text, cell=cell, error=errors[text])
            for text, cell in found.items()
            if text in errors
        )
        for name, found in wanted.items()
    }
    return TriedImports(
        failed=failed,
        kernel_error=errors.get(KERNEL_IMPORT),
        python=python_version,
        versions=versions,
        statements=len(statements),
    )


def _run(python: Path, environ: Mapping[str, str], cwd: Path, statements: Sequence[str]) -> tuple[list[_Line], int]:
    words: list[str | Path] = [python, "-P", "-s", TRY_IMPORTS]
    stdin = json.dumps(statements).encode()
    finished = run_process(words, env=environ, cwd=cwd, timeout_s=LIMIT_S, stdin=stdin, check=False)
    return [cast("_Line", json.loads(line)) for line in finished.stdout.splitlines()], finished.status


def _strip_line(line: str) -> str:
    value = _MAGIC_VALUE.match(line)
    if value:
        return f"{value['target']}None"
    magic = _MAGIC.match(line)
    return f"{magic['indent']}pass" if magic else line


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try) or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            continue
        yield child
        yield from _walk(child)


def _statements(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            # One module a statement: another notebook that imports fewer of them shares the answer.
            yield from (ast.unparse(ast.Import(names=[ast.alias(name=alias.name)])) for alias in names)
        case ast.ImportFrom(module=module, level=0) if module != "__future__":
            yield ast.unparse(node)
