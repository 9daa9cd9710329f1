"""The ``pip:`` section against an index on loopback, which knows when each of its files was uploaded."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.server
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.testbed.serving import Quiet, serving

from bindery.cli.main import run
from bindery.core import BadInput, Digest
from bindery.environments import LockedPackage, Spec, read_lock, read_spec
from bindery.environments.pip_section import PipChoice, resolve_pip
from bindery.environments.virtual_packages import VirtualPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bindery.environments import Environment

SPEC = """\
channels: [conda-forge]
platforms: [linux-64]
pip-repositories: ["{index}"]
allow-pypi-requests: false
dependencies: [python=3.12, pip, {{pip: [waves]}}]
"""
PYTHON = LockedPackage(
    name="python",
    version="3.12.1",
    manager="conda",
    platform="linux-64",
    dependencies=(),
    url="https://conda.anaconda.org/conda-forge/linux-64/python-3.12.1-0.conda",
    md5=Digest("md5", "0" * 32),
    sha256=Digest("sha256", "0" * 64),
)
OLD = "2025-01-01T00:00:00Z"
NEW = "2025-06-01T00:00:00Z"


class Index(http.server.ThreadingHTTPServer):
    """A package index of the project ``waves``: file names, and when each was uploaded."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, str | None] = {}

    @property
    def url(self) -> str:
        """The address that uv is given."""
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"


class Handler(Quiet, http.server.BaseHTTPRequestHandler):
    """Answers as the simple API does, in JSON."""

    server: Index

    def do_GET(self) -> None:
        """Answer."""
        name = self.path.rpartition("/")[2]
        if name.removesuffix(".metadata") in self.server.files:
            self._answer("text/plain", metadata(name))
        elif self.path == "/simple/waves/":
            files = [describe(name, uploaded) for name, uploaded in self.server.files.items()]
            document = {"meta": {"api-version": "1.1"}, "name": "waves", "files": files}
            self._answer("application/vnd.pypi.simple.v1+json", json.dumps(document).encode())
        else:
            self.send_error(404)

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def metadata(name: str) -> bytes:
    """Return what uv reads in place of the whole file."""
    return f"Metadata-Version: 2.1\nName: waves\nVersion: {name.split('-')[1]}\n".encode()


def describe(name: str, uploaded: str | None) -> dict[str, object]:
    """Return the file's entry; it has no time if that is None."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "filename": name,
        "url": f"../../files/{name}",
        "hashes": {"sha256": digest},
        "core-metadata": True,
        **({"upload-time": uploaded} if uploaded else {}),
    }


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Return an index that has nothing yet; uv's cache is an empty one."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    with serving(Index()) as running:
        yield running


@pytest.fixture
def spec(index: Index, make_environment: Callable[[str], Environment]) -> Spec:
    """Return a spec that asks the index for ``waves``."""
    return read_spec(make_environment(SPEC.format(index=index.url)))


def resolve(spec: Spec, platform: str, folder: Path, choice: PipChoice) -> LockedPackage:
    """Return the one package of pip."""
    folder.mkdir()
    spec = replace(spec, requirements=((platform, spec.requirements[0][1]),))
    conda = (replace(PYTHON, platform=platform),)
    (found,) = resolve_pip(spec, platform, conda, folder=folder, where="environment.yml", choice=choice)
    return found


def test_files_that_were_uploaded_later_are_left_out(spec: Spec, index: Index, tmp_path: Path) -> None:
    index.files = {"waves-1.0-py3-none-any.whl": OLD, "waves-2.0-py3-none-any.whl": NEW}
    found = []
    for name, limit in (("all", None), ("march", dt.datetime(2025, 3, 1, tzinfo=dt.UTC))):
        found.append(resolve(spec, "linux-64", tmp_path / name, PipChoice(exclude_newer=limit)).version)
    assert found == ["2.0", "1.0"]


def test_an_index_that_tells_no_times_cannot_leave_files_out(spec: Spec, index: Index, tmp_path: Path) -> None:
    index.files = {"waves-1.0-py3-none-any.whl": None}
    with pytest.raises(BadInput) as caught:
        resolve(spec, "linux-64", tmp_path / "x", PipChoice(exclude_newer=dt.datetime(2025, 3, 1, tzinfo=dt.UTC)))
    assert caught.value.what.startswith("the pip section cannot be resolved for linux-64 beside conda's packages\n")
    assert "upload" in caught.value.what


def test_offline_only_uv_s_cache_is_looked_into(spec: Spec, index: Index, tmp_path: Path) -> None:
    index.files = {"waves-1.0-py3-none-any.whl": OLD}
    with pytest.raises(BadInput) as caught:
        resolve(spec, "linux-64", tmp_path / "before", PipChoice(offline=True))
    assert caught.value.fix == "run it once without --offline, relax a version, or take the package from conda"
    online = resolve(spec, "linux-64", tmp_path / "online", PipChoice())
    index.files = {}
    assert resolve(spec, "linux-64", tmp_path / "after", PipChoice(offline=True)) == online


@pytest.mark.parametrize(
    ("platform", "machine", "wanted"),
    [
        ("linux-64", ("__glibc", "2.17"), "manylinux_2_17_x86_64"),
        ("linux-64", ("__glibc", "2.27"), "manylinux_2_17_x86_64"),
        ("linux-64", ("__glibc", "2.28"), "manylinux_2_28_x86_64"),
        ("linux-64", ("__glibc", "2.35"), "manylinux_2_35_x86_64"),
        ("linux-64", ("__glibc", "2.99"), "manylinux_2_40_x86_64"),
        ("linux-64", ("__linux", "5.10"), "manylinux_2_17_x86_64"),
        ("linux-aarch64", ("__glibc", "2.28"), "manylinux_2_28_aarch64"),
        ("osx-arm64", ("__osx", "11.0"), "macosx_11_0_arm64"),
        ("osx-arm64", ("__osx", "14.0"), "macosx_14_0_arm64"),
        ("osx-64", ("__osx", "10.15"), "macosx_10_15_x86_64"),
    ],
)
def test_wheels_are_for_the_machines_of_the_spec(
    platform: str, machine: tuple[str, str], wanted: str, spec: Spec, index: Index, tmp_path: Path
) -> None:
    # The newer the system, the newer the version: uv takes the newest that the machine can have.
    systems = (
        *(f"manylinux_2_{minor}_{arch}" for minor in (17, 28, 35, 40) for arch in ("x86_64", "aarch64")),
        *("macosx_11_0_arm64", "macosx_14_0_arm64", "macosx_10_15_x86_64", "macosx_13_0_x86_64"),
    )
    index.files = {f"waves-{number}-cp312-cp312-{system}.whl": OLD for number, system in enumerate(systems)}
    name, version = machine
    choice = PipChoice(machine=(VirtualPackage(name=name, version=version),))
    assert resolve(spec, platform, tmp_path / "x", choice).file_name.endswith(f"-{wanted}.whl")


def test_a_glibc_that_no_wheel_is_for_is_refused(spec: Spec, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(spec, "linux-64", tmp_path / "x", PipChoice(machine=(VirtualPackage(name="__glibc", version="2.12"),)))
    assert str(caught.value) == (
        "environment.yml: there is a pip section, and no wheels are made for the glibc 2.12 of linux-64\n"
        "  fix: take the packages from conda, or raise __glibc in virtual-packages.yml"
    )


def test_lock_hands_both_on(
    index: Index, make_environment: Callable[[str], Environment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.files = {
        "waves-1.0-cp312-cp312-manylinux_2_17_x86_64.whl": OLD,
        "waves-2.0-cp312-cp312-manylinux_2_28_x86_64.whl": OLD,
        "waves-1.1-cp312-cp312-manylinux_2_17_x86_64.whl": NEW,
    }
    environment = make_environment(SPEC.format(index=index.url))
    virtual = "subdirs:\n  linux-64:\n    packages:\n      __unix: '0'\n      __glibc: '2.17'\n"
    (environment.folder / "virtual-packages.yml").write_text(virtual, encoding="utf-8")
    folder = tmp_path / "channel"
    for subdir, names in (("linux-64", ("python", "pip")), ("noarch", ())):
        records = {
            f"{name}-3.12.1-0.conda": {
                "name": name,
                "version": "3.12.1",
                "build": "0",
                "build_number": 0,
                "depends": [],
                "md5": "0" * 32,
                "sha256": hashlib.sha256(name.encode()).hexdigest(),
                "subdir": subdir,
                "timestamp": 1_600_000_000_000,
            }
            for name in names
        }
        (folder / subdir).mkdir(parents=True)
        document = json.dumps({"info": {"subdir": subdir}, "packages.conda": records})
        (folder / subdir / "repodata.json").write_text(document, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    words = ["lock", "ocean", "--quiet", "--channel-mirror", f"conda-forge={folder}"]
    found = []
    for options in ([], ["--exclude-newer", "2025-03-01"]):
        assert run([*words, *options]) == 0
        found += [package.version for package in read_lock(environment.lock_path).packages if package.manager == "pip"]
    assert found == ["1.1", "1.0"]
