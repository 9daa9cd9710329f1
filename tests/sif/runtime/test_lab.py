"""What people are told when JupyterLab runs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from bindery.sif.apps import FILES

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

spec = importlib.util.spec_from_file_location("bindery_lab", FILES / "lab.py")
assert spec is not None
assert spec.loader is not None
lab = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = lab  # its dataclass looks there
spec.loader.exec_module(lab)

SERVER = lab.Server(address="127.0.0.1", port=4321, path="/", token="abc")  # noqa: S106 - of no server
ALLOWED = ["--allow-root"] if os.geteuid() == 0 else []


def test_directions_go_through_the_login_host() -> None:
    assert lab.directions(SERVER, "node7", "me", "login.site.org") == (
        "JupyterLab answers on node7, port 4321.\n"
        "  on your computer: ssh -N -L 4321:127.0.0.1:4321 -J me@login.site.org me@node7\n"
        "  then open:        http://127.0.0.1:4321/lab?token=abc\n"
    )


def test_directions_to_a_node_that_can_be_reached() -> None:
    assert lab.directions(SERVER, "node7", "me", "") == (
        "JupyterLab answers on node7, port 4321.\n"
        "  on your computer: ssh -N -L 4321:127.0.0.1:4321 me@node7\n"
        "  then open:        http://127.0.0.1:4321/lab?token=abc\n"
    )


def test_a_server_without_a_token_has_none_in_its_url() -> None:
    server = lab.Server(address="node7", port=80, path="/user/me/", token="")
    assert lab.directions(server, "node7", "me", "").endswith(
        "ssh -N -L 80:node7:80 me@node7\n  then open:        http://127.0.0.1:80/user/me/lab\n"
    )


def test_what_is_given_is_not_given_twice() -> None:
    assert lab.words(["--port=1", "--ServerApp.ip=::1", "x.ipynb"]) == [
        "--no-browser",
        *ALLOWED,
        "--port=1",
        "--ServerApp.ip=::1",
        "x.ipynb",
    ]
    first, *_, address, port = lab.words([])
    assert (first, address) == ("--no-browser", "--ServerApp.ip=127.0.0.1")
    assert 1024 <= int(port.removeprefix("--ServerApp.port=")) <= 65535


def test_where_nothing_was_bound_people_work_in_their_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    assert lab.words(["--port=1", "--ip=::1"])[1 + len(ALLOWED)] == f"--ServerApp.root_dir={tmp_path}"
    assert lab.words(["--port=1", "--ip=::1", "--notebook-dir=/etc"])[-3:] == [
        "--port=1",
        "--ip=::1",
        "--notebook-dir=/etc",
    ]
    assert "--ServerApp.root_dir" not in " ".join(lab.words(["--ServerApp.root_dir=/etc"])[:-1])


def test_nothing_is_said_of_a_server_that_ends_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["/bin/false"]) as process:
        lab.announce(process, tmp_path / "missing.json")
    assert capsys.readouterr().out == ""


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert lab.user() == "54321"
