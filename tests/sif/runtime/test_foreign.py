"""An image that is not ours does what the file does that ``apptainer build`` makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from tests.testbed.shell import make_shell_archive, make_shell_image

from bindery.core import NoProgress
from bindery.images import make_layout, parse_manifest, read_image
from bindery.images.manifest import CONFIG, MANIFEST, Descriptor, encode_config, encode_manifest
from bindery.sif import convert_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User

    from bindery.images.layout import Layout

pytestmark = pytest.mark.testbed

ENV = ("PATH=/bin:/usr/bin", "HOME=/srv/repo", "GREETING=from the image", "EMPTY=", "LANG=C")
SHOW = 'printf "%s|%s|%s|%s\\n" "$GREETING" "$EMPTY" "$HOME" "$LANG"; echo "$PATH"; for w; do echo "<$w>"; done'


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two files of one image: the one that Apptainer made, and ours."""

    theirs: Path
    ours: Path


@pytest.fixture(scope="module")
def shell_layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    folder = tmp_path_factory.mktemp("foreign")
    make_shell_archive(folder / "shell.tar")
    layout = make_layout(folder / "layout")
    make_shell_image(folder / "shell.tar", layout, "shell:1")
    return layout


@pytest.fixture(scope="module", params=["entrypoint", "command", "both", "neither"])
def pair(
    request: pytest.FixtureRequest, shell_layout: Layout, apptainer: Apptainer, tmp_path_factory: pytest.TempPathFactory
) -> Pair:
    show = ("/bin/sh", "-c", SHOW, "it")
    entrypoint, cmd = {
        "entrypoint": (show, ()),
        "command": ((), (*show, "a  b", "$GREETING")),
        "both": ((*show, "it's"), ('"c"', "d  e", "$HOME")),
        "neither": ((), ()),
    }[request.param]
    folder = tmp_path_factory.mktemp("pair")
    image = read_image(shell_layout, "shell:1")
    raw = encode_config(replace(image.config, env=ENV, entrypoint=entrypoint, cmd=cmd))
    layout = make_layout(folder / "layout")
    for descriptor, _ in image.layers:
        layout.blob_path(descriptor.digest).hardlink_to(shell_layout.blob_path(descriptor.digest))
    config = Descriptor(media_type=CONFIG, digest=layout.write_blob(raw), size_bytes=len(raw))
    manifest = encode_manifest(config, [descriptor for descriptor, _ in image.layers])
    layout.write_blob(manifest)
    layout.tag("it:1", parse_manifest(manifest, MANIFEST).descriptor)
    convert_image(read_image(layout, "it:1"), folder / "ours.sif", progress=NoProgress())
    apptainer.run("build", folder / "theirs.sif", f"oci:{layout.root}")
    return Pair(theirs=apptainer.share(folder / "theirs.sif"), ours=apptainer.share(folder / "ours.sif"))


@pytest.mark.parametrize("words", [(), ("x  y", "$GREETING", "it;"), ("/bin/sh", "-c", "echo $GREETING")])
@pytest.mark.parametrize("host", [{}, {"GREETING": "from the host", "EMPTY": "full", "SINGULARITY_NO_EVAL": "1"}])
def test_run_is_the_same(
    pair: Pair, apptainer: Apptainer, tester: User, words: tuple[str, ...], host: dict[str, str]
) -> None:
    done = [apptainer.run("run", sif, *words, user=tester, env=host, check=False) for sif in (pair.theirs, pair.ours)]
    if done[0].stdout.startswith(("APPTAINER", "GREETING=", "EMPTY=")):
        # Without a command, without words: theirs prints its variables, ours is a shell.
        assert (done[1].returncode, done[1].stdout) == (0, "")
    else:
        assert (done[1].returncode, done[1].stdout) == (done[0].returncode, done[0].stdout)


def test_exec_has_the_same_variables(pair: Pair, apptainer: Apptainer, tester: User) -> None:
    for host in ({}, {"GREETING": "from the host", "PYTHONPATH": "/opt"}):
        words = ("/bin/sh", "-c", "export -p")
        theirs, ours = (
            apptainer.run("exec", sif, *words, user=tester, env=host).stdout.replace(str(sif), "FILE").splitlines()
            for sif in (pair.theirs, pair.ours)
        )
        changing = ("export APPTAINER_NAME", "export SINGULARITY_NAME")
        assert [one for one in ours if not one.startswith(changing)] == [
            one for one in theirs if not one.startswith(changing)
        ]


def test_inspect_shows_the_same_labels_but_for_those_of_the_build(pair: Pair, apptainer: Apptainer) -> None:
    theirs, ours = (
        json.loads(apptainer.run("inspect", "--json", sif).stdout)["data"]["attributes"]["labels"]
        for sif in (pair.theirs, pair.ours)
    )
    built = {"org.label-schema.build-date", "org.label-schema.usage.apptainer.version"}
    built.add("org.label-schema.usage.singularity.deffile.from")
    assert {key: value for key, value in ours.items() if key not in built} == {
        key: value for key, value in theirs.items() if key not in built
    }
    assert set(ours) == set(theirs) - {"org.label-schema.build-date", "org.label-schema.usage.apptainer.version"}
