"""The command, from its words to the one line that it prints."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repo2docker.utils import is_valid_docker_image_name

from bindery.cli import main
from bindery.core import BadInput, NoProgress, Store, WrongUse
from bindery.images import read_image, store_layout
from bindery.images.build import BuildRequest, plan_build
from bindery.images.buildpack.sources import FolderSource, GitSource, check_name, parse_source
from bindery.images.compression import open_decompressed
from bindery.images.manifest import LAYER_GZIP, LAYER_ZSTD

if TYPE_CHECKING:
    from tests.images.build.conftest import MakeRepository
    from tests.testbed.registry import Registry

    from bindery.core import Settings
    from bindery.images import Image

PINS = Path(__file__).parents[2] / "environments" / "wheels" / "small"
PYTHON = ("--python", "/usr/bin/python3")


def no_settings() -> Settings:
    raise AssertionError("nobody needs them")


def wheels() -> dict[str, str]:
    """Return the files of a repository with pins of wheels."""
    return {f"binder/{path.name}": path.read_text(encoding="utf-8") for path in PINS.iterdir()}


def build(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["build", *map(str, words)])
    status = ended.value.code
    assert isinstance(status, int)
    return status


@pytest.fixture
def ours(test_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Return the store that all tests share, which the command takes as well, in a folder that is no project."""
    monkeypatch.setenv("BINDERY_STORE", str(test_store.root))
    monkeypatch.chdir(tmp_path)
    return test_store


def paths(image: Image, number: int) -> list[str]:
    """Return the paths in a layer, counted from the top with -1."""
    descriptor = image.manifest.layers[number]
    with image.layout.open_blob(descriptor.digest) as blob:
        data = open_decompressed(blob, descriptor.media_type).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [member.name for member in archive]


def test_the_answer_is_one_line_with_the_digest(
    ours: Store, make_repository: MakeRepository, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}"})
    assert build(folder, "--base", tiny_base, *PYTHON, "--tag", "answer") == 0
    image = read_image(store_layout(ours), "answer:latest")
    assert capsys.readouterr().out == f"answer:latest@{image.digest}\n"
    assert "home/jovyan/one.ipynb" in paths(image, -1)
    assert "home/jovyan/binder/base.lock" in paths(image, -1)


def test_gzip_changes_the_bytes_and_nothing_else(ours: Store, make_repository: MakeRepository, tiny_base: str) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}"})
    words = (folder, "--base", tiny_base, *PYTHON)
    assert build(*words, "--tag", "packed:zstd") == 0
    assert build(*words, "--tag", "packed:gzip", "--compression", "gzip") == 0
    by_zstd, by_gzip = (read_image(store_layout(ours), f"packed:{name}") for name in ("zstd", "gzip"))
    assert by_gzip.config.digest == by_zstd.config.digest
    assert by_gzip.config.diff_ids == by_zstd.config.diff_ids
    # The lowest is the base's.
    assert {one.media_type for one in by_zstd.manifest.layers[1:]} == {LAYER_ZSTD}
    assert {one.media_type for one in by_gzip.manifest.layers} == {LAYER_GZIP}


def test_the_repository_lies_where_it_was_asked_for(
    ours: Store, make_repository: MakeRepository, tiny_base: str
) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}", "binder/start": 'exec "$@"\n'})
    words = ["--repo-dir", "/srv/repo", "--user-name", "me", "--user-id", "1234", "--tag", "elsewhere:1"]
    assert build(folder, "--base", tiny_base, *PYTHON, *words) == 0
    image = read_image(store_layout(ours), "elsewhere:1")
    assert paths(image, -1)[:3] == ["srv/", "srv/repo/", "srv/repo/binder/"][:3] or "srv/repo/one.ipynb" in paths(
        image, -1
    )
    assert (image.config.working_dir, image.config.user) == ("/srv/repo", "1234:1234")
    assert {"HOME=/home/me", "REPO_DIR=/srv/repo", "R2D_ENTRYPOINT=/srv/repo/binder/start"} <= set(image.config.env)


def test_a_folder_of_the_repository_is_taken_alone(
    ours: Store, make_repository: MakeRepository, tiny_base: str
) -> None:
    inner = {f"course/{path}": text for path, text in wheels().items()}
    folder = make_repository({**inner, "course/one.ipynb": "{}", "other.ipynb": "{}"})
    assert build(folder, "--subdir", "course", "--base", tiny_base, *PYTHON, "--tag", "inner:1") == 0
    found = paths(read_image(store_layout(ours), "inner:1"), -1)
    assert "home/jovyan/one.ipynb" in found
    assert "home/jovyan/other.ipynb" not in found


@pytest.mark.usefixtures("ours")
def test_a_folder_that_is_not_in_the_repository(
    make_repository: MakeRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_repository(wheels())
    assert build(folder, "--subdir", "course") == 3
    assert capsys.readouterr().err == f"error: {folder}: there is no folder course\n"


def start_build(store: Store, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Return how the command ended in a process of its own, in which repo2docker may leave git's pipes open."""
    return subprocess.run(
        [sys.executable, "-m", "bindery", "build", *words],
        env={**os.environ, "BINDERY_STORE": str(store.root), **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_commit_is_fetched_and_its_token_kept_secret(
    ours: Store, make_repository: MakeRepository, tiny_base: str
) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}"})
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    # What git clones is the folder; the URL is what a person would type.
    url = "https://ann:s3cret-token@example.org/ocean"
    rule = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{folder}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
    }
    done = start_build(ours, f"{url}@{commit}", "--base", tiny_base, *PYTHON, **rule)
    image = read_image(store_layout(ours), f"ocean:{commit}")
    assert (done.returncode, done.stdout) == (0, f"ocean:{commit}@{image.digest}\n"), done.stderr
    assert image.manifest.annotations["org.opencontainers.image.source"] == "https://example.org/ocean"
    assert image.manifest.annotations["org.opencontainers.image.revision"] == commit
    assert image.config.labels["repo2docker.repo"] == "https://example.org/ocean"
    assert image.config.labels["repo2docker.ref"] == commit
    assert b"s3cret" not in image.manifest.raw + image.config.raw
    # The base was written down for this build alone, since the repository is gone.
    assert [path for path in paths(image, -1) if "base.lock" in path or ".git" in path] == []


def test_a_repository_that_is_not_there(ours: Store, tmp_path: Path) -> None:
    place = f"{tmp_path}/nothing"
    done = start_build(ours, f"file://ann:s3cret-token@{place}")
    assert (done.returncode, done.stdout) == (3, "")
    first = done.stderr.splitlines()[0]
    assert first == f"error: file://{place}: Failed to clone repository from file://{place}."
    assert "s3cret" not in done.stderr


def test_a_description_can_be_read_when_the_repository_was_fetched(
    ours: Store, make_repository: MakeRepository, tiny_base: str
) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}"})
    assert build(folder, "--base", tiny_base, *PYTHON, "--tag", "described:1") == 0
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    script = f"""
from bindery.core import NoProgress, Store
from bindery.images import BuildRequest, MakingOptions, describe_build, parse_source
source = parse_source("file://{folder}", lambda: None)
request = BuildRequest(source=source, name="described:2", making=MakingOptions(interpreter="{PYTHON[1]}"))
described = describe_build(request, store=Store(__import__("pathlib").Path("{ours.root}")), progress=NoProgress())
for member in described.parts.repository:
    if member.open:
        with member.open() as stream:
            print(member.path, len(stream.read()) == member.size_bytes)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "home/jovyan/one.ipynb True" in done.stdout.splitlines()


def test_a_ref_and_a_folder_that_are_not_in_the_repository(ours: Store, make_repository: MakeRepository) -> None:
    folder = make_repository(wheels())
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    url = f"file://{folder}"
    done = start_build(ours, f"{url}@nothing")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: {url}: Failed to check out ref nothing\n")
    done = start_build(ours, url, "--subdir", "course")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"error: {url}: there is no folder course\n")


def test_a_pushed_image_has_the_digest_that_is_printed(
    ours: Store, make_repository: MakeRepository, tiny_base: str, registry: Registry
) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}"})
    name = f"{registry.host}/built/ocean:1"
    done = start_build(ours, str(folder), "--base", tiny_base, *PYTHON, "--tag", name, "--push", "--quiet")
    command = ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}"]
    digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name}@{digest}\n", "")


@pytest.mark.usefixtures("ours")
def test_where_packages_come_from_is_not_left_to_the_weather(
    make_repository: MakeRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_repository({**wheels(), "binder/conda-lock.yml": ""})
    assert build(folder) == 2
    assert capsys.readouterr().err == (
        "error: small: can be made of conda-forge's packages or of wheels, which give different images\n"
        "  fix: --packages conda-forge, or --packages wheels\n"
    )


@pytest.mark.usefixtures("ours")
def test_a_repository_of_another_buildpack_is_refused(
    make_repository: MakeRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(make_repository({"requirements.txt": "numpy\n"})) == 2
    assert capsys.readouterr().err == (
        "error: this repository: is built by running a Dockerfile's steps, and the engine oci runs nothing\n"
        "  fix: --engine docker, or give it a conda-lock.yml: https://conda.github.io/conda-lock/\n"
    )


@pytest.mark.usefixtures("ours")
def test_post_build_is_refused_with_the_engine_that_runs_it(
    make_repository: MakeRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_repository({**wheels(), "binder/postBuild": "true\n"})
    assert build(folder) == 2
    assert capsys.readouterr().err == (
        f"error: {folder}: binder/postBuild has to run inside the image, and the engine oci runs nothing\n"
        "  fix: --engine docker\n"
    )


@pytest.mark.usefixtures("ours")
def test_a_push_needs_a_name(make_repository: MakeRepository, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(make_repository(wheels()), "--push") == 2
    assert capsys.readouterr().err == "error: --push needs the name of a registry\n  fix: --tag HOST/NAME:TAG\n"


def test_the_plan_makes_nothing(
    ours: Store, make_repository: MakeRepository, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_repository({**wheels(), "one.ipynb": "{}"})
    assert build(folder, "--base", tiny_base, *PYTHON, "--tag", "planned:1", "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["name"], plan["base"], plan["packages"]) == ("planned:1", tiny_base, "wheels")
    titles = [layer["title"] for layer in plan["layers"]]
    assert (titles[0], titles[-1]) == ("runtime", "repository")
    assert plan["layers"][-1]["items"] == 5
    assert "planned:1" not in store_layout(ours).names()
    assert not (folder / "binder" / "base.lock").exists()


def test_only_one_engine_plans(make_repository: MakeRepository, test_store: Store) -> None:
    request = BuildRequest(source=FolderSource(folder=make_repository({})), name="x:1", engine="docker")
    with pytest.raises(WrongUse) as caught:
        plan_build(request, store=test_store, progress=NoProgress())
    assert str(caught.value) == (
        "--dry-run: only the engine oci knows its layers before it makes them\n  fix: leave it out"
    )


@pytest.mark.parametrize(
    ("text", "url", "ref", "name"),
    [
        ("https://example.org/u/ocean.git", "https://example.org/u/ocean.git", None, "ocean:latest"),
        ("https://example.org/u/ocean@v1", "https://example.org/u/ocean", "v1", "ocean:v1"),
        ("https://ann:pw@example.org/u/ocean", "https://ann:pw@example.org/u/ocean", None, "ocean:latest"),
        ("https://ann:pw@example.org/u/ocean@a/b", "https://ann:pw@example.org/u/ocean", "a/b", "ocean:a-b"),
        ("git@example.org:u/Ocean.git", "git@example.org:u/Ocean.git", None, "ocean:latest"),
        ("git@example.org:u/ocean@main", "git@example.org:u/ocean", "main", "ocean:main"),
        ("ssh://git@example.org/u/ocean@1.0", "ssh://git@example.org/u/ocean", "1.0", "ocean:1.0"),
        ("file:///srv/ocean", "file:///srv/ocean", None, "ocean:latest"),
    ],
)
def test_a_url_may_name_a_ref(text: str, url: str, ref: str | None, name: str) -> None:
    source = parse_source(text, no_settings)
    assert source == GitSource(url=url, ref=ref)
    assert source.default_name == name


@pytest.mark.parametrize("text", ["https://example.org/ocean@", "https://example.org/ocean@--upload-pack=x"])
def test_a_ref_is_no_option(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_source(text, no_settings)
    ref = text.rpartition("@")[2]
    assert str(caught.value) == f"{text}: {ref!r} is not a branch, tag or commit\n  fix: URL@REF"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        parse_source(f"{tmp_path}/nothing", no_settings)
    assert str(caught.value) == f"{tmp_path}/nothing: there is no such folder"


@pytest.mark.parametrize("name", ["Ocean", "ocean:", "-", "a b", "ocean@sha256:" + "0" * 64])
def test_a_name_that_no_engine_would_take(name: str) -> None:
    with pytest.raises(WrongUse) as caught:
        check_name(name)
    assert str(caught.value) == (
        f"{name}: is not a name for an image\n  fix: lower-case letters and digits, such as ocean:2026.11.22"
    )


PIECES = [
    "ocean",
    "Ocean",
    "a",
    "0",
    "-",
    "_",
    "__",
    ".",
    "..",
    "/",
    ":",
    ":5000",
    "localhost",
    "example.Org",
    "@",
    " ",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join))
def test_names_are_those_that_repo2docker_takes(name: str) -> None:
    try:
        check_name(name)
    except WrongUse:
        assert not is_valid_docker_image_name(name)
    else:
        assert is_valid_docker_image_name(name)


def test_a_name_without_a_tag_is_the_latest() -> None:
    assert [check_name(name) for name in ("ocean", "localhost:5000/ocean", "ocean:1")] == [
        "ocean:latest",
        "localhost:5000/ocean:latest",
        "ocean:1",
    ]
