"""What is remembered of a build, so that a second one asks for less: it must not show in any image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.images.build.runs import INTERPRETER, Run

from bindery.core import BadInput, NoProgress, Store
from bindery.environments import Environment
from bindery.images import BuildRequest, MakingOptions, Place, User, build_image
from bindery.images.buildpack import BuildValues, handed, read_config_files
from bindery.images.buildpack.handed import known_values, remember_values
from bindery.images.buildpack.sources import EnvironmentSource, FolderSource, GitSource
from bindery.images.environment_layers import LIST_KIND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.images.build.conftest import First, MakeRepository

    from bindery.images import Image


@pytest.fixture
def folder(make_repository: MakeRepository) -> Path:
    return make_repository({"binder/wheels-3.11.txt": "", "course/binder/wheels-3.11.txt": "", "one.ipynb": "{}"})


@pytest.fixture
def request_(folder: Path) -> BuildRequest:
    return BuildRequest(source=FolderSource(folder=folder), name="one:1", platform="linux-64")


@pytest.fixture
def values(folder: Path) -> BuildValues:
    files = read_config_files(folder)
    labels = {"repo2docker.repo": "local", "repo2docker.ref": "None", "repo2docker.version": "1"}
    return BuildValues(
        environment=files.environment(), files=files, place=Place(), platform="linux-64", labels=labels, appendix=""
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_was_handed_over_is_known(request_: BuildRequest, values: BuildValues, folder: Path, store: Store) -> None:
    assert known_values(request_, folder, store) is None
    remember_values(request_, values, store)
    assert known_values(request_, folder, store) == values


def test_files_are_read_anew(request_: BuildRequest, values: BuildValues, folder: Path, store: Store) -> None:
    remember_values(request_, values, store)
    (folder / "binder" / "start").write_text("")
    (folder / "binder" / "postBuild").write_text("")
    (folder / "binder" / "apt.txt").write_text("less\n")
    (folder / "binder" / "environment.yml").write_text("name: ocean\n")
    (folder / ".dockerignore").write_text("*.nc\n")
    known = known_values(request_, folder, store)
    assert known is not None
    assert known.files == read_config_files(folder)
    assert known.environment.name == "ocean"


REQUESTS: dict[str, Callable[[BuildRequest], BuildRequest]] = {
    "the user's name": lambda one: replace(one, place=Place(user=User(name="me"))),
    "the user's number": lambda one: replace(one, place=Place(user=User(uid=1001))),
    "the repository's place": lambda one: replace(one, place=Place(repository="/srv/repo")),
    "the folder of the repository": lambda one: replace(one, subdir="course"),
    "the platform": lambda one: replace(one, platform="linux-aarch64"),
    "an environment": lambda one: replace(one, source=EnvironmentSource(environment=environment_of(one))),
    "a URL": lambda one: replace(one, source=GitSource(url="https://example.org/ocean")),
}


def environment_of(request: BuildRequest) -> Environment:
    assert isinstance(request.source, FolderSource)
    return Environment(name="ocean", folder=request.source.folder)


@pytest.mark.parametrize("what", REQUESTS)
def test_another_request_is_asked_for(
    what: str, request_: BuildRequest, values: BuildValues, folder: Path, store: Store
) -> None:
    remember_values(request_, values, store)
    assert known_values(REQUESTS[what](request_), folder, store) is None


@pytest.mark.parametrize(
    ("name", "value"), [("version", lambda _: "2026.5.0"), ("__version__", "99.1"), ("FORMAT", -1)]
)
def test_another_version_is_asked_anew(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    value: object,
    request_: BuildRequest,
    values: BuildValues,
    folder: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember_values(request_, values, store)
    monkeypatch.setattr(handed, name, value)
    assert known_values(request_, folder, store) is None


@pytest.mark.parametrize("name", ["Dockerfile", "wheels-3.11.txt"])
def test_what_is_not_for_our_buildpack_is_left_to_repo2docker(
    name: str, request_: BuildRequest, values: BuildValues, folder: Path, store: Store
) -> None:
    remember_values(request_, values, store)
    path = folder / "binder" / name
    if path.exists():
        path.unlink()
    else:
        path.write_text("FROM scratch\n")
    assert known_values(request_, folder, store) is None


def test_two_folders_of_files_are_refused_as_ever(
    request_: BuildRequest, values: BuildValues, folder: Path, store: Store
) -> None:
    remember_values(request_, values, store)
    (folder / ".binder").mkdir()
    with pytest.raises(BadInput) as caught:
        known_values(request_, folder, store)
    assert str(caught.value) == f"{folder}: there are both binder/ and .binder/, and only one of them can be right"


def test_nothing_is_remembered_of_what_git_fetches(
    request_: BuildRequest, values: BuildValues, folder: Path, store: Store
) -> None:
    fetched = replace(request_, source=GitSource(url="https://example.org/ocean"))
    remember_values(fetched, values, store)
    assert known_values(fetched, folder, store) is None
    assert not store.root.exists()


def test_a_damaged_note_is_no_note(request_: BuildRequest, values: BuildValues, folder: Path, store: Store) -> None:
    remember_values(request_, values, store)
    (path,) = (store.root / handed.KIND).iterdir()
    good = path.read_bytes()
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert known_values(request_, folder, store) is None, position


CHANGES: dict[str, Callable[[Path], None]] = {
    "nothing": lambda _: None,
    "a notebook": lambda folder: text(folder / "one.ipynb", "{}\n"),
    "a new file": lambda folder: text(folder / "two.ipynb", "{}\n"),
    "a file that is gone": lambda folder: (folder / "data" / "run.sh").unlink(),
    "a mode": lambda folder: (folder / "one.ipynb").chmod(0o755),
    "a link": lambda folder: link(folder / "latest", "data/run.sh"),
    "a start": lambda folder: text(folder / "binder" / "start", 'exec "$@"\n'),
    "what is ignored": lambda folder: text(folder / ".dockerignore", "data\n"),
    "the environment's name": lambda folder: renamed(folder / "binder" / "environment.yml"),
    "the pins": lambda folder: fewer(folder / "binder"),
}


def text(path: Path, data: str) -> None:
    path.write_text(data, encoding="utf-8")


def link(path: Path, leads: str) -> None:
    path.unlink()
    path.symlink_to(leads)


def renamed(path: Path) -> None:
    text(path, f"name: another\n{path.read_text(encoding='utf-8').partition(chr(10))[2]}")


def fewer(binder: Path) -> None:
    """Leave out the first package, greenlet, which no other needs."""
    (binder / "environment.yml").unlink()
    for path in binder.glob("wheels-*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        text(path, "".join([*lines[:2], *lines[3:]]))


def made(run: Run) -> Image:
    """Return the image, made in this process."""
    making = MakingOptions(packages="wheels", interpreter=INTERPRETER, base=f"oci:{run.folder}/base:tiny:1")
    request = BuildRequest(source=FolderSource(folder=run.folder / run.repository), name="same", making=making)
    return build_image(request, store=Store(run.store), progress=NoProgress())


def forget(run: Run, *kinds: str) -> None:
    for kind in kinds:
        shutil.rmtree(run.store / kind)


@pytest.fixture
def kept(first: First, tmp_path: Path) -> Run:
    """Return how to make the first image once more, with all that its store knows."""
    folder = tmp_path / "kept"
    shutil.copytree(first[0].folder, folder, symlinks=True)
    return replace(first[0], folder=folder)


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_remembered_shows_in_no_image(what: str, kept: Run) -> None:
    before = made(kept)
    CHANGES[what](kept.folder / kept.repository)
    after = made(kept)
    forget(kept, handed.KIND, LIST_KIND, "layer")
    assert made(kept).manifest == after.manifest
    assert (after.digest == before.digest) == (what == "nothing")


SECOND = """
import sys
from bindery.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted({"docker", "repo2docker", "requests"} & set(sys.modules)))
"""


def test_a_second_build_asks_nobody_again(kept: Run) -> None:
    image = made(kept)
    words = ["build", str(kept.folder / kept.repository), "--tag", "same", "--packages", "wheels"]
    done = subprocess.run(
        [sys.executable, "-c", SECOND, *words, "--python", INTERPRETER],
        env={**os.environ, "BINDERY_STORE": str(kept.store)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"same:latest@{image.digest}\n\n"
