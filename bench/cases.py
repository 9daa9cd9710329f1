"""What is measured, each beside the tool that people would use instead, on the same machine in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import remove_tree
from frame import ROOT, Case, Measured, program

if TYPE_CHECKING:
    from frame import Place

ENVIRONMENT = "pangeo"
LOCK = ROOT / "environments" / ENVIRONMENT / "conda-lock.yml"


def notebooks(place: Place) -> Measured:
    """Run all notebooks: once with Bindery, once with papermill and then nbval, in the same environment."""
    install(place)
    ours_s = place.time(program("bindery"), "test", "--quiet")
    return Measured(ours_s=ours_s, theirs_s=run_peers(place))


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


def install(place: Place) -> Path:
    """Return the environment's prefix, installed if it was not there."""
    return Path(place.output(program("bindery"), "install", ENVIRONMENT, "--quiet"))


def install_from_store(place: Place) -> Measured:
    """Make the prefix again from packages that are in the store; uv does so from its cache, bytecode on both sides."""
    remove_tree(install(place))
    ours_s = place.time(program("bindery"), "install", ENVIRONMENT, "--quiet")
    python = (install(place) / "bin" / "python").resolve()
    minor = place.output(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    pins = ROOT / "environments" / ENVIRONMENT / f"wheels-{minor}.txt"
    theirs_s = 0.0
    for _ in range(2):  # the first fills uv's cache
        venv = place.folder / "venv"
        remove_tree(venv)
        place.time(program("uv"), "venv", "--quiet", "--python", python, venv)
        words: list[str | Path] = ["pip", "install", "--quiet", "--compile-bytecode", "--requirements", pins]
        theirs_s = place.time(program("uv"), *words, "--python", venv / "bin" / "python")
    return Measured(ours_s=ours_s, theirs_s=theirs_s)


def check_lock(place: Place) -> Measured:
    """Say whether the committed lock is up to date; conda-lock renders it, which reads it just the same."""
    ours_s = place.quick(program("bindery"), "check", ENVIRONMENT)
    words: list[str | Path] = [program("conda-lock"), "render", "--kind", "explicit", "--platform", "linux-64"]
    theirs_s = place.time(*words, "--filename-template", place.folder / "{platform}.txt", LOCK)
    return Measured(ours_s=ours_s, theirs_s=theirs_s)


CASES = (
    Case(name="notebooks", beside="papermill, then nbval", ratio=1 / 2, measure=notebooks),
    Case(name="install-from-store", beside="uv, cache warm", ratio=1.5, measure=install_from_store),
    Case(name="check-lock", beside="conda-lock render", ratio=1 / 12, measure=check_lock),
)
