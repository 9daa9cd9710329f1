from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bindery.core import Json, ToolFailed
from bindery.notebooks import Notebook
from bindery.notebooks.imports import find_imports, strip_magics, try_imports


def code(source: str | list[str], *tags: str) -> dict[str, Json]:
    lines: Json = list(source) if isinstance(source, list) else source
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": lines, "outputs": []}


def make(name: str, *sources: str) -> Notebook:
    document: dict[str, Json] = {"cells": [code(source) for source in sources], "metadata": {}, "nbformat": 4}
    return Notebook(name=name, path=Path(f"{name}.ipynb"), document=document)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np, pandas", ["import numpy", "import pandas"]),
        ("from dask.distributed import Client, progress", ["from dask.distributed import Client, progress"]),
        ("def f():\n    import zarr\n", ["import zarr"]),
        ("if True:\n    import zarr", ["import zarr"]),
        ("from __future__ import annotations", []),
        ("from . import sibling", []),
        ("try:\n    import cupy\nexcept ImportError:\n    cupy = None", []),
        ("if TYPE_CHECKING:\n    import zarr", []),
        ("if typing.TYPE_CHECKING:\n    import zarr", []),
        ("%matplotlib inline\nimport xarray", ["import xarray"]),
        ("!pip list\nimport xarray", ["import xarray"]),
        ("files = !ls\nimport xarray", ["import xarray"]),
        ("x = %timeit -o 1\nimport xarray", ["import xarray"]),
        ("xarray.open_zarr?\nimport xarray", ["import xarray"]),
        ("?xarray\nimport xarray", ["import xarray"]),
        ("for i in range(2):\n    !echo {i}\nimport xarray", ["import xarray"]),
        ("%%time\nimport xarray", ["import xarray"]),
        ("\n%%capture out\nimport xarray", ["import xarray"]),
        ("%%bash\nimport -window root x.png", []),
        ("%%html\n<p>import this</p>", []),
        ("this is not python", []),
        (["import xar", "ray"], ["import xarray"]),
        ("print('100 % sure')\nx = 7 % 3\nimport xarray", ["import xarray"]),
    ],
)
def test_imports_are_found_between_magics(source: str | list[str], expected: list[str]) -> None:
    assert list(find_imports([code(source)])) == expected


@pytest.mark.parametrize("tag", ["skip-execution", "raises-exception"])
def test_cells_that_need_not_work_are_left_out(tag: str) -> None:
    assert find_imports([code("import no_such_module", tag)]) == {}


def test_an_import_is_named_with_its_first_cell() -> None:
    markdown: dict[str, Json] = {"cell_type": "markdown", "metadata": {}, "source": "import this"}
    assert find_imports([markdown, code("import os"), code("import os\nimport sys")]) == {
        "import os": 1,
        "import sys": 2,
    }


def test_magics_leave_the_rest_as_it_is() -> None:
    assert strip_magics("if x:\n    %time y\nz = 1") == "if x:\n    pass\nz = 1"


def test_failing_imports_are_told_apart_by_notebook(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gen.py").write_text("seed = 1\nprint('noise on stdout')\n")
    (tmp_path / "exits.py").write_text("raise SystemExit('no licence')\n")
    notebooks = [
        make("good", "import json", "from data import gen"),
        make("bad", "import json", "import exits, missing"),
    ]
    tried = try_imports(Path(sys.executable), os.environ, tmp_path, notebooks)
    assert tried.failed["good"] == ()
    assert [(one.statement, one.cell, one.error.name, one.error.value) for one in tried.failed["bad"]] == [
        ("import exits", 1, "SystemExit", "no licence"),
        ("import missing", 1, "ModuleNotFoundError", "No module named 'missing'"),
    ]
    assert "exits.py" in tried.failed["bad"][0].error.traceback
    assert tried.python == ".".join(map(str, sys.version_info[:3]))
    assert tried.versions["numpy"]
    assert tried.kernel_error is None
    assert tried.statements == 5


def test_an_import_that_kills_the_interpreter_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
    tried = try_imports(Path(sys.executable), os.environ, tmp_path, [make("n", "import deadly", "import gone, json")])
    assert [(one.statement, one.error.value) for one in tried.failed["n"]] == [
        ("import deadly", "the interpreter ended with status -11"),
        ("import gone", "No module named 'gone'"),
    ]


def test_a_missing_kernel_is_found_before_anything_runs(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$3"\n')
    python.chmod(0o755)
    tried = try_imports(python, {"PATH": "/bin"}, tmp_path, [make("n", "import json")])
    assert tried.kernel_error is not None
    assert tried.kernel_error.value == "No module named 'ipykernel'"
    assert tried.failed == {"n": ()}


def test_an_interpreter_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 7\n")
    python.chmod(0o755)
    with pytest.raises(ToolFailed) as caught:
        try_imports(python, {}, tmp_path, [])
    assert str(caught.value) == f"{python}: cannot try imports: it ended with status 7"
