"""A site is tried on a real Slurm, and on a small PBS; what does not hold is named with its fix."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.testbed.confined import open_folder
from tests.testbed.sshd import run_sshd

from bindery.core import NoProgress
from bindery.sif.sites import CheckOptions, check_site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.sif.sites.conftest import MakeSite
    from tests.testbed.apptainer import Apptainer
    from tests.testbed.pbs import Pbs
    from tests.testbed.slurm import Slurm
    from tests.testbed.users import User

    from bindery.sif.sites import Site, SiteFinding

pytestmark = pytest.mark.testbed

SMALL = """\
interface: lo
local_directory: {local}
binds: [/usr]
singularity:
  command: apptainer
"""


def check(
    site: Site, environ: Mapping[str, str], *, sif: Path | None = None, timeout_s: float = 120
) -> dict[str, SiteFinding]:
    """Return what was found, by what it is about."""
    options = CheckOptions(sif=sif, timeout_s=timeout_s)
    found = check_site(site, options, environ=environ, progress=NoProgress())
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def failures(found: Mapping[str, SiteFinding]) -> dict[str, tuple[str, str]]:
    """Return what does not hold, with its fix."""
    return {name: (one.what, one.fix) for name, one in found.items() if not one.holds}


@pytest.fixture
def environ_of_slurm(slurm: Slurm, apptainer: Apptainer) -> dict[str, str]:
    """Return the environment of somebody who can submit to Slurm, and call Apptainer."""
    path = f"{slurm.environ['PATH']}:{apptainer.program.parent}"
    return {**apptainer.environ, **slurm.environ, "PATH": path}


@pytest.fixture
def environ_of_pbs(pbs: Pbs, apptainer: Apptainer) -> dict[str, str]:
    """Return the environment of somebody who can submit to PBS, and call Apptainer."""
    return {**apptainer.environ, "PATH": f"{pbs.bin}:{apptainer.environ['PATH']}"}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return the folder that is the scratch of the site."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_everything_holds_on_slurm(
    make_site: MakeSite, environ_of_slurm: dict[str, str], scratch: Path, hpc_sif: Path, slurm: Slurm
) -> None:
    site = make_site("slurm", SMALL.format(local=scratch / "a b") + f"queue: {slurm.partition}\n")
    found = check(site, environ_of_slurm, sif=hpc_sif)
    assert failures(found) == {}
    assert list(found) == [
        *("values", "scratch", "binds[0]", "interface", "scheduler", "queue", "singularity", "job"),
        *("interface on the node", "local_directory on the node", "binds[0] on the node"),
        *("singularity on the node", "worker on the node", "network on the node"),
    ]
    assert found["interface"].what == "lo is 127.0.0.1"
    assert found["queue"].what == slurm.partition
    assert found["singularity on the node"].what == "apptainer version 1.4.5"
    assert found["worker on the node"].what.splitlines()[-1].startswith("Dask ")
    assert found["network on the node"].what == "127.0.0.1"
    assert [path.name for path in scratch.iterdir()] == ["a b"]


def test_everything_holds_on_pbs(
    make_site: MakeSite, environ_of_pbs: dict[str, str], scratch: Path, apptainer: Apptainer
) -> None:
    # PBS does not hand on the PATH of whoever submits.
    more = SMALL.format(local=scratch / "local").replace("apptainer", str(apptainer.program))
    site = make_site("pbs", more)
    found = check(site, environ_of_pbs)
    assert failures(found) == {}
    assert found["queue"].what == "the default"
    assert [path.name for path in scratch.iterdir()] == ["local"]


def test_what_is_wrong_here_is_named_and_no_job_is_submitted(make_site: MakeSite, tmp_path: Path) -> None:
    more = "interface: ib7\naccount: <project>\nbinds: [/nowhere:/data]\nsingularity: {command: no-such-program}\n"
    site = make_site("slurm", more)
    path = site.path
    shown = ", ".join(f"{name} ({address})" for _, name in socket.if_nameindex() if (address := address_of(name)))
    assert failures(check(site, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})) == {
        "values": ("account is still <project>", f"fill it in, in {path}"),
        "scratch": (
            f"{tmp_path}/scratch is not there",
            f"mkdir -p {tmp_path}/scratch, or correct scratch in {path}",
        ),
        "binds[0]": ("/nowhere is not there", f"correct it in {path}"),
        "interface": ("ib7 is not there", f"use one of {shown}, in {path}"),
        "scheduler": (
            "there is no sbatch, squeue, scancel, sinfo on PATH",
            f"call this on the machine where jobs are submitted, or correct scheduler in {path}",
        ),
        "singularity": (
            "no-such-program --version: ended with status 127; bash: line 1: no-such-program: command not found",
            f"correct singularity.command or singularity.module in {path}",
        ),
    }


def address_of(name: str) -> str:
    """Return the interface's address, as another program shows it; empty if it has none."""
    done = subprocess.run(["ip", "-4", "-o", "address", "show", name], capture_output=True, text=True, check=True)
    words = done.stdout.split()
    return words[3].split("/")[0] if words else ""


def test_a_queue_that_is_not_there(
    make_site: MakeSite, environ_of_slurm: dict[str, str], environ_of_pbs: dict[str, str], scratch: Path
) -> None:
    both = (("slurm", environ_of_slurm, "main"), ("pbs", environ_of_pbs, "batch, workq"))
    for scheduler, environ, known in both:
        site = make_site(scheduler, SMALL.format(local=scratch) + "queue: nothere\n")
        found = check(site, environ)
        fix = f"use one of {known}, in {site.path}"
        assert failures(found) == {"queue": ("there is no nothere", fix)}
        assert "job" not in found


def test_a_job_that_the_scheduler_refuses(make_site: MakeSite, environ_of_slurm: dict[str, str], scratch: Path) -> None:
    site = make_site("slurm", SMALL.format(local=scratch) + "directives: [--mem=9000G]\n")
    found = check(site, environ_of_slurm)
    what, fix = failures(found)["job"]
    assert what.startswith("was refused: ended with status 1; sbatch: error: ")
    assert fix == f"ask for what the queue allows: cores, memory, walltime, account in {site.path}"
    assert list(scratch.iterdir()) == []


def test_a_job_that_waits_is_given_up_and_cancelled(
    make_site: MakeSite, environ_of_slurm: dict[str, str], scratch: Path, slurm: Slurm
) -> None:
    site = make_site("slurm", SMALL.format(local=scratch) + "directives: [--begin=now+1hour]\n")
    found = check(site, environ_of_slurm, timeout_s=2)
    what, fix = failures(found)["job"]
    number = what.split()[0]
    assert what == f"{number} has not reported within 2 s: PENDING BeginTime"
    assert fix == "wait for a free node with --timeout, ask for less, or see whether nodes have the same scratch"
    assert number not in slurm.jobs()
    assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("scratch")
def test_what_is_wrong_on_the_node_is_named(make_site: MakeSite, environ_of_pbs: dict[str, str]) -> None:
    site = make_site("pbs", "interface: ib7\nlocal_directory: /proc/x\nsingularity: {command: 'false'}\n")
    found = failures(check(site, environ_of_pbs))
    path = site.path
    interfaces = "  ".join(sorted(name for _, name in socket.if_nameindex()))
    assert found["interface on the node"] == (
        f"there is no ib7: the node has {interfaces}",
        f"name an interface that nodes have as interface, in {path}",
    )
    assert found["local_directory on the node"] == (
        "cannot be written: /proc/x",
        f"name a folder of the node's own disk as local_directory, in {path}",
    )
    assert found["singularity on the node"] == (
        "failed: ",
        f"correct singularity.command or singularity.module in {path}",
    )


def test_a_variable_that_is_not_set_on_the_node(
    make_site: MakeSite, environ_of_slurm: dict[str, str], scratch: Path
) -> None:
    site = make_site("slurm", SMALL.format(local="$NO_SUCH", scratch=scratch))
    assert failures(check(site, environ_of_slurm)) == {
        "local_directory on the node": (
            "cannot be written: it is empty: NO_SUCH is not set",
            f"name a folder of the node's own disk as local_directory, in {site.path}",
        ),
    }


def test_a_site_where_jobs_are_submitted_by_ssh(
    make_site: MakeSite, slurm: Slurm, apptainer: Apptainer, tester: User, tmp_path: Path
) -> None:
    with run_sshd(tester, environ=slurm.environ) as sshd, open_folder("scratch") as scratch:
        scratch.chmod(0o777)  # there jobs are another user's than here
        more = SMALL.format(local="/tmp").replace("apptainer", str(apptainer.program))  # noqa: S108 - a node has one
        site = make_site("slurm", more + "submit: ssh\nsubmit_host: submit\n")
        ssh = tmp_path / "bin/ssh"
        ssh.parent.mkdir()
        ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {sshd.config} "$@"\n', encoding="utf-8")
        ssh.chmod(0o755)
        environ = {"PATH": f"{ssh.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
        found = check(replace(site, scratch=str(scratch)), environ)
        assert list(scratch.iterdir()) == []
    assert failures(found) == {}
    assert found["scheduler"].what == "sbatch, squeue, scancel, sinfo on submit"


def test_a_submit_host_that_does_not_answer(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site("pbs", "interface: lo\nsubmit: ssh\nsubmit_host: no-such.invalid\n")
    found = failures(check(site, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}))
    what, fix = found["scheduler"]
    assert what.startswith("no-such.invalid has not qsub, qstat, qdel: ended with status 255; ")
    assert fix == f"let ssh no-such.invalid work without a password, or correct submit_host in {site.path}"


def test_ctrl_c_leaves_no_job(
    make_site: MakeSite, environ_of_slurm: dict[str, str], scratch: Path, slurm: Slurm
) -> None:
    site = make_site("slurm", SMALL.format(local=scratch) + "directives: [--begin=now+1hour]\n")
    words = [sys.executable, "-m", "bindery", "site", str(site.path), "--check"]
    with subprocess.Popen(
        words, env=environ_of_slurm, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as asked:
        assert asked.stderr is not None
        line = asked.stderr.readline()
        (number,) = slurm.jobs()
        assert line == f"job {number} is submitted; it has 300 s\n"
        asked.send_signal(signal.SIGINT)
        _, error = asked.communicate(timeout=60)
    assert (asked.returncode, error.splitlines()[-1]) == (130, "interrupted")
    assert slurm.jobs() == []
    assert list(scratch.iterdir()) == []
