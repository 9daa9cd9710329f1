"""What a process in a prefix gets to see."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import PLACEHOLDER, Packed, Recipe, python_recipe

from bindery.core import BadInput, NoProgress, Store
from bindery.prefixes import ensure_prefix, kernel_name, process_environ, register_kernel
from bindery.prefixes.kernelspec import user_data_folder

if TYPE_CHECKING:
    from tests.prefixes.conftest import Realise

    from bindery.environments import Realised
    from bindery.prefixes import Prefix

SCRIPT = f"""
echo "this is noise"
export GDAL_DATA="{PLACEHOLDER}/share/gdal"
if [ -d "$CONDA_PREFIX/share/proj" ]; then export PROJ_DATA="$CONDA_PREFIX/share/proj"; fi
not_exported=1
export MANY="two
lines"
export FROM_FILE="$FROM_FILE and script"
"""


def geo_recipe() -> Recipe:
    """Return a package that wants variables set."""
    return Recipe(
        name="geo",
        files={
            "etc/conda/activate.d/geo-activate.sh": Packed(data=SCRIPT.encode(), placeholder=PLACEHOLDER),
            "etc/conda/deactivate.d/geo-deactivate.sh": Packed(data=b"exit 1\n"),
            "etc/conda/env_vars.d/geo.json": Packed(data=b'{"FROM_FILE": "file"}'),
            "share/proj/proj.db": Packed(data=b"1"),
        },
    )


@pytest.fixture
def geo(store: Store, realise_packages: Realise) -> Prefix:
    """Return a prefix whose packages set variables."""
    return ensure_prefix(realise_packages(python_recipe(), geo_recipe()), store=store, progress=NoProgress())


def test_packages_set_their_variables(geo: Prefix) -> None:
    variables = process_environ(geo.path, {"HOME": "/home/me", "PATH": "/usr/bin"})
    assert variables == {
        "HOME": "/home/me",
        "PATH": f"{geo.path}/bin:/usr/bin",
        "CONDA_PREFIX": str(geo.path),
        "CONDA_DEFAULT_ENV": str(geo.path),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GDAL_DATA": f"{geo.path}/share/gdal",
        "PROJ_DATA": f"{geo.path}/share/proj",
        "MANY": "two\nlines",
        "FROM_FILE": "file and script",
    }


def test_what_would_break_the_prefix_is_left_out(store: Store, everything: Realised) -> None:
    prefix = ensure_prefix(everything, store=store, progress=NoProgress()).path
    broken = {
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "LD_LIBRARY_PATH": "/x",
        "LD_PRELOAD": "/x",
        "CONDA_EXE": "/x",
        "CONDA_PREFIX_1": "/x",
        "VIRTUAL_ENV": "/x",
        "PROJ_LIB": "/x",
    }
    kept = {"DASK_SCHEDULER_ADDRESS": "tls://127.0.0.1:1", "OMP_NUM_THREADS": "1", "GDAL_CACHEMAX": "64"}
    variables = process_environ(prefix, broken | kept)
    assert variables.items() >= kept.items()
    assert not (broken.keys() & variables.keys())
    assert variables["PATH"] == f"{prefix}/bin:/usr/local/bin:/usr/bin:/bin"


def test_activation_is_worked_out_once(geo: Prefix, monkeypatch: pytest.MonkeyPatch) -> None:
    first = process_environ(geo.path, {})
    monkeypatch.setattr(subprocess, "Popen", None)
    assert process_environ(geo.path, {}) == first


def test_a_prefix_elsewhere_is_activated_each_time(geo: Prefix, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "share").mkdir(parents=True)
    (tmp_path / "elsewhere" / "etc").symlink_to(geo.path / "etc")
    variables = process_environ(tmp_path / "elsewhere", {})
    assert variables["FROM_FILE"] == "file and script"
    assert "PROJ_DATA" not in variables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"A": 1}', "is not a mapping of names to texts"),
    ],
)
def test_a_damaged_file_of_variables_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "etc" / "conda" / "env_vars.d" / "bad.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        process_environ(tmp_path, {})
    assert str(caught.value) == f"{path}: {message}"


def test_a_kernel_is_registered_for_the_user(geo: Prefix, tmp_path: Path) -> None:
    path = register_kernel(geo, "Tiny", {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter")})
    assert path == tmp_path / "jupyter" / "kernels" / "bindery-tiny" / "kernel.json"
    spec = json.loads(path.read_text())
    assert spec["display_name"] == "Tiny 2026.11.22"
    assert spec["argv"][0] == "env"
    assert spec["argv"][-5:] == [f"{geo.path}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert spec["env"]["PROJ_DATA"] == f"{geo.path}/share/proj"
    assert spec["env"]["PATH"] == f"{geo.path}/bin:${{PATH}}"
    assert "PROJ_DATA" not in spec["argv"]
    assert register_kernel(geo, "Tiny", {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter")}) == path
    assert [item.name for item in path.parent.iterdir()] == ["kernel.json"]


def test_a_kernels_command_takes_away_what_would_break_it(geo: Prefix, tmp_path: Path) -> None:
    path = register_kernel(geo, "tiny", {"JUPYTER_DATA_DIR": str(tmp_path)})
    words = json.loads(path.read_text())["argv"]
    prefix_words = words[: words.index(f"{geo.path}/bin/python")]
    finished = subprocess.run(
        [*prefix_words, "/usr/bin/env"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "/x", "LD_PRELOAD": "", "KEPT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.partition("=")[0] for line in finished.stdout.splitlines()}
    assert "KEPT" in names
    assert not names & {"PYTHONPATH", "LD_PRELOAD"}


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        ({"JUPYTER_DATA_DIR": "/data", "HOME": "/h"}, "/data"),
        ({"XDG_DATA_HOME": "/xdg", "HOME": "/h"}, "/xdg/jupyter"),
        ({"HOME": "/h"}, "/h/.local/share/jupyter"),
    ],
)
def test_kernels_go_where_jupyter_looks(base: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert user_data_folder(base) == Path(folder)


def test_kernels_on_macos_go_into_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert user_data_folder({"HOME": "/h"}) == Path("/h/Library/Jupyter")


def test_a_prefix_without_python_has_no_kernel(geo: Prefix) -> None:
    with pytest.raises(BadInput) as caught:
        register_kernel(dataclasses.replace(geo, python_version=""), "tiny", {"JUPYTER_DATA_DIR": "/nowhere"})
    assert str(caught.value) == f"{geo.path}: has no Python\n  fix: add python to its environment.yml"
    assert kernel_name("tiny") == "bindery-tiny"
