"""What is measured, each beside the tool that people would use instead, on the same machine in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import images
import locks
import sif
from bindery.core import remove_tree
from frame import ROOT, Case, Measured, program

if TYPE_CHECKING:
    from frame import Place

ENVIRONMENT = "pangeo"


def notebooks(place: Place) -> Measured:
    """Run all notebooks: once with Bindery, once with papermill and then nbval, in the same environment."""
    install(place)
    ours_s = place.time(program("bindery"), "test", "--quiet")
    return Measured(ours=ours_s, theirs=run_peers(place))


def run_peers(place: Place) -> float:
    """Return the seconds that papermill and then nbval take for all notebooks, one after the other."""
    python = install(place) / "bin" / "python"
    kernel = place.folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True, exist_ok=True)
    spec = {"argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps({**spec, "display_name": ENVIRONMENT}), encoding="utf-8")
    env = {
        "JUPYTER_PATH": str(place.folder / "jupyter"),
        "PYTHONPATH": str(ROOT / "notebooks"),
        "PYTHONWARNINGS": "ignore",
    }
    took_s = 0.0
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        executed = place.folder / path.name
        took_s += place.time(program("papermill"), path, executed, "--cwd", place.folder, env=env)
        words: list[str | Path] = [
            program("python"),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            "--nbval",
        ]
        # Its verdict is not asked for: it takes a changed time or address for a difference.
        took_s += place.time(*words, "--rootdir", place.folder, executed, env=env, check=False)
    return took_s


def run_again(place: Place) -> Measured:
    """Run all notebooks, cold, with everything installed: the second `make run`; the promise is a minute."""
    install(place)
    return Measured(ours=place.time(program("bindery"), "test", "--quiet"), theirs=60.0)


def install(place: Place) -> Path:
    """Return the environment's prefix, installed if it was not there."""
    return Path(place.output(program("bindery"), "install", ENVIRONMENT, "--quiet"))


def install_from_store(place: Place) -> Measured:
    """Make the prefix again from packages that are in the store; uv does so from its cache, bytecode on both sides."""
    remove_tree(install(place))
    ours_s = place.time(program("bindery"), "install", ENVIRONMENT, "--quiet")
    python = (install(place) / "bin" / "python").resolve()
    minor = place.output(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    pins = [ROOT / "environments" / name / f"wheels-{minor}.txt" for name in ("base", ENVIRONMENT)]
    theirs_s = 0.0
    for _ in range(2):  # the first fills uv's cache
        venv = place.folder / "venv"
        remove_tree(venv)
        place.time(program("uv"), "venv", "--quiet", "--python", python, venv)
        words: list[str | Path] = ["pip", "install", "--quiet", "--compile-bytecode"]
        words += [word for path in pins for word in ("--requirements", path)]
        theirs_s = place.time(program("uv"), *words, "--python", venv / "bin" / "python")
    return Measured(ours=ours_s, theirs=theirs_s)


def install_again(place: Place) -> Measured:
    """Ask for what is installed already; the promise is less than a second."""
    install(place)
    return Measured(ours=place.quick(program("bindery"), "install", ENVIRONMENT, "--quiet"), theirs=1.0)


CASES = (
    Case(name="notebooks", beside="papermill, then nbval", ratio=1 / 2, measure=notebooks),
    Case(name="install-from-store", beside="uv, cache warm", ratio=1.5, measure=install_from_store),
    Case(name="install-again", beside="one second", ratio=1, measure=install_again),
    Case(name="run-again", beside="one minute", ratio=1, measure=run_again),
    *locks.CASES,
    *images.CASES,
    *sif.CASES,
)
