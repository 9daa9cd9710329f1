"""The ssh server, before anything of ours goes through it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.testbed.sshd import run_sshd

if TYPE_CHECKING:
    from tests.testbed.pbs import Pbs
    from tests.testbed.sshd import Sshd
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed


def test_a_command_runs_as_the_user_in_their_home(sshd: Sshd, tester: User) -> None:
    assert sshd.run("id -u; pwd").stdout == f"{tester.uid}\n{tester.home}\n"


def test_the_status_of_a_command_is_handed_back(sshd: Sshd) -> None:
    done = sshd.run("echo no >&2; exit 3", check=False)
    assert (done.returncode, done.stderr) == (3, "no\n")
    with pytest.raises(AssertionError, match=r"^exit 3: 3\n"):
        sshd.run("exit 3")


def test_without_the_key_nobody_enters(sshd: Sshd) -> None:
    words = ["ssh", "-F", str(sshd.config), "-o", "PubkeyAuthentication=no", "submit", "true"]
    refused = subprocess.run(words, capture_output=True, text=True, check=False)
    assert refused.returncode == 255
    assert "Permission denied (publickey)." in refused.stderr


def test_a_job_is_submitted_from_elsewhere(pbs: Pbs, tester: User) -> None:
    with run_sshd(tester, environ={"PATH": f"{pbs.bin}:/usr/bin:/bin"}) as sshd:
        job = sshd.run("echo 'sleep 1000' | qsub -N there").stdout.rstrip("\n")
        assert sshd.run("qstat").stdout.splitlines()[2].split()[:3] == [job, "there", tester.name]
        sshd.run(f"qdel {job}")
