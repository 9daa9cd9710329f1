"""A module is loaded, and what people type runs inside of the SIF: by real modules, under a real Apptainer."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.testbed.install import fetched_folder
from tests.testbed.users import run_as

from bindery.sif.sites import read_site, write_site_files
from bindery.sif.sites.here import check_singularity

if TYPE_CHECKING:
    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User

pytestmark = pytest.mark.testbed

SITE = """\
scheduler: slurm
cores: 2
memory: 1GB
walltime: 00:10:00
scratch: $HOME/my scratch
local_directory: /tmp
singularity:
  command: singularity
"""
TCL = 'module() { eval "$(tclsh "$MODULECMD" bash "$@")"; }'
LUA = ". /usr/share/lmod/lmod/init/bash"
PREFIX = "/srv/conda/envs/notebook"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """The files of a site, which are loaded as a module before each script; nothing of the tests' own is on PATH."""

    folder: Path
    apptainer: Apptainer
    user: User
    modulecmd: Path

    @property
    def module(self) -> str:
        """Return the module's name with its version."""
        (found,) = list((self.folder / "modulefiles").rglob("*.lua"))
        return str(found.relative_to(self.folder / "modulefiles").with_suffix(""))

    def run(self, script: str, modules: str = LUA) -> str:
        """Return what the script prints in the user's home."""
        lines = ["set -e", modules, 'module use "$1/modulefiles"', f"module load {self.module}", script]
        words = ["bash", "-c", "\n".join(lines), "bash", str(self.folder)]
        environ = {**self.apptainer.environ_of(self.user), "MODULECMD": str(self.modulecmd)}
        done = run_as(self.user, words, env=environ, cwd=self.user.home, timeout_s=300)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def loaded(hpc_sif: Path, apptainer: Apptainer, tester: User) -> Loaded:
    """Return the files of a site for the SIF, in a folder whose name has to be quoted everywhere.

    It has neither a dollar nor a bracket: in MODULEPATH, Environment Modules takes those for more than themselves.
    """
    path = hpc_sif.parent / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    folder = hpc_sif.parent / "it's our  own; site"
    write_site_files(read_site(path, path.parent), hpc_sif, folder)
    modulecmd = apptainer.share((fetched_folder("environment-modules") / "usr/lib/modulecmd.tcl").resolve())
    return Loaded(folder=folder, apptainer=apptainer, user=tester, modulecmd=modulecmd)


@pytest.mark.parametrize("modules", [TCL, LUA], ids=["Environment Modules", "Lmod"])
def test_python_runs_inside(loaded: Loaded, modules: str) -> None:
    script = """\
echo 'import sys, os, numpy; print(sys.argv[1:], sys.prefix, numpy.__file__, os.environ["OMP_NUM_THREADS"])' > x.py
python x.py 'a b' "it's"
printf '%s\\n' "$DASK_ROOT_CONFIG"
module unload hpc
command -v dask || echo gone
"""
    argv, root, gone = loaded.run(script, modules).splitlines()
    assert argv == f"['a b', \"it's\"] {PREFIX} {PREFIX}/lib/python3.11/site-packages/numpy/__init__.py 1"
    assert (root, gone) == (str(loaded.folder / "dask"), "gone")


def test_what_the_module_says_of_itself(loaded: Loaded) -> None:
    said = loaded.run(f"module help {loaded.module} 2>&1; module whatis {loaded.module} 2>&1")
    assert f"Batch jobs: {loaded.folder}/jobs" in said
    assert f"{loaded.module.replace('/', ' ')}, in a container" in said


def test_python_names_a_path_that_the_host_has(loaded: Loaded) -> None:
    script = 'python -c "import sys; print(sys.executable)"'
    executable = Path(loaded.run(script).rstrip("\n"))
    assert executable == loaded.folder / "bin" / "python"
    assert executable.is_file()


def test_nothing_is_nested(loaded: Loaded) -> None:
    ask = "import sys, os; print(sys.executable, os.environ['APPTAINER_CONTAINER'])"
    script = f"""\
cat > nested.py <<'END'
import os, subprocess, sys
for program in ("python", sys.executable, {str(loaded.folder / "bin/python")!r}):
    subprocess.run([program, "-c", {ask!r}], check=True)
END
python nested.py
"""
    inside, *wrapped = loaded.run(script).splitlines()
    sif = loaded.folder.parent / "hpc.sif"
    assert inside == f"{PREFIX}/bin/python {sif}"
    assert wrapped == [f"{loaded.folder}/bin/python {sif}"] * 2


def test_a_virtual_environment_stands_on_top(loaded: Loaded) -> None:
    script = """\
python -m venv --system-site-packages --without-pip 'my venv'
printf '#!/usr/bin/env python\\nimport sys, numpy; print(sys.argv[1:], sys.prefix)\\n' > 'my venv/bin/tool'
chmod +x 'my venv/bin/tool'
echo "answer = 42" > 'my venv/lib/python3.11/site-packages/mine.py'
'my venv/bin/python' -c 'import sys, numpy, mine; print(mine.answer, sys.executable, sys.prefix, sys.base_prefix)'
. 'my venv/bin/activate'
tool x
readlink 'my venv/bin/python'
"""
    asked, tool, link = loaded.run(script).splitlines()
    home = loaded.user.home
    assert asked == f"42 {home}/my venv/bin/python {home}/my venv {loaded.folder}"
    assert tool == f"['x'] {home}/my venv"
    assert link == f"{loaded.folder}/bin/python"


def test_a_virtual_environments_scripts_start_on_the_host(loaded: Loaded) -> None:
    script = f"""\
python -m venv --without-pip venv
printf '#!%s/venv/bin/python\\nimport sys; print(sys.argv, sys.prefix)\\n' "$PWD" > venv/bin/tool
chmod +x venv/bin/tool
venv/bin/tool 'a b'
singularity exec {loaded.folder.parent}/hpc.sif venv/bin/tool c
"""
    home = loaded.user.home
    assert loaded.run(script).splitlines() == [
        f"['venv/bin/tool', 'a b'] {home}/venv",
        f"['{home}/venv/bin/tool', 'c'] {home}/venv",
    ]


def test_pip_installs_nothing_that_could_not_be_seen(loaded: Loaded) -> None:
    said = loaded.run("env | grep PIP_ || true; python -c 'import os; print(os.environ[\"PIP_REQUIRE_VIRTUALENV\"])'")
    assert said == "true\n"


def test_what_is_set_already_is_kept_and_proxies_grow(loaded: Loaded) -> None:
    script = """\
export OMP_NUM_THREADS=4 no_proxy=.example.org
cat > show.py <<'END'
import os
print(*(os.environ[name] for name in ("OMP_NUM_THREADS", "HDF5_USE_FILE_LOCKING", "no_proxy", "TMPDIR")))
END
python show.py
"""
    assert loaded.run(script) == "4 FALSE .example.org,localhost,127.0.0.1 /tmp\n"
    assert (loaded.user.home / "my scratch/singularity").is_dir()


MODULE = """\
prepend_path("PATH", {})
"""


def test_singularity_may_be_a_module_itself(hpc_sif: Path, apptainer: Apptainer, tester: User, tmp_path: Path) -> None:
    modules = apptainer.share(hpc_sif).parent / "modules"
    path = modules / "singularity/3.8.lua"
    path.parent.mkdir(parents=True)
    path.write_text(MODULE.format(json.dumps(str(apptainer.program.parent))), encoding="utf-8")
    site = hpc_sif.parent / "with-module.yaml"
    site.write_text(SITE + "  module: singularity/3.8\n", encoding="utf-8")
    folder = hpc_sif.parent / "with a module"
    read = read_site(site, tmp_path)
    write_site_files(read, hpc_sif, folder)
    environ = {**tester.environ, "PATH": "/usr/bin:/bin", "MODULEPATH": str(modules), "LANG": "C.UTF-8"}
    words = [folder / "bin/python", "-c", "import sys; print(sys.prefix)"]
    done = run_as(tester, words, env=environ, cwd=tester.home, timeout_s=300)
    assert (done.returncode, done.stdout) == (0, f"{PREFIX}\n"), done.stderr
    assert check_singularity(read, environ).what == "apptainer version 1.4.5"


def test_a_scratch_that_has_no_name_is_told(loaded: Loaded) -> None:
    said = loaded.run("env -u HOME python -c 1 2>&1 || true")
    assert said.endswith("HOME: is not set, and the scratch of site is named by it\n")


def test_another_container_is_told_apart(loaded: Loaded) -> None:
    copy = loaded.folder.parent / "other.sif"
    sif = loaded.folder.parent / "hpc.sif"
    shutil.copyfile(sif, copy)
    python = shlex.quote(str(loaded.folder / "bin/python"))
    said = loaded.run(f"singularity exec {copy} {python} -c 1 2>&1 || echo $?")
    assert said.splitlines()[-2:] == [
        f"{loaded.folder}/bin/python: is a program of {sif}, and this is another container",
        "126",
    ]


def test_programs_of_the_environment_are_there_and_others_are_not(loaded: Loaded) -> None:
    names = {path.name for path in (loaded.folder / "bin").iterdir()}
    assert {"python", "python3", "python3.11", "jupyter", "jupyter-lab", "dask", "papermill"} <= names
    assert not names & {"bash", "openssl", "activate", "clear"}
    assert loaded.run("dask --version").startswith("dask, version ")


def test_a_job_without_a_notebook_says_so(loaded: Loaded) -> None:
    said = loaded.run('bash "$1/jobs/papermill.sh" 2>&1 || true')
    assert said.endswith("NOTEBOOK: is not set: it names the notebook\n")
