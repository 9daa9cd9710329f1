# JupyterHub on a machine that can submit jobs: whoever logs in chooses a release, which is started on a node, in a SIF.
#
# What is offered is what `bindery site NAME --sif FILE -o FOLDER` has written below RELEASES: a new release is there
# with the next click, without a restart. How big a job is, and how Singularity is called, stands in those folders. So
# this file needs no Bindery beside it: pip install "jupyterhub==6.*" batchspawner wrapspawner.
# See docs/jupyterhub-on-hpc.md.
import os
import re
import shlex
from pathlib import Path

import batchspawner  # it answers on the hub's side when a server says on which port it is
from tornado.web import HTTPError
from wrapspawner import ProfilesSpawner

c = get_config()  # noqa: F821 - traitlets defines it

# Yours to set: the folder, or folders with a colon between them.
RELEASES = os.environ.get("BINDERY_RELEASES", "/work/softs/bindery")

# As whom jobs are submitted. A hub that is no root needs a line for it in /etc/sudoers.d; an empty text is for a hub of
# one user's own.
c.BatchSpawnerBase.exec_prefix = "sudo -E -u {username}"

# Whoever has an account here may log in, with their password.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allow_all = True

# Nodes call the hub, and the hub's proxy calls nodes: name the address that nodes know this machine by, if its name is
# not enough.
c.JupyterHub.hub_ip = "0.0.0.0"  # noqa: S104 - each call carries a token
# c.JupyterHub.hub_connect_ip = "10.0.0.1"

# Jobs wait in a queue, and the first start of a SIF on a node reads it from a file system that many share.
c.Spawner.start_timeout = 600
c.Spawner.http_timeout = 120
c.Spawner.default_url = "/lab"

# What else is in the hub's own environment is nobody's business. SLURM_CONF and PBS_CONF_FILE are for the commands.
c.Spawner.env_keep = ["PATH", "LANG", "LC_ALL", "SLURM_CONF", "PBS_CONF_FILE"]

# Of the name of a node all is kept, also after a dot.
c.PBSSpawner.state_exechost_re = r"exec_host = ([\w.-]+)/"

SLURM = """\
#!/bin/bash
%s
#SBATCH -J jupyterhub
#SBATCH --chdir={{homedir}}
#SBATCH --output={{homedir}}/.jupyterhub-%%j.log
#SBATCH --export={{keepvars}}
set -eu
exec {{cmd}}
"""
PBS = """\
#!/bin/bash
%s
#PBS -N jupyterhub
#PBS -j oe
#PBS -o {{homedir}}/.jupyterhub.log
#PBS -v {{keepvars}}
set -eu
cd -- "$HOME"
exec {{cmd}}
"""
KINDS = {"#SBATCH": (batchspawner.SlurmSpawner, SLURM), "#PBS": (batchspawner.PBSSpawner, PBS)}


def find_profiles(places: str) -> list[tuple[str, str, type, dict[str, object]]]:
    """Return a profile for each release and site below the folders: names in order, of one name the newest first."""
    found = {}
    for place in filter(None, places.split(":")):
        for job in [*Path(place).glob("*/jobs/jupyter.sh"), *Path(place).glob("*/*/jobs/jupyter.sh")]:
            folder = job.parent.parent
            wrapper = folder / "bin" / "batchspawner-singleuser"
            names = [one for one in folder.glob("modulefiles/*/*") if one.suffix != ".lua"]
            if len(names) != 1 or not wrapper.exists():
                continue  # it is being written, or it is a release without batchspawner
            text = job.read_text(encoding="utf-8")
            site = re.search(r"^# site: (\S+)", text, re.MULTILINE)
            release = (names[0].parent.name, names[0].name, site[1] if site else "")
            found[release] = make_profile(release, text, wrapper)
    return [found[one] for one in sorted(sorted(found, key=newest_first, reverse=True), key=lambda one: one[0])]


def newest_first(release: tuple[str, str, str]) -> list[tuple[int, str]]:
    """Return what releases are ordered by: 2026.11.9 is before 2026.11.22, and 2026.11.22 before 2026.11.22-1."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.-]", release[1])]


def make_profile(release: tuple[str, str, str], job: str, wrapper: Path) -> tuple[str, str, type, dict[str, object]]:
    """Return the profile of a release on a site: the directives are those of its own Jupyter job."""
    directives = [
        line for line in job.splitlines() if line.startswith((*KINDS,)) and line.split()[1] not in {"-J", "-N"}
    ]
    spawner, script = KINDS[directives[0].split()[0]]
    # Directives are text, whatever braces are in them; what follows is for batchspawner to fill in.
    given = "{% raw %}" + "\n".join(directives) + "{% endraw %}"
    settings = {
        "batch_script": script % given,
        # Not `singularity exec …`: what batchspawner runs must be a program of the SIF, which the wrapper is.
        "batchspawner_singleuser_cmd": shlex.quote(str(wrapper)),
        "req_srun": "",
    }
    if spawner is batchspawner.PBSSpawner:
        del settings["req_srun"]
    name, version, site = release
    return f"{name} {version} ({site})", "/".join(release), spawner, settings


class ReleaseSpawner(ProfilesSpawner):
    """Starts the release that was chosen: one that is there, with nothing of the job changed by whoever asks."""

    async def get_options_form(self) -> str:
        """Return the form with the releases that are there now."""
        self.profiles = find_profiles(RELEASES) or [("there is no release yet", "", batchspawner.SlurmSpawner, {})]
        return self._options_form_default()

    def select_profile(self, profile: str) -> None:
        """Take the settings of the release, each time anew.

        A server that runs keeps the settings that it was started with, also when its release is gone.
        """
        for _, key, spawner, settings in find_profiles(RELEASES):
            if key == profile:
                self.child_class, self.child_config = spawner, settings

    def load_child_class(self, state: dict[str, dict[str, str]]) -> None:
        """Take the spawner that a running server was started by."""
        super().load_child_class(state)
        started_by = state.get("child_conf", {}).get("batch_script", "")
        self.child_class = batchspawner.PBSSpawner if "\n#PBS -N" in started_by else batchspawner.SlurmSpawner

    def start(self) -> object:
        """Start the release, or refuse what is none: the default would be a server on this very machine."""
        profiles = {key for _, key, _, _ in find_profiles(RELEASES)}
        if not self.user_options and len(profiles) == 1:
            self.user_options = {"profile": next(iter(profiles))}
        if set(self.user_options) != {"profile"} or self.user_options["profile"] not in profiles:
            known = ", ".join(sorted(profiles)) or "there is none yet"
            raise HTTPError(400, f"choose a release, and nothing else: {known}")
        return super().start()


# What has not been chosen is a job as well, and never a process of this machine.
c.WrapSpawner.child_class = batchspawner.SlurmSpawner
c.JupyterHub.spawner_class = ReleaseSpawner
