"""Where ``bindery test`` is asked to run, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindery.cli.test_place import TestPlace, read_place, refuse_gateway, refuse_places
from bindery.core import BadInput, Settings, ToolFailed, WrongUse, read_settings
from bindery.notebooks.sif_target import open_sif_target

SITE = """\
scheduler: pbs
cores: 24
memory: 120GB
walltime: 01:00:00
scratch: {scratch}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "bindery.toml").write_text("")
    (tmp_path / "binder" / "sites").mkdir(parents=True)
    return read_settings(tmp_path)


def write_site(settings: Settings, more: str = "", scratch: str = "$BINDERY_TEST_SCRATCH/x") -> Path:
    path = settings.root / "binder" / "sites" / "hal.yaml"
    path.write_text(SITE.format(scratch=scratch) + more)
    return path


def write_sif(settings: Settings) -> Path:
    (settings.root / "hpc.sif").write_bytes(b"")
    return settings.root / "hpc.sif"


def test_without_options_it_is_this_machine(settings: Settings) -> None:
    place = read_place(settings, None, None)
    assert place == TestPlace()
    assert not place.is_inside


def test_a_sif_alone_holds_everything(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(settings.root)
    write_sif(settings)
    place = read_place(settings, None, Path("hpc.sif"))
    assert place == TestPlace(sif=settings.root / "hpc.sif")
    assert place.is_inside


def test_at_a_site_the_sif_is_for_workers_and_scratch_is_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINDERY_TEST_SCRATCH", str(settings.root / "scratch"))
    write_site(settings)
    place = read_place(settings, "hal", write_sif(settings))
    assert place.scratch == settings.root / "scratch" / "x"
    assert place.scratch.is_dir()
    assert not place.is_inside
    write_site(settings, "submit: ssh\nsubmit_host: login1\n")
    assert read_place(settings, "hal", write_sif(settings)).is_inside


def test_a_sif_that_is_not_there_is_an_error(settings: Settings) -> None:
    with pytest.raises(BadInput) as caught:
        read_place(settings, None, Path("none.sif"))
    assert str(caught.value) == "none.sif: there is no such file\n  fix: make it: bindery sif IMAGE -o FILE"


def test_a_site_that_submits_by_ssh_needs_a_sif(settings: Settings) -> None:
    write_site(settings, "submit: ssh\nsubmit_host: login1\n")
    with pytest.raises(WrongUse) as caught:
        read_place(settings, "hal", None)
    assert str(caught.value) == "hal submits by ssh from inside a SIF: name it with --sif"


def test_a_scratch_that_nobody_has_set_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINDERY_TEST_SCRATCH", raising=False)
    path = write_site(settings)
    with pytest.raises(BadInput) as caught:
        read_place(settings, "hal", None)
    assert str(caught.value) == (
        f"{path}: scratch names $BINDERY_TEST_SCRATCH, which is not set here\n  fix: set it, or write the folder itself"
    )


def test_a_site_that_nobody_has_filled_in_is_an_error(settings: Settings) -> None:
    path = write_site(settings, "account: <your project>\n")
    with pytest.raises(BadInput) as caught:
        read_place(settings, "hal", None)
    assert str(caught.value) == f"{path}: account is still <your project>\n  fix: fill it in"


def test_what_contradicts_the_place_is_refused(settings: Settings) -> None:
    write_site(settings, scratch=str(settings.root / "scratch"))
    site, sif = read_place(settings, "hal", None), TestPlace(sif=write_sif(settings))
    refuse_places(site, Path("p"), None, None, (None, None))
    refuse_places(site, None, "hpc", None, (None, None))
    said = []
    for place, prefix, environment, scheduler, size in (
        (site, None, None, "tcp://h:1", (None, None)),
        (site, None, None, None, (2, None)),
        (site, None, None, None, (None, "2GiB")),
        (sif, None, None, "tcp://h:1", (None, None)),
        (sif, Path("p"), None, None, (None, None)),
        (sif, None, "hpc", None, (None, None)),
    ):
        with pytest.raises(WrongUse) as caught:
            refuse_places(place, prefix, environment, scheduler, size)
        said.append(str(caught.value))
    assert said == [
        "--site and --scheduler exclude each other: each says where workers are",
        "--threads and --memory are for workers of ours: those of hal are in its file",
        "--threads and --memory are for workers of ours: those of hal are in its file",
        "--sif and --scheduler exclude each other: the workers are somebody else's",
        "everything runs inside the SIF: leave --prefix and --environment out",
        "everything runs inside the SIF: leave --prefix and --environment out",
    ]


def test_a_sif_needs_a_program_that_runs_it(settings: Settings, tmp_path: Path) -> None:
    sif = write_sif(settings)
    with pytest.raises(ToolFailed) as caught, open_sif_target(sif, None, tmp_path, {"PATH": str(tmp_path)}):
        pass
    assert str(caught.value) == (
        "--sif: neither apptainer nor singularity is on PATH\n  fix: install Apptainer, or load its module"
    )


EXCLUDES = "--gateway excludes --scheduler, --site and --sif: each says where workers are"
SIZE = "--threads and --memory are for workers of ours: the gateway's are in gateway.cluster.options"
LOGIN = "--gateway takes no user or password: DASK_GATEWAY__AUTH__KWARGS does, where nobody sees them"
NO_URL = "--gateway {}: this is no URL of a gateway, such as https://gateway.example.org"
URL = "https://gateway.example.org/services/dask"


@pytest.mark.parametrize(
    ("gateway", "scheduler", "site", "sif", "size", "said"),
    [
        (URL, "tls://x", None, None, (None, None), EXCLUDES),
        (URL, None, "hal", None, (None, None), EXCLUDES),
        (URL, None, None, Path("x.sif"), (None, None), EXCLUDES),
        (URL, None, None, None, (2, None), SIZE),
        ("https://me:secret@gateway.example.org", None, None, None, (None, None), LOGIN),
        ("gateway.example.org", None, None, None, (None, None), NO_URL.format("gateway.example.org")),
        ("gateway://x:1/abc", None, None, None, (None, None), NO_URL.format("gateway://x:1/abc")),
    ],
)
def test_what_contradicts_a_gateway_is_refused(
    gateway: str, scheduler: str | None, site: str | None, sif: Path | None, size: tuple[object, ...], said: str
) -> None:
    with pytest.raises(WrongUse) as caught:
        refuse_gateway(gateway, scheduler, site, sif, size)
    assert str(caught.value) == said


def test_a_gateway_alone_is_fine() -> None:
    refuse_gateway(URL, None, None, None, (None, None))
    refuse_gateway(None, "tls://x", "hal", None, (1, "1GB"))
