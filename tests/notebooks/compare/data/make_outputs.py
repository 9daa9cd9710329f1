"""Make ``outputs.tar.xz``: real outputs, each made three times in different circumstances.

    python make_outputs.py <python of an environment> <name> <run> <workers> <folder>

executes the cells of ``<name>.cells`` with that environment's kernel and writes ``<folder>/<name>-<run>.ipynb``. Run
``a`` and ``b`` were made with Python 3.12 and two workers or one, ``c`` with Python 3.11 and three workers; hash seeds
and ``OMP_NUM_THREADS`` differ too. ``tuned`` is what the rules were written with. ``heldback`` was looked at only after
that, and gave three rules more; ``fresh`` was written and looked at after those, and gave none.

The interpreter that runs this file needs nbclient; ``WORKERS`` in a cell is the number of workers.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook


def write_kernel(python: str, folder: Path) -> None:
    """Make the interpreter the kernel that Jupyter finds as ``python3``."""
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True, exist_ok=True)
    (kernel / "kernel.json").write_text(
        f'{{"argv": ["{python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"], '
        '"display_name": "Python 3", "language": "python"}'
    )
    os.environ["JUPYTER_PATH"] = str(folder)
    os.environ["PYTHONNOUSERSITE"] = "1"


def main() -> None:
    """Execute the cells and write them with their outputs."""
    python, name, run, workers, folder = sys.argv[1:]
    write_kernel(python, Path(folder) / f"kernels-{name}-{run}")
    sources = (Path(__file__).parent / f"{name}.cells").read_text().rstrip("\n").split("\n# %%\n")
    cells = [
        new_code_cell(source.replace("WORKERS", workers), id=f"{name}-{number:02}")
        for number, source in enumerate(sources)
    ]
    for cell in cells:
        if cell.source.startswith("raise "):
            cell.metadata["tags"] = ["raises-exception"]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=folder)
    for cell, source in zip(cells, sources, strict=True):
        cell.source = source  # the number of workers is a circumstance, not a part of the notebook
        cell.metadata.pop("execution", None)
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, Path(folder) / f"{name}-{run}.ipynb")


if __name__ == "__main__":
    main()
