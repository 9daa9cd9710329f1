from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bindery.core import ToolFailed
from bindery.notebooks.sealed import make_home, seal_environ
from bindery.notebooks.workplace import make_workplace


def test_a_workplace_is_for_its_user_and_goes_away(tmp_path: Path) -> None:
    with make_workplace(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        (folder / "deep").chmod(0o500)
    assert list(tmp_path.iterdir()) == []


def test_it_goes_away_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), make_workplace(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    code = f"""
import pathlib, time
from bindery.notebooks.workplace import make_workplace
with make_workplace(pathlib.Path({str(tmp_path)!r})) as folder:
    print(folder, flush=True)
    time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().strip())
        with make_workplace(tmp_path) as while_it_lives:
            assert left.is_dir()
            killed.kill()
            killed.wait()
            with make_workplace(tmp_path) as after:
                assert not left.exists()
                assert while_it_lives.is_dir()
                assert after.is_dir()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError), make_workplace(tmp_path / "file"):
        pass


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*, prefix: str, dir: Path) -> str:  # noqa: A002 - tempfile's word
        raise OSError(errno.ENOSPC, "No space left on device", str(dir / prefix))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(ToolFailed) as caught, make_workplace(tmp_path):
        pass
    assert str(caught.value).splitlines()[0] == f"{tmp_path}: the disk is full"


def test_sealed_variables_lead_to_nothing_of_the_user(tmp_path: Path) -> None:
    mine = {
        "HOME": "/home/me",
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "AWS_PROFILE": "mine",
        "OMP_NUM_THREADS": "1",
        "XDG_CONFIG_HOME": "/home/me/.config",
        "IPYTHONDIR": "/home/me/.ipython",
        "JUPYTER_PATH": "/home/me/jupyter",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/home/me/mpl",
        "DASK_SCHEDULER_ADDRESS": "tcp://elsewhere:8786",
        "NO_COLOR": "1",
    }
    home = make_home(tmp_path / "home")
    assert seal_environ(mine, home) == {
        "HOME": str(home),
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "AWS_PROFILE": "mine",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(home / "tmp"),
        "IPYTHONDIR": str(home / ".ipython"),
        "MPLCONFIGDIR": str(home / ".config" / "matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    assert (home / "tmp").is_dir()
    assert seal_environ(mine, home, keep_dask=True)["DASK_SCHEDULER_ADDRESS"] == "tcp://elsewhere:8786"
    assert os.environ.get("HOME") != str(home)
