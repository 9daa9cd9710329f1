"""Sites are read from files that people write, and what is wrong in one is named with its line and its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindery.core import BadInput
from bindery.sif.sites import Site, list_sites, read_site, site_environ
from bindery.sif.sites.read import KEYS, SINGULARITY_KEYS

ROOT = Path(__file__).parents[3]
PLAIN = """\
scheduler: pbs
cores: 24
memory: 120GB
walltime: 01:00:00
scratch: /work/scratch/$USER
"""


def read(folder: Path, text: str, name: str = "hal") -> Site:
    path = folder / "binder/sites" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read_site(name, folder)


def test_the_sites_of_this_project_can_be_read() -> None:
    assert [(site.name, site.scheduler) for site in list_sites(ROOT)] == [("hal", "pbs"), ("slurm", "slurm")]


def test_scalars_are_what_was_written(tmp_path: Path) -> None:
    site = read(tmp_path, PLAIN + "account: 1e3\nqueue: no\nenviron:\n  LEVEL: 010\n")
    assert (site.walltime, site.account, site.queue, site.environ) == ("01:00:00", "1e3", "no", {"LEVEL": "010"})


def test_what_is_left_out_or_empty_has_its_default(tmp_path: Path) -> None:
    site = read(tmp_path, PLAIN + "queue:\n")
    assert (site.queue, site.processes, site.local_directory, site.submit) == (None, 1, "$TMPDIR", "host")
    assert (site.singularity.command, site.singularity.options, site.singularity.module) == ("singularity", (), None)


def test_a_site_is_found_by_its_path_as_well(tmp_path: Path) -> None:
    site = read(tmp_path, PLAIN)
    assert read_site(site.path, tmp_path / "elsewhere") == read_site(str(site.path), tmp_path) == site


def test_a_file_that_changes_has_another_digest(tmp_path: Path) -> None:
    assert read(tmp_path, PLAIN).digest != read(tmp_path, PLAIN + "# more\n").digest


def test_placeholders_are_found_wherever_they_are(tmp_path: Path) -> None:
    site = read(
        tmp_path,
        PLAIN + "account: <project>\nbinds: [/a, <b>]\nenviron: {A: <c>}\n"
        "singularity: {command: <d>, options: [<e>], module: <f>}\n",
    )
    assert site.placeholders == (
        ("account", "<project>"),
        ("binds[1]", "<b>"),
        ("singularity.command", "<d>"),
        ("singularity.options[0]", "<e>"),
        ("singularity.module", "<f>"),
        ("environ.A", "<c>"),
    )


def test_the_variables_of_a_job_save_people(tmp_path: Path) -> None:
    site = read(tmp_path, PLAIN + "no_proxy: [.hal]\nlocal_directory: /disk\nenviron: {OMP_NUM_THREADS: '2', A: b}\n")
    assert site_environ(site) == {
        "HDF5_USE_FILE_LOCKING": "FALSE",
        "OMP_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TMPDIR": "/disk",
        "APPTAINER_CACHEDIR": "/work/scratch/$USER/singularity",
        "APPTAINER_TMPDIR": "/work/scratch/$USER/singularity",
        "SINGULARITY_CACHEDIR": "/work/scratch/$USER/singularity",
        "SINGULARITY_TMPDIR": "/work/scratch/$USER/singularity",
        "no_proxy": "localhost,127.0.0.1,.hal",
        "NO_PROXY": "localhost,127.0.0.1,.hal",
        "A": "b",
    }


def test_a_folder_that_the_scheduler_makes_is_left_to_it(tmp_path: Path) -> None:
    assert "TMPDIR" not in site_environ(read(tmp_path, PLAIN))


FAULTS = {
    "a key that does not exist": (
        PLAIN + "local-directory: /tmp\n",
        (
            "{path}:6: there is no key local-directory\n"
            f"  fix: did you mean local_directory? the keys are {', '.join(KEYS)}"
        ),
    ),
    "a key like no other": (
        PLAIN + "xyzzy: 1\n",
        f"{{path}}:6: there is no key xyzzy\n  fix: the keys are {', '.join(KEYS)}",
    ),
    "a key of singularity": (
        PLAIN + "singularity:\n  comand: x\n",
        (
            "{path}:7: there is no key singularity.comand\n"
            f"  fix: did you mean command? the keys are {', '.join(SINGULARITY_KEYS)}"
        ),
    ),
    "a key twice": (PLAIN + "cores: 2\n", "{path}:6: cores is there twice\n  fix: keep one of them"),
    "a key missing": (
        PLAIN.replace("memory: 120GB\n", ""),
        "{path}: memory is missing\n  fix: add a line memory: …",
    ),
    "a scheduler": (
        PLAIN.replace("pbs", "sge"),
        "{path}:1: scheduler must be 'slurm' or 'pbs'\n  fix: write one of them",
    ),
    "no number": (
        PLAIN.replace("24", "many"),
        "{path}:2: cores must be a whole number\n  fix: correct the line",
    ),
    "no core": (PLAIN.replace("24", "0"), "{path}:2: cores must be 1 or more\n  fix: correct the line"),
    "a text for a list": (
        PLAIN + "binds: /work\n",
        "{path}:6: binds must be a list, one - a line\n  fix: correct the line",
    ),
    "a text for a mapping": (
        PLAIN + "environ: A=1\n",
        "{path}:6: environ must be a mapping, one NAME: value a line\n  fix: correct the line",
    ),
    "a text for singularity": (
        PLAIN + "singularity: apptainer\n",
        "{path}:6: singularity must be a mapping, one key: value a line\n  fix: correct the line",
    ),
    "a list for a text": (PLAIN + "queue: [a]\n", "{path}:6: queue must be text\n  fix: correct the line"),
    "memory": (
        PLAIN.replace("120GB", "120"),
        "{path}:3: memory is '120', which is no amount of memory\n  fix: write it like 120GB or 64GiB",
    ),
    "wall time": (
        PLAIN.replace("01:00:00", "1h"),
        "{path}:4: walltime is '1h', which is no time\n  fix: write hours, minutes and seconds: 01:00:00",
    ),
    "processes": (
        PLAIN + "processes: 25\n",
        "{path}:6: processes is 25, more than the 24 cores\n  fix: give each process a core",
    ),
    "ssh": (
        PLAIN + "submit: ssh\n",
        "{path}:6: submit is ssh, and submit_host is missing\n  fix: add a line submit_host: NAME",
    ),
    "a directive": (
        PLAIN + "directives:\n  - -l a\n  - '#PBS -l b'\n",
        "{path}:8: directives.1 has #SBATCH or #PBS, which is added\n  fix: write what follows it",
    ),
    "a variable": (
        PLAIN + "environ:\n  A-B: 1\n",
        "{path}:7: environ.A-B cannot be the name of a variable\n  fix: use letters, digits and _",
    ),
    "a line break": (
        PLAIN + 'queue: "a\\nb"\n',
        (
            "{path}:6: queue must be one line of text, without space around it\n"
            "  fix: leave the key out, or give it a value"
        ),
    ),
    "an empty module": (
        PLAIN + "singularity:\n  module: ''\n",
        (
            "{path}:7: singularity.module must be one line of text, without space around it\n"
            "  fix: leave the key out, or give it a value"
        ),
    ),
    "no YAML": (
        PLAIN + "binds: [\n",
        "{path}:7: is not YAML: expected the node content, but found '<stream end>'\n  fix: correct the line",
    ),
    "no mapping": (
        "- a\n",
        "{path}: must be a mapping, one key: value a line\n  fix: start with scheduler: pbs, or see binder/sites",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line_and_its_fix(tmp_path: Path, fault: str) -> None:
    text, expected = FAULTS[fault]
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert str(caught.value) == expected.format(path=tmp_path / "binder/sites/hal.yaml")


@pytest.mark.parametrize(
    ("name", "fix"),
    [("hall", "did you mean hal?"), ("xyzzy", "use one of hal")],
)
def test_a_site_that_is_not_there(tmp_path: Path, name: str, fix: str) -> None:
    read(tmp_path, PLAIN)
    with pytest.raises(BadInput) as caught:
        read_site(name, tmp_path)
    assert str(caught.value) == f"{tmp_path}/binder/sites: there is no site {name}\n  fix: {fix}"


def test_a_project_without_sites(tmp_path: Path) -> None:
    assert list_sites(tmp_path) == ()
    with pytest.raises(BadInput) as caught:
        read_site("hal", tmp_path)
    fix = "write binder/sites/hal.yaml"
    assert str(caught.value) == f"{tmp_path}/binder/sites: there is no site hal\n  fix: {fix}"


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadInput) as caught:
        read_site("./no.yaml", Path())
    fix = "name a site's file, or a site: bindery site lists them"
    assert str(caught.value) == f"./no.yaml: there is no such file\n  fix: {fix}"


def test_a_name_that_no_file_can_carry_on(tmp_path: Path) -> None:
    path = tmp_path / "my site.yaml"
    path.write_text(PLAIN, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_site(path, tmp_path)
    fix = "use letters, digits, '.', '_' and '-'"
    assert str(caught.value) == f"{path}: 'my site' cannot be the name of a site\n  fix: {fix}"
