from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bindery.clusters import write_shims
from bindery.core import BadInput

FAKE_SSH = Path(__file__).with_name("fake_ssh.sh")
SHOW = '#!/bin/sh\nfor word do printf "<%s>\\n" "$word"; done\ncat\n'
PROGRAMS = ["qdel", "qstat", "qsub", "sbatch", "scancel", "squeue"]
WORDS = ["plain", "two words", "it's", "$HOME", "`id`", '"quoted"', "back\\slash", "*", "", "new\nline's", "-o=a;b&c|d"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return variables under which each of the queue's programs shows what it was given."""
    (tmp_path / "host").mkdir()
    for name in PROGRAMS:
        (tmp_path / "host" / name).write_text(SHOW)
        (tmp_path / "host" / name).chmod(0o755)
    return {"PATH": f"{tmp_path}/host:{os.environ['PATH']}", "BINDERY_SSH": str(FAKE_SSH)}


def run(words: list[str], environ: dict[str, str], stdin: str | None = None) -> str:
    return subprocess.run(words, env=environ, input=stdin, capture_output=True, text=True, check=True).stdout


def test_there_is_one_for_each_command(tmp_path: Path) -> None:
    assert write_shims(tmp_path / "bin", "me@login1") == tmp_path / "bin"
    assert sorted(path.name for path in (tmp_path / "bin").iterdir()) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_words_arrive_as_they_were(program: str, tmp_path: Path, environ: dict[str, str]) -> None:
    shim = write_shims(tmp_path / "bin", "login1") / program
    assert run([str(shim), *WORDS], environ) == "".join(f"<{word}>\n" for word in WORDS)


@pytest.mark.parametrize("program", ["sbatch", "qsub"])
def test_a_job_script_is_sent_along(program: str, tmp_path: Path, environ: dict[str, str]) -> None:
    script = tmp_path / "a job.sh"
    script.write_text("#!/bin/sh\necho $HOME\n")
    shim = write_shims(tmp_path / "bin", "login1") / program
    assert run([str(shim), "--time", "1", str(script)], environ) == "<--time>\n<1>\n#!/bin/sh\necho $HOME\n"


def test_other_commands_take_nothing_from_stdin(tmp_path: Path, environ: dict[str, str]) -> None:
    shim = write_shims(tmp_path / "bin", "login1") / "squeue"
    assert run([str(shim), "-h"], environ, stdin="a notebook's own input") == "<-h>\n"


def test_the_status_is_the_hosts(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "host" / "scancel").write_text("#!/bin/sh\necho no such job >&2\nexit 7\n")
    shim = write_shims(tmp_path / "bin", "login1") / "scancel"
    done = subprocess.run([shim, "12"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "no such job\n")


def test_a_host_that_could_be_an_option_or_a_command_is_refused(tmp_path: Path) -> None:
    for host in ("-oProxyCommand=id", "a b", "a;b", ""):
        with pytest.raises(BadInput) as caught:
            write_shims(tmp_path / "bin", host)
        assert str(caught.value) == (
            f"{host}: cannot be the name of a host\n  fix: write it like user@login1.example.org"
        ).removeprefix(": " if not host else "")
