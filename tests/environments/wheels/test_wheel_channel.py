"""Real wheels, made into a channel, installed by py-rattler, and run."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from bindery.cli import main
from bindery.core import BadInput, NoProgress, Store
from bindery.environments.environment import Environment
from bindery.environments.wheels import ensure_wheel_channel, read_pins
from bindery.environments.wheels.download import KIND as WHEELS
from bindery.environments.wheels.interpreters import find_interpreters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.environments.wheels.conftest import ChannelMaker

    from bindery.environments.wheels import WheelChannel

    Installer = Callable[[WheelChannel, Path, Sequence[str]], list[str]]
    Tree = Callable[[Path], dict[str, str]]

INTERPRETERS = ("3.11", "3.12", "/usr/bin/python3")
_PROBE = """
import json, site, sys, sysconfig
import bz2, ctypes, curses, hashlib, lzma, readline, sqlite3, ssl, uuid, zlib, _decimal
import greenlet, jsonpatch, markdown_it, markupsafe._speedups
print(json.dumps([sys.prefix, site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"),
                  sysconfig.get_path("scripts"), sysconfig.get_config_var("prefix"), sys.path]))
"""


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_installed_prefix_runs(
    small_channel: ChannelMaker, install_channel: Installer, tmp_path: Path, interpreter: str
) -> None:
    channel = small_channel(interpreter)
    prefix = tmp_path / "prefix"

    names = install_channel(channel, prefix, ["python", "markdown-it-py", "markupsafe", "jsonpatch", "greenlet"])

    assert {"python", "python_abi", "libstdcxx", "mdurl", "jsonpointer"} <= set(names)
    minor = channel.python_minor
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    out = subprocess.run([prefix / "bin" / "python", "-c", _PROBE], env=env, capture_output=True, check=True).stdout
    found, site, pure, plat, scripts, built, path = json.loads(out)
    own = f"{prefix}/lib/python{minor}/site-packages"
    assert (found, site, pure, plat, scripts, built) == (str(prefix), [own], own, own, f"{prefix}/bin", str(prefix))
    assert all(place.startswith(str(prefix)) for place in path if place)
    document = tmp_path / "a.md"
    document.write_text("# Title\n")
    for command, argument in (("markdown-it", document), ("jsondiff", "--help")):
        done = subprocess.run([prefix / "bin" / command, argument], env=env, capture_output=True, check=True, text=True)
        assert "<h1>Title</h1>" in done.stdout or "usage: jsondiff" in done.stdout
    assert list((prefix / f"include/python{minor}/greenlet").glob("*.h"))


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_prefix_loads_no_library_of_the_machine_but_glibc(
    small_channel: ChannelMaker, install_channel: Installer, tmp_path: Path, interpreter: str
) -> None:
    prefix = tmp_path / "prefix"
    install_channel(small_channel(interpreter), prefix, ["python"])

    binaries = [prefix / "bin" / "python", *prefix.glob("lib/python3.*/lib-dynload/*.so")]
    output = subprocess.run(
        ["ldd", *binaries], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )

    outside = {
        match[1]
        for match in re.finditer(r"(\S+) => (/\S+)", output.stdout)
        if not Path(match[2]).resolve().is_relative_to(prefix)
    }
    assert outside <= {
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libutil.so.1",
        "libresolv.so.2",
    }


def _records(folder: Path, subdir: str) -> dict[str, dict[str, object]]:
    records = json.loads((folder / subdir / "repodata.json").read_bytes())["packages.conda"]
    return {record["name"]: record for record in records.values()}


def test_packages_are_named_and_built_as_conda_has_them(small_channel: ChannelMaker) -> None:
    channel = small_channel("3.12")

    pure, compiled = _records(channel.folder, "noarch"), _records(channel.folder, "linux-64")

    assert set(pure) == {"jsonpatch", "jsonpointer", "jupyterlab_pygments", "markdown-it-py", "mdurl", "python_abi"}
    assert set(compiled) == {"greenlet", "libstdcxx", "markupsafe", "python"}
    assert pure["markdown-it-py"]["noarch"] == "python"
    assert pure["markdown-it-py"]["depends"] == ["mdurl >=0.1,<1.0a0", "python >=3.10"]
    assert "python >=3.12,<3.13.0a0" in str(compiled["greenlet"]["depends"])
    assert "python_abi 3.12.* *_cp312" in str(compiled["greenlet"]["depends"])
    assert "libstdcxx" in str(compiled["greenlet"]["depends"])
    assert compiled["python"]["python_site_packages_path"] == "lib/python3.12/site-packages"
    assert channel.url == f"https://wheels.invalid/{channel.digest.hex}/"


def _read_info(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as archive:
        name = next(name for name in archive.namelist() if name.startswith("info-"))
        data = zstandard.ZstdDecompressor().decompressobj().decompress(archive.read(name))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: reader.read() for member in tar if (reader := tar.extractfile(member))}


def test_pure_package_has_its_commands_in_link_json(small_channel: ChannelMaker) -> None:
    folder = small_channel("3.12").folder / "noarch"

    info = _read_info(next(folder.glob("markdown-it-py-*.conda")))

    assert json.loads(info["info/link.json"]) == {
        "noarch": {"entry_points": ["markdown-it = markdown_it.cli.parse:main"], "type": "python"},
        "package_metadata_version": 1,
    }
    paths = [entry["_path"] for entry in json.loads(info["info/paths.json"])["paths"]]
    assert paths == sorted(paths)
    assert info["info/files"].decode().split() == paths
    assert "site-packages/markdown_it/__init__.py" in paths


def _copy_wheels(source: Store, target: Store, environment: Environment, minor: str) -> None:
    for pin in read_pins(environment, minor):
        path = target.path(WHEELS, pin.digest.hex)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.path(WHEELS, pin.digest.hex), path)


def test_channel_bytes_ignore_store_umask_and_time(
    small: Environment, small_channel: ChannelMaker, test_store: Store, tree: Tree, tmp_path: Path
) -> None:
    first = small_channel("3.12")
    store = Store(tmp_path / "store")
    _copy_wheels(test_store, store, small, "3.12")

    before = os.umask(0o077)
    try:
        second = ensure_wheel_channel(small, interpreter="3.12", store=store, progress=NoProgress())
    finally:
        os.umask(before)

    assert second.digest == first.digest
    assert tree(second.folder) == tree(first.folder)


def test_second_call_runs_no_uv_and_touches_nothing(
    small: Environment, small_channel: ChannelMaker, test_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = small_channel("3.12")
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(arguments, options)

    monkeypatch.setattr("bindery.environments.wheels.uv.run_uv", refuse)
    monkeypatch.setattr("bindery.environments.wheels.wheel.open_wheel", refuse)
    second = ensure_wheel_channel(small, interpreter="3.12", store=test_store, progress=NoProgress())

    assert second == first
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == before


_MAKE = """
import sys
from pathlib import Path
from bindery.core import NoProgress, Store
from bindery.environments.environment import Environment
from bindery.environments.wheels import ensure_wheel_channel
if __name__ == "__main__":
    small = Environment(name="small", folder=Path(sys.argv[1]))
    ensure_wheel_channel(small, interpreter="3.12", store=Store(Path(sys.argv[2])), progress=NoProgress())
"""


@pytest.mark.parametrize("stage", ["interpreters/.work", "wheel-packages/.work", "wheel-packages", "channels/.work"])
def test_killed_while_converting_then_made_again(
    small: Environment, small_channel: ChannelMaker, test_store: Store, tree: Tree, tmp_path: Path, stage: str
) -> None:
    whole = small_channel("3.12")
    store = Store(tmp_path / "store")
    _copy_wheels(test_store, store, small, "3.12")
    script = tmp_path / "make.py"
    script.write_text(_MAKE)

    process = subprocess.Popen([sys.executable, script, small.folder, store.root], start_new_session=True)
    place = store.root / stage
    while process.poll() is None and not any(path.name[:1] != "." for path in _list(place)):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    again = ensure_wheel_channel(small, interpreter="3.12", store=store, progress=NoProgress())

    assert tree(again.folder) == tree(whole.folder)
    assert not [path for kind in store.root.iterdir() for path in _list(kind / ".work")]


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def test_environment_on_top_has_the_pins_of_both(small: Environment, tmp_path: Path) -> None:
    (tmp_path / "wheels-3.12.txt").write_text(
        f"mdurl==9.9 --hash=sha256:{'0' * 64}\nextra==1 --hash=sha256:{'1' * 64}\n"
    )
    top = Environment(name="top", folder=tmp_path, extends=(small,))

    pins = {pin.name: pin.version for pin in read_pins(top, "3.12")}

    assert pins["mdurl"] == "9.9"
    assert pins["extra"] == "1"
    assert "greenlet" in pins


def test_environment_without_pins_is_named(tmp_path: Path, test_store: Store) -> None:
    empty = Environment(name="empty", folder=tmp_path)

    with pytest.raises(BadInput) as caught:
        ensure_wheel_channel(empty, interpreter=None, store=test_store, progress=NoProgress())

    assert str(caught.value) == (
        f"{tmp_path}: the environment empty has no wheels-<Python's minor version>.txt\n"
        "  fix: bindery channel empty --update-pins --python VERSION"
    )


def test_pin_without_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / "wheels-3.12.txt").write_text(f"docopt==0.6.2 --hash=sha256:{'0' * 64}\n")
    environment = Environment(name="old", folder=tmp_path)

    with pytest.raises(BadInput) as caught:
        ensure_wheel_channel(environment, interpreter="3.12", store=Store(tmp_path / "store"), progress=NoProgress())

    assert str(caught.value) == (
        f"{tmp_path}/wheels-3.12.txt: docopt==0.6.2 has no wheel, and Bindery builds none\n  fix: pin another version"
    )
    assert not (tmp_path / "store" / "channels").is_dir() or not _list(tmp_path / "store" / "channels" / ".work")


def test_pin_that_the_index_does_not_have_is_named(tmp_path: Path) -> None:
    (tmp_path / "wheels-3.12.txt").write_text(f"mdurl==0.1.2 --hash=sha256:{'0' * 64}\n")
    environment = Environment(name="old", folder=tmp_path)

    with pytest.raises(BadInput) as caught:
        ensure_wheel_channel(environment, interpreter="3.12", store=Store(tmp_path / "store"), progress=NoProgress())

    assert str(caught.value) == (
        f"{tmp_path}/wheels-3.12.txt: mdurl==0.1.2: none of its 1 wheels has the sha256:{'0' * 64}\n"
        "  fix: bindery channel --update-pins"
    )


def test_command_prints_the_folder_and_nothing_else(
    small: Environment,
    test_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "bindery.toml").write_text("")
    shutil.copytree(small.folder, tmp_path / "environments" / "small")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINDERY_STORE", str(test_store.root))

    for words in (["channel", "small", "--python", "3.12"], ["channel", "small", "--python", "3.12", "--json"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
    plain, document = capsys.readouterr().out.splitlines()

    found = json.loads(document)
    assert Path(plain, "noarch", "repodata.json").is_file()
    assert (found["schema"], found["folder"], found["environment"]) == (1, plain, "small")


def test_pins_made_anew_are_those_that_are_there(
    small: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The committed pins are what uv prefers when they are in a lock, so the answer does not change with the index.
    (tmp_path / "bindery.toml").write_text("")
    folder = tmp_path / "environments" / "small"
    folder.mkdir(parents=True)
    pins = read_pins(small, "3.12")
    specs = "".join(
        f"  - {'jupyterlab_pygments' if 'jupyterlab' in pin.name else pin.name} =={pin.version}\n" for pin in pins
    )
    (folder / "environment.yml").write_text(f"name: small\ndependencies:\n  - python =3.12\n{specs}")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as left:
        main(["channel", "small", "--python", "3.12", "--update-pins"])

    assert left.value.code == 0
    assert capsys.readouterr().out == f"{folder}/wheels-3.12.txt\n"
    assert (folder / "wheels-3.12.txt").read_text() == (small.folder / "wheels-3.12.txt").read_text()


def test_interpreters_found_are_no_virtual_environments() -> None:
    found = list(find_interpreters("3.12", os.environ)) + list(find_interpreters("3.11", os.environ))

    assert found
    assert all(not (item.executable.parent.parent / "pyvenv.cfg").exists() for item in found)
