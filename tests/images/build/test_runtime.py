"""The entrypoint, executed by the bash of this machine, and the files around it."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, digest_bytes
from bindery.images.buildpack import BaseFacts, Place, image_variables, runtime_members
from bindery.images.buildpack.runtime_files import FILES, command, entrypoint
from bindery.images.buildpack.users import User, add_user
from bindery.images.buildpack.values import Identity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StackPython

SCRIPT = FILES / "entrypoint.bash"
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - what a container listens on
ROOT = "root:x:0:0:root:/root:/bin/bash\n"
FACTS = BaseFacts(
    passwd=ROOT,
    group="root:x:0:\n",
    folders={"etc": (0o755, 0, 0), "home": (0o711, 0, 8)},
    programs=frozenset({"bin/bash", "usr/bin/tini"}),
)
IDENTITY = Identity(
    environment="ocean", release="2025.08.14", packages="wheels", lock_digest=digest_bytes(b"lock"), withdrawn=""
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def start(home: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["/bin/bash", str(SCRIPT), *words],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "REPO_DIR": str(home), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], text: str = "") -> tuple[int, str, str]:
    out, err = process.communicate(text, timeout=60)
    return process.returncode, out, err


def test_a_command_is_shown_and_logged_to_its_last_line(home: Path) -> None:
    script = "echo out; echo err >&2; seq 20000"
    status, out, err = finish(start(home, "bash", "-c", script))
    assert (status, err) == (0, "")
    assert out == "out\nerr\n" + "".join(f"{number}\n" for number in range(1, 20001))
    assert (home / ".jupyter-server-log.txt").read_text() == out


def test_its_status_is_the_command_s(home: Path) -> None:
    assert finish(start(home, "bash", "-c", "exit 7"))[0] == 7


def test_a_command_that_is_not_there_ends_as_in_a_shell(home: Path) -> None:
    status, out, _ = finish(start(home, "no-such-program"))
    assert status == 127
    assert "no-such-program: command not found" in out


def test_it_reads_what_it_is_given(home: Path) -> None:
    assert finish(start(home, "cat"), "typed\n")[1] == "typed\n"


def test_words_with_spaces_stay_words(home: Path) -> None:
    assert finish(start(home, "printf", "<%s>", "a b", "", "*"))[1] == "<a b><><*>"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command_which_ends_in_its_own_time(number: signal.Signals, home: Path) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo told; sleep 0.3; echo done; exit 5' {name}; echo ready; while :; do sleep 0.05; done"
    process = start(home, "bash", "-c", script)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert finish(process)[:2] == (5, "told\ndone\n")


def test_a_command_that_a_signal_ends_says_so(home: Path) -> None:
    process = start(home, "bash", "-c", "echo ready; exec sleep 60")
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 128 + signal.SIGTERM


def test_a_daemon_that_keeps_the_pipe_does_not_keep_the_container(home: Path) -> None:
    process = start(home, "bash", "-c", "setsid sleep 30 & echo $!")
    assert process.stdout
    daemon = int(process.stdout.readline())
    assert process.wait(timeout=20) == 0
    os.kill(daemon, signal.SIGKILL)
    finish(process)


def test_the_start_script_is_given_the_command(home: Path) -> None:
    script = home / "start"
    script.write_text('#!/bin/bash\nexport SET_BY_START=1\nexec "$@"\n')
    script.chmod(0o755)
    out = finish(start(home, "bash", "-c", "echo $SET_BY_START", R2D_ENTRYPOINT=str(script)))[1]
    assert out == "1\n"


def test_a_home_that_is_not_there_is_replaced(home: Path, tmp_path: Path) -> None:
    missing = home / "missing"
    status, out, err = finish(start(missing, "bash", "-c", 'touch "$HOME/x"; echo "$HOME"', TMPDIR=str(tmp_path)))
    assert status == 0
    assert out.startswith(f"{tmp_path}/home-{os.getuid()}-")
    assert err == f"{missing} cannot be written; HOME is {out}"


def test_without_a_folder_for_it_there_is_no_log(home: Path) -> None:
    variables = {"REPO_DIR": "/proc/nowhere", "TMPDIR": "/proc/nowhere"}
    process = subprocess.Popen(
        ["/bin/bash", str(SCRIPT), "echo", "hello"],
        cwd="/proc",
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert finish(process) == (0, "hello\n", "")


def test_a_withdrawn_release_is_announced(home: Path) -> None:
    text = "ocean@2025.08.14 was withdrawn on 2025-09-01: wrong tides"
    status, out, err = finish(start(home, "echo", "hello", BINDERY_WITHDRAWN=text))
    assert (status, out, err) == (0, "hello\n", f"{text}\n")


def test_on_a_terminal_nothing_stands_in_between(home: Path) -> None:
    words = f"/bin/bash {SCRIPT} bash -c 'test -t 1 && echo terminal'"
    done = subprocess.run(
        ["script", "-qec", words, "/dev/null"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "REPO_DIR": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["terminal"]
    assert not (home / ".jupyter-server-log.txt").exists()


def test_the_runtime_layer_names_folders_as_the_base_has_them() -> None:
    variables = image_variables((), Place(), IDENTITY, {}, None)
    members = {member.path: member for member in runtime_members(Place(), FACTS, variables)}
    assert sorted(members) == [
        "etc",
        "etc/group",
        "etc/passwd",
        "etc/profile.d",
        "etc/profile.d/bindery.sh",
        "home",
        "home/jovyan",
        "srv",
        "srv/conda",
        "srv/conda/etc",
        "srv/conda/etc/dask.yaml",
        "usr",
        "usr/local",
        "usr/local/bin",
        "usr/local/bin/repo2docker-entrypoint",
    ]
    assert {path for path, member in members.items() if member.uid == 1000} == {"home/jovyan"}
    assert members["usr/local/bin/repo2docker-entrypoint"].mode == 0o755
    assert (members["home"].mode, members["home"].gid) == (0o711, 8)
    assert (members["srv"].mode, members["srv"].gid) == (0o755, 0)


@pytest.mark.parametrize("prefix", ["/", "/user/ann/"])
def test_dask_finds_its_dashboard_through_the_proxy(prefix: str, stack_python: StackPython) -> None:
    script = "from distributed.utils import format_dashboard_link as link; print(link('127.0.0.1', 8787))"
    done = subprocess.run(
        [str(stack_python("3.12")), "-c", script],
        env={"DASK_ROOT_CONFIG": str(FILES), "JUPYTERHUB_SERVICE_PREFIX": prefix, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{prefix}proxy/8787/status\n"


def test_a_login_shell_has_the_path_of_the_image() -> None:
    variables = image_variables((), Place(), IDENTITY, {}, None)
    profile = next(one for one in runtime_members(Place(), FACTS, variables) if one.path.endswith("bindery.sh"))
    assert profile.open
    with profile.open() as stream:
        text = stream.read().decode()
    done = subprocess.run(["/bin/sh", "-c", f'{text}echo "$PATH"'], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == variables["PATH"]


def test_a_base_without_bash_is_refused() -> None:
    bare = BaseFacts(passwd="", group="", folders={}, programs=frozenset())
    with pytest.raises(BadInput) as caught:
        runtime_members(Place(), bare, {"PATH": "/bin"})
    assert str(caught.value) == (
        "the base: has no bash, which starts the container's command\n  fix: --base debian:bookworm"
    )


def test_variables_are_the_base_s_then_the_environment_s_then_ours() -> None:
    base = ("PATH=/opt/bin:/usr/bin", "LANG=de_DE.UTF-8", "OTHER=1", "GDAL_DATA=old")
    found = image_variables(base, Place(), IDENTITY, {"GDAL_DATA": "/g", "HOME": "/x"}, "binder/start")
    assert found["PATH"] == "/home/jovyan/.local/bin:/srv/conda/envs/notebook/bin:/opt/bin:/usr/bin"
    assert (found["LANG"], found["LC_ALL"], found["GDAL_DATA"]) == ("de_DE.UTF-8", "de_DE.UTF-8", "/g")
    assert "OTHER" not in found
    assert (found["HOME"], found["REPO_DIR"], found["PYTHONNOUSERSITE"]) == ("/home/jovyan", "/home/jovyan", "1")
    assert found["R2D_ENTRYPOINT"] == "/home/jovyan/binder/start"
    assert (found["BINDERY_ENVIRONMENT"], found["BINDERY_RELEASE"]) == ("ocean", "2025.08.14")
    assert "BINDERY_WITHDRAWN" not in found


def test_the_repository_may_lie_elsewhere() -> None:
    place = Place(user=User(name="me", uid=1234), repository="/srv/repo/")
    found = image_variables((), place, IDENTITY, {}, "start")
    assert (found["REPO_DIR"], found["HOME"], found["R2D_ENTRYPOINT"]) == ("/srv/repo", "/home/me", "/srv/repo/start")
    assert found["PATH"].startswith("/home/me/.local/bin:/srv/repo/.local/bin:/srv/conda/envs/notebook/bin:")


@pytest.mark.parametrize("place", ["repo", "/", "/srv/conda", "/srv/conda/envs/notebook/x", "/a/../../"])
def test_the_repository_has_to_lie_somewhere_of_its_own(place: str) -> None:
    with pytest.raises(BadInput) as caught:
        Place(repository=place)
    assert str(caught.value) == (
        f"--repo-dir: the repository cannot be at {place} in the image\n  fix: name an absolute path such as /srv/repo"
    )


def test_the_entrypoint_stands_below_tini_where_there_is_one() -> None:
    assert entrypoint(FACTS) == ("/usr/bin/tini", "-s", "--", "/usr/local/bin/repo2docker-entrypoint")
    without = BaseFacts(passwd="", group="", folders={}, programs=frozenset({"bin/bash"}))
    assert entrypoint(without) == ("/usr/local/bin/repo2docker-entrypoint",)


def test_what_is_started_is_what_the_environment_has() -> None:
    assert command(["bin/jupyter-notebook", "bin/jupyter-lab"]) == ("jupyter", "lab", "--ip", ANY_ADDRESS)
    assert command(["bin/jupyter-notebook"]) == ("jupyter", "notebook", "--ip", ANY_ADDRESS)
    assert command(["bin/python"]) == ("/bin/bash",)


def test_the_user_replaces_whoever_had_the_number() -> None:
    users, group = add_user(
        "root:x:0:0::/root:/bin/sh\nubuntu:x:1000:1000::/home/me:/bin/sh\n", "ubuntu:x:1000:\n", User()
    )
    assert users == "root:x:0:0::/root:/bin/sh\njovyan:*:1000:1000:Default user:/home/jovyan:/bin/bash\n"
    assert group == "jovyan:*:1000:\n"


def test_a_user_of_that_name_with_another_number_is_not_overwritten() -> None:
    with pytest.raises(BadInput) as caught:
        add_user("jovyan:x:1001:1001::/home/jovyan:/bin/sh\n", "", User())
    assert str(caught.value) == (
        "the base: has a user jovyan with the number 1001, and 1000 was asked for\n"
        "  fix: --user-id 1001, or another base"
    )
