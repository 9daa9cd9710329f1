from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.clusters.job_script import local_directory, prefix_prologue, quote_expanding, sif_prologue, sif_python
from bindery.clusters.jobs import JobWorkers, begin_job_cluster, plan_options
from bindery.core import BadInput
from bindery.sif.sites import Site, read_site

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPTS = Path(__file__).with_name("scripts")
HAL = """\
scheduler: {scheduler}
queue: qdev
account: pangeo
cores: 24
processes: 8
memory: 120GB
walltime: 01:00:00
interface: ib0
scratch: /scratch/$USER
binds: ["/work:/work:ro", "/data sets"]
singularity:
  command: singularity
  options: [--cleanenv, --no-home]
  module: singularity/3.5.3
directives: ["-m n"]
"""
RENDER = """
import json, sys
import dask_jobqueue
kind, options = json.load(sys.stdin)
job = {"slurm": dask_jobqueue.SLURMCluster, "pbs": dask_jobqueue.PBSCluster}[kind].job_cls
print(job("tls://10.0.0.1:8786", name="hal-0", protocol="tls://", **options).job_script(), end="")
"""


def make_site(folder: Path, text: str) -> Site:
    folder.mkdir(exist_ok=True)
    (folder / "hal.yaml").write_text(text)
    return read_site(folder / "hal.yaml", folder)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("--nv", "--nv"),
        ("/scratch/$USER/x", '"/scratch/$USER/x"'),
        ("${HOME}/my files", '"${HOME}/my files"'),
        ('a$(id)`id`"b\\', '"a\\$(id)\\`id\\`\\"b\\\\"'),
        ("5$", '"5\\$"'),
        ("", '""'),
    ],
)
def test_variables_are_expanded_and_nothing_else_is(text: str, quoted: str) -> None:
    assert quote_expanding(text) == quoted
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s' {quoted}"],
        env={"USER": "ann", "HOME": "/h o"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == text.replace("$USER", "ann").replace("${HOME}", "/h o")


def test_the_sif_s_python_sees_the_site_s_folders_and_the_run_s(tmp_path: Path) -> None:
    site = make_site(tmp_path, HAL.format(scheduler="pbs"))
    assert sif_python(site, Path("/my sifs/it's.sif"), [Path("/r/1"), Path("/r/1")]) == (
        'singularity exec --cleanenv --no-home --bind /work:/work:ro --bind "/data sets" --bind /r/1'
        " '/my sifs/it'\"'\"'s.sif' python"
    )


def test_the_module_comes_first_and_a_lock_of_the_host_is_forgotten(tmp_path: Path) -> None:
    site = make_site(tmp_path, HAL.format(scheduler="pbs") + "environ: {MODE: 'x y', FOLDER: $TMPDIR/z}\n")
    lines = sif_prologue(site, {"OWN": "it's"})
    assert lines[:3] == ("module load singularity/3.5.3", "unset BINDERY_LOCK", "export HDF5_USE_FILE_LOCKING=FALSE")
    assert lines[-3:] == ('export MODE="x y"', 'export FOLDER="$TMPDIR/z"', "export OWN='it'\"'\"'s'")


def test_a_prefix_s_own_variables_are_set_and_foreign_ones_are_not(tmp_path: Path) -> None:
    site = make_site(tmp_path, HAL.format(scheduler="slurm"))
    lines = prefix_prologue(site, Path("/store/p x"), {})
    assert lines[0].startswith("unset BINDERY_LOCK CONDA_EXE ")
    assert " PYTHONPATH " in f"{lines[0]} "
    assert "export CONDA_PREFIX='/store/p x'" in lines
    assert lines[-1] == "export PATH='/store/p x/bin':$PATH"
    assert not any(line.startswith("module load") for line in lines)


def test_spilled_data_go_where_the_site_says(tmp_path: Path) -> None:
    text = HAL.format(scheduler="slurm")
    assert local_directory(make_site(tmp_path, text)) == '"${TMPDIR:-/tmp}"'
    assert local_directory(make_site(tmp_path, text + "local_directory: /local\n")) == "/local"


def test_a_cluster_s_words(tmp_path: Path) -> None:
    site = make_site(tmp_path, HAL.format(scheduler="pbs"))
    assert str(JobWorkers(site=site, workers=2, sif=Path("/s/hpc.sif"))) == (
        "2 workers, 3 threads each, 120GB a job, PBS jobs on hal, in hpc.sif"
    )
    one = make_site(tmp_path, HAL.format(scheduler="slurm").replace("cores: 24", "cores: 8"))
    assert (
        str(JobWorkers(site=one, workers=1)) == "1 worker, 1 thread each, 120GB a job, Slurm jobs on hal, in the prefix"
    )


def test_a_folder_that_a_job_script_cannot_name_is_refused(tmp_path: Path) -> None:
    site = make_site(tmp_path, HAL.format(scheduler="pbs"))
    with pytest.raises(BadInput) as caught:
        begin_job_cluster(
            tmp_path / "python", {}, JobWorkers(site=site, workers=1), lock_digest="", folder=tmp_path / "a b"
        )
    assert str(caught.value) == (
        f"{tmp_path}/a b: has characters that dask-jobqueue would hand to the shell unquoted\n"
        f"  fix: give another folder as scratch in {tmp_path}/hal.yaml"
    )


def test_an_environment_without_dask_jobqueue_is_refused(
    stack_python: Callable[[str], Path], base_environ: dict[str, str], tmp_path: Path
) -> None:
    python, site = stack_python("3.11"), make_site(tmp_path, HAL.format(scheduler="pbs"))
    starting = begin_job_cluster(
        python, base_environ, JobWorkers(site=site, workers=1), lock_digest="", folder=tmp_path / "c"
    )
    with pytest.raises(BadInput) as caught:
        starting.finish()
    assert str(caught.value) == (
        f"{python}: there is no dask-jobqueue in this environment, and its workers are to be jobs of a batch queue\n"
        "  fix: the environment hpc has it: bindery test -e hpc"
    )


@pytest.mark.parametrize("scheduler", ["pbs", "slurm"])
@pytest.mark.parametrize("place", ["sif", "prefix"])
def test_job_scripts(
    scheduler: str, place: str, hpc_python: Path, base_environ: dict[str, str], tmp_path: Path, *, update_golden: bool
) -> None:
    site = make_site(tmp_path, HAL.format(scheduler=scheduler))
    sif = Path("/sifs/hpc 1.sif") if place == "sif" else None
    workers = JobWorkers(site=site, workers=8, sif=sif, folders=(Path("/scratch/ann/run"),))
    folder = tmp_path / "c"
    own = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}
    options = plan_options(workers, "/scratch/ann/home", hpc_python, "bdry-0a1b2c3d", own, folder / "admit.py")
    rendered = subprocess.run(
        [hpc_python, "-c", RENDER],
        input=json.dumps([scheduler, options]),
        env=base_environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown = rendered.replace(str(folder), "/scratch/ann/run/cluster").replace(str(hpc_python.parent.parent), "/store/p")
    golden = SCRIPTS / f"{scheduler}-{place}.sh"
    if update_golden:
        golden.write_text(shown)
    assert shown == golden.read_text()
