"""The tests' own PBS: it does what the real one is documented to do."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.testbed.pbs import Pbs
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed
LIMIT_S = 60.0


def wait_until(is_so: Callable[[], bool], pbs: Pbs) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, pbs.log()
        time.sleep(0.02)


def submit(pbs: Pbs, user: User, script: str, *options: str) -> str:
    """Return the id of the user's job."""
    file = user.home / "job.sh"
    file.write_text(script, encoding="utf-8")
    file.chmod(0o644)
    done = pbs.run("qsub", *options, file, user=user)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


def output(pbs: Pbs, job: str, file: Path) -> str:
    """Return what the job has written, when it has ended."""
    wait_until(lambda: job not in pbs.jobs(), pbs)
    return file.read_text(encoding="utf-8")


def test_a_job_is_the_users_and_starts_in_the_home_with_the_variables_of_pbs(pbs: Pbs, tester: User) -> None:
    script = "#PBS -N greet\n#PBS -l select=1:ncpus=24:mem=120GB\nid -u; pwd\necho $PBS_JOBID $PBS_O_WORKDIR $NCPUS\n"
    job = submit(pbs, tester, script)
    number = job.removesuffix(".pbs")
    file = tester.home / f"greet.o{number}"
    assert output(pbs, job, file) == f"{tester.uid}\n{tester.home}\n{job} {tester.home} 24\n"
    assert (tester.home / f"greet.e{number}").read_text(encoding="utf-8") == ""
    assert file.stat().st_uid == tester.uid


def test_only_variables_that_are_asked_for_are_handed_on(pbs: Pbs, tester: User) -> None:
    script = "#PBS -j oe\n#PBS -o greeting\necho $GREETING ${APART-none}\n"
    job = submit(pbs, tester, script, "-v", "GREETING=hello,A=b")
    assert output(pbs, job, tester.home / "greeting") == "hello none\n"


def test_the_command_line_goes_before_directives_which_end_at_the_first_command(pbs: Pbs, tester: User) -> None:
    job = submit(pbs, tester, "#!/bin/bash\n#PBS -N one\n#PBS -q batch\ntrue\n#PBS -N two\n", "-N", "three")
    wait_until(lambda: job not in pbs.jobs(), pbs)
    said = pbs.run("qstat", "-fx", job).stdout
    assert "    Job_Name = three\n" in said
    assert "    queue = batch\n" in said
    assert "    Exit_status = 0\n" in said


def test_outputs_go_into_a_folder_under_the_jobs_id(pbs: Pbs, tester: User) -> None:
    logs = tester.home / "logs"
    logs.mkdir(exist_ok=True)
    logs.chmod(0o777)
    job = submit(pbs, tester, f"#PBS -o {logs}/\n#PBS -e {logs}/\necho out; echo err >&2\n")
    assert output(pbs, job, logs / f"{job}.OU") == "out\n"
    assert (logs / f"{job}.ER").read_text(encoding="utf-8") == "err\n"


def test_jobs_are_listed_with_long_names_cut(pbs: Pbs, tester: User) -> None:
    job = submit(pbs, tester, "sleep 1000\n", "-N", "a-name-that-is-long")
    wait_until(lambda: " R " in pbs.run("qstat").stdout, pbs)
    head, line, row = pbs.run("qstat", job).stdout.splitlines()
    assert head == "Job id            Name             User              Time Use S Queue"
    assert line == "----------------  ---------------- ----------------  -------- - -----"
    assert row.split() == [job, "a-name-that-is*", tester.name, "00:00:00", "R", "workq"]
    assert pbs.run("qstat", "-Q").stdout.splitlines()[2].split()[:3] == ["workq", "0", "1"]


def test_a_deleted_job_ends_with_all_its_processes_and_is_history(pbs: Pbs, tester: User) -> None:
    mark = tester.home / "started"
    job = submit(pbs, tester, f"sleep 1000 & trap '' TERM; touch {mark}; sleep 1001; sleep 1002\n")
    wait_until(mark.exists, pbs)
    assert pbs.run("qdel", job, user=tester).returncode == 0
    wait_until(lambda: pbs.jobs() == [], pbs)
    assert pbs.run("qstat").stdout == ""
    left = subprocess.run(["pgrep", "--uid", str(tester.uid), "sleep"], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    finished = f"qstat: {job} Job has finished, use -x or -H to obtain historical job information\n"
    assert pbs.run("qstat", job).stderr == finished
    assert "    job_state = F\n" in pbs.run("qstat", "-fx", job).stdout
    assert pbs.run("qdel", job).stderr == f"qdel: Job has finished {job}\n"


def test_a_job_ends_at_its_wall_time(pbs: Pbs, tester: User) -> None:
    job = submit(pbs, tester, "#PBS -l walltime=00:00:01\n#PBS -e said\nsleep 1000\n")
    assert output(pbs, job, tester.home / "said") == "=>> PBS: job killed: walltime 1 exceeded limit 1\n"


def test_jobs_wait_until_processors_are_free(pbs: Pbs, tester: User) -> None:
    first, second = (submit(pbs, tester, "sleep 1000\n", "-l", "select=2:ncpus=48") for _ in range(2))
    wait_until(lambda: " R " in pbs.run("qstat", first).stdout, pbs)
    assert " Q " in pbs.run("qstat", second).stdout
    pbs.run("qdel", first)
    wait_until(lambda: " R " in pbs.run("qstat", second).stdout, pbs)


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (("qsub", "-q", "nope", "/dev/null"), "qsub: Unknown queue\n", 170),
        (("qsub", "-l", "walltime", "/dev/null"), "qsub: illegal -l value\n", 2),
        (
            ("qsub", "-l", "walltime=1h", "/dev/null"),
            "qsub: Illegal attribute or resource value Resource_List.walltime\n",
            1,
        ),
        (("qsub", "-X", "/dev/null"), "qsub: invalid option -- 'X'\n", 2),
        (("qsub", "/nowhere"), "qsub: script file:: No such file or directory\n", 1),
        (("qsub", "a", "b"), "usage: qsub [options] [script]\n", 2),
        (("qdel",), "usage:\n\tqdel [-W force|suppress_email=X] [-x] job_identifier...\n", 2),
        (("qdel", "999"), "qdel: Unknown Job Id 999.pbs\n", 153),
        (("qstat", "999"), "qstat: Unknown Job Id 999.pbs\n", 153),
        (("qstat", "-Z"), "qstat: invalid option -- 'Z'\n", 2),
    ],
)
def test_what_cannot_be_done_is_said_in_pbss_words(pbs: Pbs, words: tuple[str, ...], said: str, status: int) -> None:
    done = pbs.run(*words)
    assert (done.stdout, done.stderr, done.returncode) == ("", said, status)


def test_a_user_cannot_delete_the_job_of_another(pbs: Pbs, tester: User, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("sleep 1000\n", encoding="utf-8")
    job = pbs.run("qsub", "-o", "/dev/null", "-e", "/dev/null", script).stdout.rstrip("\n")
    refused = pbs.run("qdel", job, user=tester)
    assert (refused.stderr, refused.returncode) == (f"qdel: Unauthorized Request  {job}\n", 159)


def test_a_server_that_is_not_there_is_named(pbs: Pbs, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "qstat").write_bytes((pbs.bin / "qstat").read_bytes())
    (tmp_path / "bin" / "qstat").chmod(0o755)
    done = subprocess.run([tmp_path / "bin" / "qstat"], capture_output=True, text=True, check=False)
    assert done.stderr == "Connection refused\nqstat: cannot connect to server pbs (errno=15010)\n"
    assert done.returncode == 1
