"""What of a repository lands in its layer, and what never does."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput
from bindery.images.buildpack import digest_repository, list_repository, read_config_files, repository_members

if TYPE_CHECKING:
    from tests.images.build.conftest import MakeRepository

HOME = "home/jovyan"


def listed(folder: Path) -> dict[str, str]:
    """Return the members' modes by their paths, after checking their owner."""
    members = repository_members(read_config_files(folder), HOME, 1000)
    assert {(member.uid, member.gid) for member in members} <= {(1000, 1000)}
    return {member.path.removeprefix(f"{HOME}/"): f"{member.mode:o}" for member in members}


def test_the_tree_is_copied_with_tidy_modes(make_repository: MakeRepository) -> None:
    folder = make_repository({"a.ipynb": "{}", "src/run.sh": "", "src/data.txt": ""})
    (folder / "src" / "run.sh").chmod(0o4771)
    (folder / "a.ipynb").chmod(0o666)
    (folder / "empty").mkdir(mode=0o700)
    assert listed(folder) == {
        "a.ipynb": "644",
        "empty": "755",
        "src": "755",
        "src/data.txt": "644",
        "src/run.sh": "755",
    }


def test_start_can_be_executed_whatever_its_mode_was(make_repository: MakeRepository) -> None:
    assert listed(make_repository({"binder/start": "", "binder/other": ""})) == {
        "binder": "755",
        "binder/other": "644",
        "binder/start": "755",
    }


def test_git_is_left_out_of_submodules_as_well(make_repository: MakeRepository) -> None:
    folder = make_repository(
        {".git/config": "", "sub/.git": "gitdir: ../.git/modules/sub", "sub/a.py": "", ".gitignore": ""}
    )
    assert set(listed(folder)) == {".gitignore", "sub", "sub/a.py"}


def test_what_is_ignored_is_left_out_and_what_is_excepted_stays(make_repository: MakeRepository) -> None:
    folder = make_repository(
        {".dockerignore": "*.nc\n!keep.nc\ncache/\n", "big.nc": "", "keep.nc": "", "cache/x": "", "deep/big.nc": ""}
    )
    assert set(listed(folder)) == {".dockerignore", "keep.nc", "deep", "deep/big.nc"}


@given(
    st.sets(
        st.lists(st.sampled_from(["a", "b ", ".git", ".gitx", "*", "Dockerfile"]), min_size=1, max_size=4).map(tuple)
    )
)
def test_where_nothing_is_ignored_the_same_is_found_as_where_something_is(places: set[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for place in places:
            folder.joinpath(*place).mkdir(parents=True, exist_ok=True)
        (folder / "to-a").symlink_to("a")
        (folder / "file").touch()
        files = read_config_files(folder)
        assert list_repository(files) == list_repository(replace(files, ignored=("matches-nothing",)))


def test_an_ignored_folder_is_left_out_even_if_git_is_excepted(make_repository: MakeRepository) -> None:
    folder = make_repository({".dockerignore": "!.git\n!.git/config\n", ".git/config": "", "a": ""})
    assert set(listed(folder)) == {".dockerignore", "a"}


def test_links_inside_are_links_of_the_layer(make_repository: MakeRepository) -> None:
    folder = make_repository({"data/real.txt": "1", "deep/down/x": ""})
    (folder / "deep" / "down" / "link").symlink_to("../../data/real.txt")
    (folder / "dangling").symlink_to("nowhere")
    found = {one.path: one.target for one in repository_members(read_config_files(folder), HOME, 1000) if one.target}
    assert found == {f"{HOME}/dangling": "nowhere", f"{HOME}/deep/down/link": "../../data/real.txt"}


@pytest.mark.parametrize("leads", ["../outside", "a/../../outside", "/etc/passwd", ".."])
def test_links_that_lead_out_are_refused(leads: str, make_repository: MakeRepository) -> None:
    folder = make_repository({"a/x": ""})
    (folder / "link").symlink_to(leads)
    with pytest.raises(BadInput) as caught:
        listed(folder)
    assert str(caught.value) == (
        f"{folder}/link: is a link to {leads}, which is not in the repository\n"
        "  fix: make it a relative link inside, or name it in .dockerignore"
    )


def test_a_link_to_a_folder_is_not_walked_into(make_repository: MakeRepository) -> None:
    folder = make_repository({"real/x": ""})
    (folder / "link").symlink_to("real")
    assert set(listed(folder)) == {"link", "real", "real/x"}


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_neither_file_nor_link_is_refused(kind: str, make_repository: MakeRepository) -> None:
    folder = make_repository({})
    if kind == "pipe":
        os.mkfifo(folder / "odd")
        listener = None
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.fsencode(folder / "odd"))
    with pytest.raises(BadInput) as caught:
        listed(folder)
    if listener:
        listener.close()
    assert str(caught.value) == (
        f"{folder}/odd: is neither a file nor a folder nor a link\n  fix: name it in .dockerignore"
    )


def test_a_name_that_is_not_utf8_is_refused(make_repository: MakeRepository) -> None:
    folder = make_repository({})
    (folder / os.fsdecode(b"\xff.txt")).write_text("")
    with pytest.raises(BadInput) as caught:
        listed(folder)
    assert str(caught.value) == f"{folder}: the name b'\\xff.txt' is not UTF-8"


def test_the_digest_of_a_tree_ignores_place_times_and_umask(make_repository: MakeRepository) -> None:
    texts = {"a.txt": "1", "b/c.txt": "2"}
    one, other = make_repository(texts, "one"), make_repository(texts, "other")
    os.utime(one / "a.txt", (1, 1))
    (one / "a.txt").chmod(0o600)
    (one / "b").chmod(0o700)
    assert digest_repository(read_config_files(one)) == digest_repository(read_config_files(other))


@pytest.mark.parametrize("change", ["content", "name", "mode", "link", "folder"])
def test_the_digest_of_a_tree_follows_everything_else(change: str, make_repository: MakeRepository) -> None:
    folder = make_repository({"a.txt": "1"})
    before = digest_repository(read_config_files(folder))
    match change:
        case "content":
            (folder / "a.txt").write_text("2")
        case "name":
            (folder / "a.txt").rename(folder / "b.txt")
        case "mode":
            (folder / "a.txt").chmod(0o755)
        case "link":
            (folder / "link").symlink_to("a.txt")
        case _:
            (folder / "empty").mkdir()
    assert digest_repository(read_config_files(folder)) != before


def test_a_clone_of_a_commit_has_the_tree_of_the_commit(make_repository: MakeRepository, tmp_path: Path) -> None:
    folder = make_repository({"a.txt": "1", "run.sh": ""})
    (folder / "run.sh").chmod(0o755)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    subprocess.run(["git", "clone", "-q", str(folder), str(tmp_path / "clone")], check=True)
    clone = read_config_files(tmp_path / "clone")
    assert digest_repository(clone) == digest_repository(read_config_files(folder))
