"""Records over HTTP: kept with their validators, read without a network, asked for with the user's credentials."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from tests.testbed.serving import Quiet, serving

from bindery.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [python=3.12]\n"
BASIC = "Basic " + base64.b64encode(b"ann:sesame").decode()


class Server(http.server.ThreadingHTTPServer):
    """A channel on loopback. With ``wants``, nothing is answered without that Authorization or the token.

    Its validators are tags of what a file holds; without ``has_tags``, the times when files were last modified.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.wants: str | None = None
        self.has_tags = True
        self.asked: list[tuple[str, str, bool, int]] = []
        """Method, path, whether a validator was sent, status."""

    @property
    def place(self) -> str:
        """The server's address."""
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(Quiet, http.server.BaseHTTPRequestHandler):
    """Answers with files and their validators."""

    server: Server

    def do_GET(self) -> None:
        """Answer."""
        path, wants = self.path, self.server.wants
        if path.startswith("/t/sesame/"):
            path, wants = path.removeprefix("/t/sesame"), None
        file = self.server.folder / path.lstrip("/")
        if wants is not None and self.headers["Authorization"] != wants:
            self._answer(401)
        elif not file.is_file():
            self._answer(404)
        else:
            body = file.read_bytes()
            asked, said = ("If-None-Match", "ETag") if self.server.has_tags else ("If-Modified-Since", "Last-Modified")
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            validator = tag if self.server.has_tags else formatdate(file.stat().st_mtime, usegmt=True)
            is_known = self.headers[asked] == validator
            self._answer(304 if is_known else 200, b"" if is_known else body, (said, validator))

    do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

    def _answer(self, status: int, body: bytes = b"", validator: tuple[str, str] | None = None) -> None:
        is_conditional = any(name in self.headers for name in ("If-None-Match", "If-Modified-Since"))
        self.server.asked.append((self.command, self.path, is_conditional, status))
        self.send_response(status)
        if validator:
            self.send_header(*validator)
            self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def server(tmp_path: Path, channel: Path) -> Iterator[Server]:
    """Return a server of the small channel."""
    folder = tmp_path / "served"
    for packed in channel.glob("*/repodata.json.zst"):
        target = folder / packed.parent.name / "repodata.json"
        target.parent.mkdir(parents=True)
        target.write_bytes(zstandard.ZstdDecompressor().stream_reader(packed.read_bytes()).read())
    with serving(Server(folder)) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the environment ``ocean``; home and store are empty ones."""
    folder = tmp_path / "environments" / "ocean"
    folder.mkdir(parents=True)
    (tmp_path / "bindery.toml").touch()
    (tmp_path / "home").mkdir()
    (folder / "environment.yml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("RATTLER_AUTH_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    return folder


def lock(server: Server, *options: str) -> int:
    """Return the status of ``bindery lock`` from the server."""
    server.asked.clear()
    return run(["lock", "ocean", "--channel-mirror", f"conda-forge=http://{server.place}/", "--quiet", *options])


@pytest.mark.parametrize("has_tags", [True, False], ids=["tags", "times"])
def test_records_are_asked_for_once_and_then_only_whether_they_changed(
    project: Path, server: Server, *, has_tags: bool
) -> None:
    server.has_tags = has_tags
    assert lock(server) == 0
    first = (project / "conda-lock.yml").read_bytes()
    records = {path: status for method, path, _, status in server.asked if path.endswith("json") and method == "GET"}
    assert records == {"/linux-64/repodata.json": 200, "/noarch/repodata.json": 200}
    assert lock(server) == 0
    assert {status for _, path, is_known, status in server.asked if path.endswith("json") and is_known} == {304}
    assert lock(server, "--offline") == 0
    assert server.asked == []
    assert (project / "conda-lock.yml").read_bytes() == first


def test_updates_that_advisories_want_are_looked_up_without_a_network(
    project: Path, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "environment.yml").write_text(SPEC.replace("3.12", "3.12.9"), encoding="utf-8")
    assert lock(server) == 0
    spec = SPEC.replace("=3.12", "")
    (project / "environment.yml").write_text(spec, encoding="utf-8")
    assert lock(server, "--keep") == 0
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.12.9.5"}]}]
    affected = [{"package": {"ecosystem": "conda-forge", "name": "python"}, "ranges": ranges}]
    (tmp_path / "osv.json").write_text(json.dumps({"id": "GHSA-1", "affected": affected}), encoding="utf-8")
    server.asked.clear()
    mirror = ["--channel-mirror", f"conda-forge=http://{server.place}/"]
    assert run(["check", "--advisories", "osv.json", *mirror]) == 1
    assert server.asked == []
    assert "  fix: python 3.12.10 is the smallest update that leaves them" in capsys.readouterr().out


def test_offline_without_records_is_a_failure(
    project: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lock(server, "--offline") == 4
    assert server.asked == []
    assert capsys.readouterr().err in {
        f"error: {project / 'environment.yml'}: the store has no records of a channel for linux-64\n"
        f"  | no usable repodata cache for http://{server.place}/{subdir}/\n"
        "  fix: run it once without --offline\n"
        for subdir in ("linux-64", "noarch")
    }


@pytest.mark.parametrize("kind", ["basic", "bearer", "token", "auth file", "netrc"])
def test_credentials_come_from_the_usual_places(
    kind: str, project: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.wants = "Bearer sesame" if kind == "bearer" else BASIC
    assert lock(server) == 4
    assert "401 Unauthorized" in capsys.readouterr().err
    home = Path.home()
    stored = {
        "bearer": {"BearerToken": "sesame"},
        "token": {"CondaToken": "sesame"},
    }.get(kind, {"BasicHTTP": {"username": "ann", "password": "sesame"}})
    if kind == "netrc":
        (home / ".netrc").write_text("machine 127.0.0.1\nlogin ann\npassword sesame\n", encoding="utf-8")
    else:
        file = home / "mine.json" if kind == "auth file" else home / ".rattler" / "credentials.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"127.0.0.1": stored}), encoding="utf-8")
        if kind == "auth file":
            monkeypatch.setenv("RATTLER_AUTH_FILE", str(file))
    assert lock(server) == 0
    assert b"sesame" not in (project / "conda-lock.yml").read_bytes()


def test_a_secret_in_a_variable_is_in_no_lock_and_no_error(
    project: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.wants = BASIC
    spec = SPEC.replace("conda-forge", f"'http://{server.place}/t/$OCEAN_TOKEN/'")
    (project / "environment.yml").write_text(spec, encoding="utf-8")
    monkeypatch.setenv("OCEAN_TOKEN", "sesame")
    assert run(["lock", "ocean"]) == 0
    written = (project / "conda-lock.yml").read_text(encoding="utf-8")
    assert "sesame" not in written
    assert f"url: http://{server.place}/t/${{OCEAN_TOKEN}}/linux-64/python-3.12" in written
    assert "used_env_vars:\n    - OCEAN_TOKEN\n" in written
    assert run(["check", "ocean"]) == 0
    captured = capsys.readouterr()
    assert "sesame" not in captured.out + captured.err
    # The cache names the URL, and only its owner may look into it.
    (private,) = (project.parents[1] / "store").glob("repodata-of-*")
    assert private.stat().st_mode & 0o077 == 0

    monkeypatch.setenv("OCEAN_TOKEN", "swordfish")
    assert run(["lock", "ocean"]) == 4
    captured = capsys.readouterr()
    assert "401 Unauthorized" in captured.err
    assert "swordfish" not in captured.out + captured.err


def write_tools(folder: Path, *versions: str, times: tuple[str | None, ...] = ()) -> None:
    """Write a channel that has versions of one package, made at those times."""
    made = dict(zip(versions, times, strict=False))
    records = {
        f"tool-{version}-0.conda": {
            "name": "tool",
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": [],
            "md5": hashlib.md5(version.encode(), usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(version.encode()).hexdigest(),
            "subdir": "noarch",
        }
        | (
            {"timestamp": int(dt.datetime.fromisoformat(time).timestamp()) * 1000}
            if (time := made.get(version))
            else {}
        )
        for version in versions
    }
    for subdir, found in (("noarch", records), ("linux-64", {})):
        path = folder / subdir / "repodata.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"info": {"subdir": subdir}, "packages.conda": found}), encoding="utf-8")


def test_packages_made_after_a_time_are_left_out(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = ("2025-01-01T00:00:00Z", "2025-06-01T12:00:00Z", None)
    write_tools(tmp_path / "tools", "1.0", "2.0", "3.0", times=times)
    (project / "environment.yml").write_text(SPEC.replace("python=3.12", "tool"), encoding="utf-8")
    lock_tools = ["lock", "ocean", "--quiet", "--channel-mirror", f"conda-forge={tmp_path / 'tools'}"]
    for time, version in (
        ("2025-06-01", "2.0"),
        ("2025-06-01T12:00:00+00:00", "2.0"),
        ("2025-06-01T13:00:00+02:00", "1.0"),
        ("2025-05-31", "1.0"),
    ):
        assert run([*lock_tools, "--exclude-newer", time]) == 0
        assert versions(project) == {f"tool-{version}-0.conda"}
    assert "exclude_newer: '2025-05-31T23:59:59+00:00'\n" in (project / "conda-lock.yml").read_text(encoding="utf-8")
    assert run([*lock_tools, "--update", "tool", "--exclude-newer", "2025-06-01"]) == 0
    assert versions(project) == {"tool-2.0-0.conda"}
    capsys.readouterr()
    assert run([*lock_tools, "--keep", "--exclude-newer", "2025-05-31", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["environments"][0]["reasons"] == {
        "tool": {"linux-64": "was made after 2025-05-31 23:59:59 UTC"}
    }
    assert versions(project) == {"tool-1.0-0.conda"}
    # Without a time nobody knows when it was made.
    assert run(lock_tools) == 0
    assert versions(project) == {"tool-3.0-0.conda"}
    assert run([*lock_tools, "--exclude-newer", "2024-12-31"]) == 3


def test_a_day_or_a_time_is_wanted(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del project
    assert run(["lock", "ocean", "--exclude-newer", "yesterday"]) == 2
    assert "'yesterday' is neither a day nor a time" in capsys.readouterr().err


def versions(project: Path) -> set[str]:
    """Return the file names in the lock."""
    lines = (project / "conda-lock.yml").read_text(encoding="utf-8").splitlines()
    return {line.rpartition("/")[2] for line in lines if line.startswith("  url: ")}


def make_package(path: Path, index: dict[str, str | int | list[str]]) -> None:
    """Write a .conda package that has nothing but its index."""
    members = {"info": {"info/index.json": json.dumps(index).encode(), "info/paths.json": b'{"paths": []}'}, "pkg": {}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        for part, files in members.items():
            raw = io.BytesIO()
            with tarfile.open(fileobj=raw, mode="w") as tar:
                for name, content in files.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
            archive.writestr(f"{part}-{path.stem}.tar.zst", zstandard.compress(raw.getvalue()))


def test_sharded_records_are_read_too(project: Path, server: Server) -> None:
    shutil.rmtree(server.folder)
    for subdir in ("linux-64", "noarch"):
        (server.folder / subdir).mkdir(parents=True)
    for name, depends in (("python", ["libc"]), ("libc", []), ("other", [])):
        index = {
            "name": name,
            "version": "3.12.1",
            "build": "0",
            "build_number": 0,
            "depends": depends,
            "subdir": "linux-64",
        }
        make_package(server.folder / "linux-64" / f"{name}-3.12.1-0.conda", index)
    script = (
        "import asyncio, os, sys; from rattler.index import index_fs;"
        "asyncio.run(index_fs(sys.argv[1], write_shards=True, write_zst=False)); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(server.folder)], check=True, timeout=100)
    for whole in server.folder.glob("*/repodata.json"):
        whole.unlink()
    assert lock(server) == 0
    assert versions(project) == {"python-3.12.1-0.conda", "libc-3.12.1-0.conda"}
    assert "/linux-64/repodata_shards.msgpack.zst" in {path for _, path, _, status in server.asked if status == 200}
    assert lock(server, "--offline") == 0
    assert server.asked == []


def test_the_first_channel_that_has_a_package_is_taken_unless_told_otherwise(project: Path, tmp_path: Path) -> None:
    write_tools(tmp_path / "near", "1.0")
    write_tools(tmp_path / "far", "2.0")
    spec = "channels: [near, far]\nplatforms: [linux-64]\ndependencies: [tool]\n"
    (project / "environment.yml").write_text(spec, encoding="utf-8")
    mirrors = [word for name in ("near", "far") for word in ("--channel-mirror", f"{name}={tmp_path / name}")]
    assert run(["lock", "ocean", *mirrors, "--quiet"]) == 0
    assert versions(project) == {"tool-1.0-0.conda"}
    assert run(["lock", "ocean", *mirrors, "--quiet", "--channel-priority", "disabled"]) == 0
    assert versions(project) == {"tool-2.0-0.conda"}
    assert run(["lock", "ocean", *mirrors, "--quiet", "--channel-priority", "flexible"]) == 0
    assert versions(project) == {"tool-1.0-0.conda"}
    (project / "environment.yml").write_text(spec.replace("[tool]", "[tool=2]"), encoding="utf-8")
    assert run(["lock", "ocean", *mirrors, "--quiet", "--channel-priority", "flexible"]) == 0
    assert versions(project) == {"tool-2.0-0.conda"}
