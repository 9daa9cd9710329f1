"""Files of a site lie in a folder, whole; what is stale in it is known, and why."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sif.sites.conftest import LABELS, VARIABLES

from bindery.core import BadInput
from bindery.sif.format import NewObject, SifIdentity, write_sif
from bindery.sif.sites import Stale, find_stale, read_origin, read_site, shim_lines, write, write_site_files
from bindery.sif.sites.contents import SifContents, read_contents
from bindery.sif.sites.render import render_site_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sif.sites.conftest import MakeSif, MakeSite

pytestmark = pytest.mark.testbed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "of it's"


def test_what_is_written(make_site: MakeSite, make_sif: MakeSif, folder: Path) -> None:
    paths = write_site_files(make_site("pbs"), make_sif(), folder)
    assert [str(path.relative_to(folder)) for path in paths] == [
        *("bin/dask", "bin/python", "bin/python3", "dask/image-dask.yaml", "dask/jobqueue.yaml", "include"),
        *("inside/dask", "inside/python", "inside/python3"),
        *(
            "jobs/jupyter.sh",
            "jobs/papermill.sh",
            "jobs/test.sh",
            "lib",
            "libexec/enter.sh",
            "libexec/run",
            "libexec/settings.sh",
        ),
        *("modulefiles/ocean/2026.11.22", "modulefiles/ocean/2026.11.22.lua", "share"),
    ]
    links = {str(path.relative_to(folder)): str(path.readlink()) for path in paths if path.is_symlink()}
    assert links == {
        "dask/image-dask.yaml": "/srv/conda/etc/dask.yaml",
        **{name: f"/srv/conda/envs/notebook/{name}" for name in ("include", "lib", "share")},
        **{f"inside/{name}": f"/srv/conda/envs/notebook/bin/{name}" for name in ("dask", "python", "python3")},
    }
    files = [path for path in paths if not path.is_symlink()]
    executable = [str(path.relative_to(folder)) for path in files if path.stat().st_mode & 0o777 == 0o755]
    assert executable == [
        *("bin/dask", "bin/python", "bin/python3"),
        *("jobs/jupyter.sh", "jobs/papermill.sh", "jobs/test.sh", "libexec/run"),
    ]
    assert all(path.stat().st_mode & 0o777 in {0o644, 0o755} for path in files)


def test_every_file_says_what_it_was_made_of(make_site: MakeSite, make_sif: MakeSif, folder: Path) -> None:
    site, sif = make_site("slurm"), make_sif()
    contents = read_contents(sif)
    marks = (f"site: site {site.digest}\n", f'sif: "{sif}" {contents.digest}\n', "written by bindery ")
    for path in write_site_files(site, sif, folder):
        if not path.is_symlink():
            text = path.read_text(encoding="utf-8")
            assert all(mark in text for mark in marks), path
    origin = read_origin(folder)
    assert (origin.site, origin.site_digest, origin.sif, origin.sif_digest) == (
        *("site", site.digest),
        *(sif, contents.digest),
    )


ELSEWHERE = "submit: ssh\nsubmit_host: {host}\n"


@pytest.mark.parametrize(
    ("scheduler", "programs"), [("slurm", ["sbatch", "scancel", "squeue"]), ("pbs", ["qdel", "qstat", "qsub"])]
)
def test_the_queue_s_programs_are_written_where_jobs_are_submitted_elsewhere(
    make_site: MakeSite, make_sif: MakeSif, folder: Path, scheduler: str, programs: list[str]
) -> None:
    write_site_files(make_site(scheduler, ELSEWHERE.format(host="me@login1")), make_sif(), folder)
    for path in (shims := sorted((folder / "shims").iterdir())):
        assert path.stat().st_mode & 0o777 == 0o755
        first, mark, *rest = path.read_text(encoding="utf-8").splitlines()
        assert (first, mark.split(":")[0].rpartition(" ")[0]) == ("#!/bin/sh", "# written by bindery")
        assert "\n".join(rest[2:]) + "\n" == shim_lines(path.name, "me@login1")
    assert [path.name for path in shims] == programs
    assert f"{folder.name}/shims".replace("'", "'\"'\"'") in (folder / "libexec/enter.sh").read_text(encoding="utf-8")

    here = make_site(scheduler)
    write_site_files(here, make_sif(), folder)
    assert list((folder / "shims").iterdir()) == []
    assert "PREPEND_PATH" not in (folder / "libexec/enter.sh").read_text(encoding="utf-8")


def test_a_submit_host_that_cannot_be_one(make_site: MakeSite, contents: SifContents, folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        render_site_files(make_site("slurm", ELSEWHERE.format(host="-oProxyCommand=id")), contents, folder)
    fix = "write it like user@login1.example.org"
    assert str(caught.value) == f"-oProxyCommand=id: cannot be the name of a host\n  fix: {fix}"


def test_programs_that_are_gone_are_gone(make_site: MakeSite, make_sif: MakeSif, folder: Path) -> None:
    site = make_site("slurm")
    write_site_files(site, make_sif(), folder)
    write_site_files(site, make_sif(programs=("python",)), folder)
    assert [path.name for part in ("bin", "inside") for path in (folder / part).iterdir()] == ["python", "python"]
    assert find_stale(site, folder) == ()


def test_a_sif_without_a_release_is_named_by_its_id(make_sif: MakeSif) -> None:
    contents = read_contents(make_sif(labels={"bindery.environment": "ocean"}))
    assert (contents.name, contents.version) == ("ocean", "000000000000")


def test_what_is_stale_is_named_with_the_reason(
    make_site: MakeSite, make_sif: MakeSif, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, sif = make_site("slurm"), make_sif()
    write_site_files(site, sif, folder)
    assert find_stale(site, folder) == ()

    (folder / "bin/dask").unlink()
    (folder / "inside/python").unlink()
    (folder / "inside/python").symlink_to("/usr/bin/python")
    (folder / "jobs/test.sh").chmod(0o700)
    with (folder / "libexec/enter.sh").open("a", encoding="utf-8") as stream:
        stream.write("# mine\n")
    assert find_stale(site, folder) == (
        Stale(path="bin/dask", why="is missing"),
        Stale(path="inside/python", why="was edited"),
        Stale(path="jobs/test.sh", why="has the mode 700, not 755"),
        Stale(path="libexec/enter.sh", why="was edited"),
    )

    changed = make_site("slurm", "title: changed\n")
    make_sif(programs=("python", "jupyter"))
    monkeypatch.setattr(write, "__version__", "99.0")
    assert [(one.path, one.why) for one in find_stale(changed, folder)] == [
        ("", f"written by bindery {read_origin(folder).version}, and this is 99.0"),
        ("", f"{changed.path} has changed since"),
        ("", f"the SIF {sif} has changed since"),
    ]

    other = folder.parent / "other.yaml"
    shutil.copyfile(changed.path, other)
    sif.unlink()
    assert find_stale(changed, folder) == (Stale(path="", why=f"the SIF {sif} is not there"),)


def test_files_of_another_site_are_stale(make_site: MakeSite, make_sif: MakeSif, folder: Path) -> None:
    site = make_site("slurm")
    write_site_files(site, make_sif(), folder)
    other = folder.parent / "other.yaml"
    shutil.copyfile(site.path, other)
    assert find_stale(read_site(other, folder), folder) == (Stale(path="", why="written for the site site, not other"),)


def test_a_folder_without_files_of_a_site(make_site: MakeSite, folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        find_stale(make_site("slurm"), folder)
    fix = "bindery site NAME --sif FILE -o FOLDER writes them"
    assert str(caught.value) == f"{folder}: has no files of a site\n  fix: {fix}"


FIX = "make one of this project's images: bindery sif"


OTHERS: dict[str, tuple[dict[str, Sequence[str]], str]] = {
    "no label": ({"labels": ()}, "does not say which environment it holds"),
    "no prefix": ({"variables": ("PATH=/bin",)}, "does not say which environment it holds"),
    "no Python": ({"programs": ("dask",)}, "has no /srv/conda/envs/notebook/bin/python"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_sifs_that_are_not_ours(make_sif: MakeSif, other: str) -> None:
    given, what = OTHERS[other]
    sif = make_sif(
        labels={} if "labels" in given else LABELS,
        variables=given.get("variables", VARIABLES),
        programs=given.get("programs", ("python",)),
    )
    with pytest.raises(BadInput) as caught:
        read_contents(sif)
    assert str(caught.value) == f"{sif}: {what}\n  fix: {FIX}"


def test_metadata_that_is_not_json(tmp_path: Path) -> None:
    sif = tmp_path / "x.sif"
    broken = (NewObject(kind="json", name="inspect-metadata.json", content=b"{"),)
    write_sif(sif, broken, SifIdentity(architecture="amd64", uuid=uuid.UUID(int=7), created_s=0))
    with pytest.raises(BadInput) as caught:
        read_contents(sif)
    assert str(caught.value) == f"{sif}: inspect-metadata.json is not JSON\n  fix: {FIX}"


def test_a_site_that_is_not_filled_in(make_site: MakeSite, contents: SifContents, folder: Path) -> None:
    site = make_site("pbs", "account: <project>\n")
    with pytest.raises(BadInput) as caught:
        render_site_files(site, contents, folder)
    assert str(caught.value) == f"{site.path}: account is still <project>\n  fix: fill it in"


def test_folders_that_lists_of_paths_cannot_hold(make_site: MakeSite, contents: SifContents) -> None:
    site = make_site("pbs")
    for name in ("/a:b", "/a,b", '/a"b'):
        with pytest.raises(BadInput) as caught:
            render_site_files(site, contents, Path(name))
        what = "has a colon, a comma or a double quote, which no list of paths can"
        assert str(caught.value) == f"{name}: {what}\n  fix: use another folder"
    with pytest.raises(BadInput) as caught:
        render_site_files(site, contents, Path("/a\udcff"))
    assert str(caught.value) == "'/a\\udcff': is not UTF-8\n  fix: use another folder"
