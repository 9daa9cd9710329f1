"""Images, beside the same repository through a Docker engine; what a push sends; what it all takes of memory.

The engine and the registry are those of the tests (``make testbed``); only root can start the engine. The image is that
of ``environments/base`` in wheels. Bindery packs layers as it does by default, with zstd; through Docker with gzip,
which every engine reads. Both install the lock with the same code: what is compared is the way into an image.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import NoProgress, Store, ToolFailed, parse_digest, remove_tree
from bindery.environments.wheels import Pin
from bindery.environments.wheels.download import fetch_wheels
from bindery.environments.wheels.uv import locate_wheels
from bindery.images.layer_plan import plan_layers
from frame import ROOT, Case, Measured, program
from memory import peak_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testbed.engine import Engine
    from tests.testbed.registry import Registry

    from frame import Place

MEGABYTE = 1_000_000
NAME = "bindery-bench/image:1"
FILES = ROOT / "tests" / "images" / "containers" / "repository"
CHANGED = "fsspec"
# Neighbours of the version that is pinned: each side installs another one, so that neither finds what the other made.
OTHERS = (
    Pin(
        name=CHANGED,
        version="2025.5.1",
        digest=parse_digest("sha256:24d3a2e663d5fc735ab256263c4075f374a174c3410c0b25e5bd1970bceaa462"),
    ),
    Pin(
        name=CHANGED,
        version="2025.5.0",
        digest=parse_digest("sha256:0ca253eca6b5333d8a2b8bd98c7326fe821f1f0fdbd34e1b445bddde8e804c95"),
    ),
)
FETCHED = ("channels", "interpreters", "wheel-locks", "wheel-packages", "wheels")
"""What a store has of an environment that was fetched, and of which no image was ever made."""
RUNS = 3


def again(place: Place) -> Measured:
    """Build once more; nothing has changed."""
    folder, environ = warm(place)
    return Measured(
        ours=statistics.median(build(place, folder) for _ in range(RUNS)),
        theirs=statistics.median(build(place, folder, environ) for _ in range(RUNS)),
    )


def notebook_changed(place: Place) -> Measured:
    """Change a notebook and build, each time another change."""
    folder, environ = warm(place)
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(RUNS):
        for side, found in zip((None, environ), took, strict=True):
            change_notebook(folder, f"{number} {'docker' if side else 'oci'}")
            found.append(build(place, folder, side))
    return Measured(ours=statistics.median(took[0]), theirs=statistics.median(took[1]))


def package_changed(place: Place) -> Measured:
    """Change one pin and build; the new wheel was fetched."""
    folder, environ = warm(place)
    with copied_store(place) as there:
        change_pin(folder, OTHERS[0])
        ours_s = build(there, folder)
        change_pin(folder, OTHERS[1])
        return Measured(ours=ours_s, theirs=build(there, folder, environ))


def push(place: Place) -> Measured:
    """Push, change one pin, build and push again: what the registry has got, not what we say we sent."""
    folder = prepare(place)
    build(place, folder)
    title = plan_layers([(CHANGED, 0)])[0].title
    with copied_store(place) as there, registry(place.folder) as running:
        target = f"docker://{running.host}/image:1"
        there.time(program("bindery"), "push", NAME, target, "--quiet")
        before = kept_bytes(running)
        change_pin(folder, OTHERS[0])
        made = json.loads(there.output(*words_of(folder), "--json"))
        there.time(program("bindery"), "push", NAME, target, "--quiet")
        sent = kept_bytes(running) - before
    layer = next(one["size_bytes"] for one in made["layers"] if one["title"] == title)
    return Measured(ours=sent / MEGABYTE, theirs=(layer + made["size_bytes"] / 100) / MEGABYTE)


def from_nothing(place: Place) -> Measured:
    """Make the image in a store that has packages and nothing else, for an engine that has no image."""
    running, folder = engine(), prepare(place)
    running.run("system", "prune", "--all", "--force")
    took = []
    for environ in (None, docker_environ(running)):
        with copied_store(place, *FETCHED) as there:
            took.append(build(there, folder, environ, "--base", f"oci:{kept_base(place)}"))
    return Measured(ours=took[0], theirs=took[1])


def memory_of_build(place: Place) -> Measured:
    """Make the image once more, and look at its memory."""
    folder = prepare(place)
    with copied_store(place, *FETCHED) as there:
        words = words_of(folder, "--base", f"oci:{kept_base(place)}")
        return Measured(ours=peak_bytes(words, env=there.environ, cwd=ROOT) / MEGABYTE, theirs=500)


def verify(place: Place) -> Measured:
    """Compare the image with its lock, file by file; sha256sum reads the same files from the disk, not from layers."""
    folder = prepare(place)
    build(place, folder)
    ours_s = place.time(*verify_words(folder))
    linked = max((place.store / "linked").glob("[!.]*"), key=lambda path: path.lstat().st_mtime_ns)
    return Measured(
        ours=ours_s, theirs=place.time("find", linked, "-type", "f", "-exec", "sha256sum", "--binary", "{}", "+")
    )


def memory_of_verify(place: Place) -> Measured:
    """Compare it once more, and look at the memory."""
    folder = prepare(place)
    build(place, folder)
    return Measured(ours=peak_bytes(verify_words(folder), env=place.environ, cwd=ROOT) / MEGABYTE, theirs=300)


def prepare(place: Place) -> Path:
    """Return a repository that asks for ``environments/base``, with the base and every wheel in the store."""
    folder = place.folder / "repository"
    shutil.copytree(FILES, folder)
    pins = sorted((ROOT / "environments" / "base").glob("wheels-*.txt"))
    for path in (ROOT / "environments" / "base" / "environment.yml", *pins):
        shutil.copy(path, folder / "binder")
    store = Store(place.store)
    missing = [pin for pin in OTHERS if not store.path("wheels", pin.digest.hex).exists()]
    for pin in missing:  # one by one: they are versions of one package
        minor = pins[0].stem.removeprefix("wheels-")
        wheels = locate_wheels([pin], minor, where=__file__, environ=os.environ, folder=folder)
        fetch_wheels(wheels, store, NoProgress())
    base = kept_base(place)
    if base.exists():
        build(place, folder, None, "--base", f"oci:{base}")
    else:
        build(place, folder, None, "--base", "debian:bookworm", "--keep-base", str(base))
    return folder


def warm(place: Place) -> tuple[Path, dict[str, str]]:
    """Return the repository, built by both sides before, and what leads docker's clients to the engine."""
    running = engine()
    folder, environ = prepare(place), docker_environ(running)
    build(place, folder, environ)
    return folder, environ


def kept_base(place: Place) -> Path:
    """Return where the base is kept: every run of every case takes the same."""
    return place.store.with_name(f"{place.store.name}-base")


def words_of(folder: Path, *more: str) -> list[str | Path]:
    """Return what builds the repository."""
    words = ["build", str(folder), "--tag", NAME, "--packages", "wheels", "--repo-dir", "/srv/repo", "--quiet"]
    return [program("bindery"), *words, *more]


def verify_words(folder: Path) -> list[str | Path]:
    """Return what verifies its image."""
    words = ["verify", NAME, "--of", str(folder), "--packages", "wheels", "--repo-dir", "/srv/repo", "--quiet"]
    return [program("bindery"), *words]


def build(place: Place, folder: Path, environ: dict[str, str] | None = None, *more: str) -> float:
    """Return the seconds that a build takes; with ``environ`` through that Docker engine."""
    engine_words = ["--engine", "docker"] if environ else []
    return place.time(*words_of(folder, *engine_words, *more), env=environ)


def change_notebook(folder: Path, text: str) -> None:
    """Give the notebook another cell."""
    path = folder / "answer.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = {"cell_type": "markdown", "id": "changed", "metadata": {}, "source": [text]}
    notebook["cells"] = [one for one in notebook["cells"] if one["id"] != "changed"] + [cell]
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def change_pin(folder: Path, pin: Pin) -> None:
    """Ask for another version of one package."""
    for path in (folder / "binder").glob("wheels-*.txt"):
        lines = [
            f"{pin} --hash={pin.digest}\n" if line.startswith(f"{pin.name}==") else line
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        ]
        path.write_text("".join(lines), encoding="utf-8")


@contextmanager
def copied_store(place: Place, *kinds: str) -> Iterator[Place]:
    """Yield the place with a store of its own that has these kinds of entries, or all; files are shared, not copied."""
    made = Path(tempfile.mkdtemp(prefix=f"{place.store.name}-", dir=place.store.parent))
    try:
        for kind in kinds or sorted(path.name for path in place.store.iterdir()):
            shutil.copytree(place.store / kind, made / kind, symlinks=True, copy_function=os.link)
        yield replace(place, store=made)
    finally:
        remove_tree(made)


@cache
def engine() -> Engine:
    """Return a Docker engine that runs until all is measured.

    Raises:
        ToolFailed: nobody but root can start one, its programs are missing, or it does not start.

    """
    if os.geteuid() != 0:
        raise ToolFailed("can be started by root alone", "a Docker engine", "run it as root, or leave the case out")
    need("dockerd", "docker", "ip")
    sys.path.append(str(ROOT))
    from tests.testbed.engine import run_engine  # noqa: PLC0415 - found just now

    opened = ExitStack()
    atexit.register(opened.close)
    try:
        return opened.enter_context(run_engine())
    except (AssertionError, RuntimeError) as error:  # what the test bed says
        raise ToolFailed(f"does not start: {error}", "a Docker engine", "make testbed") from error


def docker_environ(running: Engine) -> dict[str, str]:
    """Return what leads docker's clients to the engine."""
    return {name: running.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Yield a registry that has nothing.

    Raises:
        ToolFailed: its program is missing.

    """
    need("docker-registry")
    sys.path.append(str(ROOT))
    from tests.testbed.registry import run_registry  # noqa: PLC0415 - found just now

    with run_registry(folder / "registry") as running:
        yield running


def need(*names: str) -> None:
    """Return if these programs are there.

    Raises:
        ToolFailed: one is not.

    """
    for name in names:
        if shutil.which(name) is None:
            raise ToolFailed("is missing", name, "make testbed")


def kept_bytes(running: Registry) -> int:
    """Return how many bytes of blobs and manifests the registry keeps."""
    blobs = running.folder / "data" / "docker" / "registry" / "v2" / "blobs"
    return sum(path.stat().st_size for path in blobs.rglob("data"))


DOCKER = "--engine docker, warm"
CASES = (
    Case(name="image", beside="--engine docker, from nothing", ratio=1, measure=from_nothing),
    Case(name="image-memory", beside="the most it may take", ratio=1, measure=memory_of_build, unit="MB"),
    Case(name="image-again", beside=DOCKER, ratio=1 / 2, measure=again),
    Case(name="image-notebook-changed", beside=DOCKER, ratio=1 / 2, measure=notebook_changed),
    Case(name="image-package-changed", beside=DOCKER, ratio=1 / 2, measure=package_changed),
    Case(name="push", beside="the package's layer + 1 % of the image", ratio=1, measure=push, unit="MB"),
    Case(name="verify-image", beside="sha256sum of the environment's files", ratio=None, measure=verify),
    Case(name="verify-memory", beside="the most it may take", ratio=1, measure=memory_of_verify, unit="MB"),
)
