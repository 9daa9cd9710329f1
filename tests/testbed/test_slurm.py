"""Slurm itself, before anything of ours is given to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.confined import remove_leftovers
from tests.testbed.slurm import NODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.testbed.slurm import Slurm
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed
LIMIT_S = 60.0


def wait_until(is_so: Callable[[], bool], slurm: Slurm) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, slurm.log()
        time.sleep(0.05)


def test_a_job_runs_on_both_nodes_with_more_than_the_machine_has(slurm: Slurm) -> None:
    said = slurm.run("srun", "--nodes=2", "--cpus-per-task=24", "--mem=120G", "sh", "-c", "echo $SLURMD_NODENAME")
    assert sorted(said.split()) == [*NODES]


def test_an_ordinary_user_submits_a_script_and_finds_what_it_said(slurm: Slurm, tester: User) -> None:
    script = tester.home / "job.sh"
    script.write_text("#!/bin/bash\n#SBATCH --time=00:01:00\nid -u\npwd\n", encoding="utf-8")
    script.chmod(0o644)
    job = slurm.run("sbatch", "--parsable", script, user=tester).strip()
    output = tester.home / f"slurm-{job}.out"
    wait_until(lambda: output.exists() and job not in slurm.jobs(), slurm)
    assert output.read_text(encoding="utf-8") == f"{tester.uid}\n{tester.home}\n"
    assert output.stat().st_uid == tester.uid


def test_a_cancelled_job_ends_with_all_its_processes(slurm: Slurm, tester: User) -> None:
    mark = tester.home / "mark"
    words = ["--parsable", "--wrap", f"sleep 1000 & echo $! $$ > {mark}; wait"]
    job = slurm.run("sbatch", *words, user=tester).strip()
    wait_until(lambda: mark.exists() and mark.read_text(encoding="utf-8") != "", slurm)
    slurm.run("scancel", job, user=tester)
    wait_until(lambda: slurm.jobs() == [], slurm)
    sleepers = subprocess.run(["pgrep", "--uid", str(tester.uid), "sleep"], capture_output=True, text=True, check=False)
    assert sleepers.stdout == ""


def test_a_user_cannot_cancel_the_job_of_another(slurm: Slurm, tester: User, tmp_path: Path) -> None:
    job = slurm.run("sbatch", "--parsable", "--wrap", "sleep 1000", cwd=tmp_path).strip()
    with pytest.raises(AssertionError, match="Access/permission denied"):
        slurm.run("scancel", job, user=tester)
    assert slurm.jobs() == [job]


def test_a_job_ends_at_its_wall_time(slurm: Slurm, tmp_path: Path) -> None:
    job = slurm.run("sbatch", "--parsable", "--time=00:01:00", "--wrap", "sleep 1000", cwd=tmp_path).strip()
    wait_until(lambda: slurm.run("squeue", "--noheader", "--format=%T").strip() == "RUNNING", slurm)
    slurm.end_soon(job, 1)
    wait_until(lambda: slurm.jobs() == [], slurm)
    assert "JobState=TIMEOUT" in slurm.run("scontrol", "show", "job", job)
    assert "DUE TO TIME LIMIT" in (tmp_path / f"slurm-{job}.out").read_text(encoding="utf-8")


def test_nothing_outlives_a_killed_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = (
        "import sys, time\n"
        "from tests.testbed.slurm import run_slurm\n"
        "with run_slurm() as one:\n"
        "    one.run('sbatch', '--wrap', f'touch {sys.argv[1]}; exec sleep 98765')\n"
        "    print(one.folder, flush=True)\n"
        "    time.sleep(1000)\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script, mark], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().rstrip("\n"))
        while not mark.exists():
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    end_s = time.monotonic() + LIMIT_S
    while subprocess.run(["pgrep", "--full", f"{left}|sleep 98765"], capture_output=True, check=False).returncode == 0:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    remove_leftovers("slurm")
    assert not left.exists()
