"""What is laid over an image so that Singularity can run it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from bindery.core import Json, parse_json
from bindery.images import ImageConfig, parse_config
from bindery.sif.apps import our_apps
from bindery.sif.singularity_files import encode_deffile, inspect_metadata, is_ours, singularity_members

if TYPE_CHECKING:
    from bindery.core.tarstreams import TarMember

LOCK = "sha256:" + "1" * 64
LABELS: dict[str, Json] = {"bindery.environment": "hpc", "bindery.release": "2026.11.22", "bindery.lock.digest": LOCK}
OUR_FILES = {
    ".singularity.d/bindery/enter.sh",
    ".singularity.d/bindery/jupyter_server_config.json",
    ".singularity.d/bindery/lab.py",
    ".singularity.d/env/02-host.sh",
    ".singularity.d/runscript.help",
    ".singularity.d/test",
    "etc/profile.d/zz-singularity.sh",
    *(
        f"scif/apps/{app}/scif/{name}"
        for app in ("jupyter", "notebook", "worker")
        for name in ("runscript", "runscript.help")
    ),
}
ALL_FILES = {
    ".singularity.d/Singularity",
    *(f".singularity.d/actions/{name}" for name in ("exec", "run", "shell", "start", "test")),
    *(
        f".singularity.d/env/{name}.sh"
        for name in ("01-base", "10-docker2singularity", "90-environment", "95-apps", "99-base")
    ),
    ".singularity.d/labels.json",
    ".singularity.d/runscript",
    ".singularity.d/startscript",
    "etc/hosts",
    "etc/resolv.conf",
}


def config(**run: Json) -> ImageConfig:
    """Return the configuration of an image; ``run`` as OCI has it below ``config``."""
    document: Json = {
        "os": "linux",
        "architecture": "amd64",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return parse_config(json.dumps(document).encode(), "config")


def content(members: tuple[TarMember, ...], path: str) -> str:
    """Return the text of a file."""
    (member,) = (one for one in members if one.path == path)
    assert member.open is not None
    with member.open() as stream:
        return stream.read().decode()


def attributes(found: ImageConfig) -> dict[str, Json]:
    """Return what ``inspect`` shows."""
    document = parse_json(inspect_metadata(found, encode_deffile(found)))
    assert isinstance(document, dict)
    assert document["type"] == "container"
    data = document["data"]
    assert isinstance(data, dict)
    shown = data["attributes"]
    assert isinstance(shown, dict)
    return shown


def test_a_foreign_image_gets_what_singularity_needs() -> None:
    members = singularity_members(config())
    assert {one.path for one in members if one.open} == ALL_FILES
    assert {one.path: one.target for one in members if one.target} == {
        "singularity": ".singularity.d/runscript",
        "environment": ".singularity.d/env/90-environment.sh",
        ".run": ".singularity.d/actions/run",
        ".exec": ".singularity.d/actions/exec",
        ".shell": ".singularity.d/actions/shell",
        ".test": ".singularity.d/actions/test",
    }
    assert {one.path for one in members if one.mode == 0o1777} == {"tmp", "var/tmp"}
    assert not is_ours(config())


def test_an_image_of_ours_gets_its_apps_help_and_test() -> None:
    ours = config(Labels=LABELS)
    members = singularity_members(ours)
    assert {one.path for one in members if one.open} == ALL_FILES | OUR_FILES
    assert is_ours(ours)
    assert content(members, ".singularity.d/runscript.help").startswith(
        f"The environment hpc@2026.11.22, as its lock has it.\nlock: {LOCK}\n"
    )


def test_what_is_started_can_be_executed_and_what_is_read_cannot() -> None:
    members = singularity_members(config(Labels=LABELS))
    plain = {".singularity.d/Singularity", ".singularity.d/labels.json", ".singularity.d/runscript.help"}
    plain |= {".singularity.d/bindery/jupyter_server_config.json", "etc/profile.d/zz-singularity.sh"}
    plain |= {"etc/hosts", "etc/resolv.conf", *(path for path in OUR_FILES if path.endswith(".help"))}
    assert {one.path for one in members if one.open and one.mode == 0o644} == plain


def test_every_folder_of_a_file_is_named() -> None:
    members = singularity_members(config(Labels=LABELS))
    folders = {one.path for one in members if one.open is None and one.target is None}
    named = {one.path.rpartition("/")[0] for one in members} - {"", "etc/profile.d"}
    assert named <= folders


@pytest.mark.parametrize("name", ["member", "metadata"])
def test_labels_are_the_images_and_singularitys(name: str) -> None:
    found = config(Labels=LABELS | {"a": "b"})
    shown = json.loads(content(singularity_members(found), ".singularity.d/labels.json"))
    assert (shown if name == "member" else attributes(found)["labels"]) == {
        **LABELS,
        "a": "b",
        "org.label-schema.build-arch": "amd64",
        "org.label-schema.schema-version": "1.0",
        "org.label-schema.usage": "/.singularity.d/runscript.help",
        "org.label-schema.usage.singularity.deffile.bootstrap": "oci",
        "org.label-schema.usage.singularity.deffile.from": str(found.digest),
        "org.label-schema.usage.singularity.runscript.help": "/.singularity.d/runscript.help",
    }


def test_inspect_shows_what_the_files_say() -> None:
    found = config(Labels=LABELS, Env=["PATH=/bin", "A=1"])
    members = singularity_members(found)
    shown = attributes(found)
    for key, path in (
        ("runscript", ".singularity.d/runscript"),
        ("startscript", ".singularity.d/startscript"),
        ("test", ".singularity.d/test"),
        ("helpfile", ".singularity.d/runscript.help"),
        ("deffile", ".singularity.d/Singularity"),
    ):
        assert shown[key] == content(members, path).strip()
    script = ".singularity.d/env/10-docker2singularity.sh"
    assert shown["environment"] == {
        f"/{script}": content(members, script).strip(),
        "/.singularity.d/env/90-environment.sh": "#!/bin/sh",
    }
    assert shown["apps"] == {
        app.name: {"runscript": app.runscript.strip(), "helpfile": app.help_text.strip()} for app in our_apps()
    }
    assert set(attributes(config())) == {"environment", "labels", "runscript", "startscript", "deffile"}


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "given", "said"),
    [
        (["/bin/echo", "a  b", "it's", "$HOME"], ["c  d", '"q"'], [], 'a  b it\'s $HOME c  d "q"\n'),
        (["/bin/echo", "a  b"], ["c  d"], ["e  f", "$X"], "a  b e  f evaluated\n"),
        (["/bin/echo", "a"], [], [], "a\n"),
        ([], ["/bin/sh", "-c", "echo $X"], [], "evaluated\n"),
        ([], ["/bin/false"], ["/bin/echo", "x"], "x\n"),
        ([], [], [], ""),
        ([], [], ["/bin/echo", "x"], "x\n"),
    ],
)
def test_a_foreign_image_runs_its_entrypoint_and_command(
    entrypoint: list[Json], cmd: list[Json], given: list[str], said: str
) -> None:
    script = content(singularity_members(config(Entrypoint=entrypoint, Cmd=cmd)), ".singularity.d/runscript")
    words = ["/bin/sh", "-c", script, "runscript", *given]
    done = subprocess.run(
        words, env={"X": "evaluated"}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (said, "")


def test_words_are_left_alone_where_somebody_asks_for_that() -> None:
    script = content(singularity_members(config(Entrypoint=["/bin/echo"])), ".singularity.d/runscript")
    words = ["/bin/sh", "-c", script, "runscript", "$X", '"']
    done = subprocess.run(words, env={"SINGULARITY_NO_EVAL": "1"}, capture_output=True, text=True, check=True)
    assert done.stdout == '$X "\n'


def test_the_definition_names_the_image() -> None:
    assert encode_deffile(config()).decode() == f"bootstrap: oci\nfrom: {config().digest}\n"
