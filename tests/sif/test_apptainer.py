"""A real Apptainer shows, runs, signs and verifies our files, and would have put the same into them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.sif.layers import device, file, folder, hard, link, make_image, pipe, tar
from tests.sif.signing import make_key
from tests.testbed.shell import make_shell_archive

from bindery.core import NoProgress
from bindery.images.manifest import LAYER_GZIP
from bindery.sif import convert_image, open_rootfs, read_sif

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User

    from bindery.images import Image

pytestmark = pytest.mark.testbed


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Return an image with a shell, and with what the two programs treat differently."""
    root = tmp_path_factory.mktemp("image")
    make_shell_archive(root / "shell.tar")
    upper = tar(
        folder("data", 0o700),
        file("data/a", b"1", 0o600),
        hard("data/b", "data/a"),
        hard("data/c", "data/a"),
        link("data/l", "a"),
        pipe("data/p"),
        file("su", b"#!/bin/sh\n", 0o4755),
        folder("shared", 0o2775),
        folder("sticky", 0o1777),
        file("opaque/x", b"y"),
        file("Réunion/" + "x" * 150, b"long"),
    )
    top = tar(file("data/.wh.a"), file("opaque/.wh..wh..opq"), file("opaque/z", b"z"), device("data/null"))
    return make_image(root / "layout", [(root / "shell.tar").read_bytes(), upper, top], LAYER_GZIP)


@pytest.fixture(scope="module")
def sif(image: Image, apptainer: Apptainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its SIF, which every user can read."""
    made = convert_image(image, tmp_path_factory.mktemp("sif") / "image.sif", progress=NoProgress())
    return apptainer.share(made.path)


@pytest.fixture(params=["root", "user"])
def user(request: pytest.FixtureRequest, tester: User) -> User | None:
    """Return whoever calls Apptainer: whoever tests, or an ordinary user."""
    return tester if request.param == "user" else None


def test_it_shows_what_is_inside(apptainer: Apptainer, sif: Path, user: User | None) -> None:
    listed = apptainer.run("sif", "list", sif, user=user).stdout
    words = [line.rpartition("|")[2].strip() for line in listed.splitlines() if line[:1].isdigit()]
    assert words == ["Def.FILE", "JSON.Generic", "JSON.Generic", "FS (Squashfs/*System/amd64)"]
    inspected = json.loads(apptainer.run("inspect", "--all", sif, user=user).stdout)
    attributes = inspected["data"]["attributes"]
    assert attributes["labels"]["maker"] == "tests"
    assert attributes["deffile"].startswith("bootstrap: oci\nfrom: sha256:")


def test_it_runs(apptainer: Apptainer, sif: Path, user: User | None) -> None:
    script = "echo $GREETING; cat /data/b /opaque/z; cat /Réunion/*; [ ! -e /data/a ] && [ -p /data/p ] && echo right"
    assert apptainer.run("exec", sif, "sh", "-c", script, user=user).stdout == "hello\n1zlongright\n"


def test_it_signs_and_verifies(apptainer: Apptainer, sif: Path, user: User | None, tmp_path: Path) -> None:
    home = tmp_path if user is None else user.home
    own = home / "signed.sif"
    shutil.copyfile(sif, own)
    if user is not None:
        shutil.chown(own, user.uid, user.gid)
    environ = make_key(apptainer, home / "signing", user)
    refused = apptainer.run("verify", "--local", own, user=user, env=environ, check=False)
    assert refused.returncode != 0
    apptainer.run("sign", own, user=user, env=environ)
    said = apptainer.run("verify", "--local", own, user=user, env=environ)
    assert "Tester" in said.stdout + said.stderr
    signed = read_sif(own)
    assert [(one.kind, one.linked & 0xFF) for one in signed.objects][-1] == ("signature", 1)
    assert signed.objects[:4] == read_sif(sif).objects
    with own.open("r+b") as stream:
        stream.seek(signed.rootfs.offset_bytes + 200)
        stream.write(b"changed")
    assert apptainer.run("verify", "--local", own, user=user, env=environ, check=False).returncode != 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a SIF has at a path. Hard links are seen by the name that comes first."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    mtime_s: int
    content: bytes


def seen(sif: Path) -> Mapping[str, Seen]:
    raw = io.BytesIO()
    with open_rootfs(read_sif(sif)) as stream:
        while piece := stream.read(1 << 20):
            raw.write(piece)
    raw.seek(0)
    found = {}
    with tarfile.open(fileobj=raw) as archive:
        for one in archive:
            content = archive.extractfile(one) if one.isreg() else None
            found[one.name] = Seen(
                kind=one.type,
                mode=one.mode,
                owner=(one.uid, one.gid),
                mtime_s=int(one.mtime),
                content=content.read() if content is not None else one.linkname.encode(),
            )
    return found


# What docs/sif.md names: what Singularity itself brings, and folders that no layer has an entry for.
_BROUGHT = {
    ".",
    ".exec",
    ".run",
    ".shell",
    ".test",
    "dev",
    "environment",
    "etc/hosts",
    "etc/resolv.conf",
    "home",
    "proc",
}
_BROUGHT |= {"root", "singularity", "sys", "var", "var/tmp"}


def test_apptainer_would_have_put_the_same_in(
    apptainer: Apptainer, image: Image, sif: Path, user: User | None, tmp_path: Path
) -> None:
    home = tmp_path if user is None else user.home
    layout = home / "layout"
    shutil.copytree(image.layout.root, layout)
    subprocess.run(["chmod", "-R", "a+rX", layout], check=True)
    start_s = int(time.time())
    apptainer.run("build", home / "theirs.sif", f"oci:{layout}", user=user)
    ours, theirs = seen(sif), seen(home / "theirs.sif")
    own = {path for path in {*ours, *theirs} if path in _BROUGHT or path.startswith(".singularity.d")}
    assert theirs.keys() - ours.keys() - own == {"data/null"}
    assert ours.keys() - theirs.keys() - own == set()
    for path in sorted(ours.keys() - own):
        mine, other = ours[path], theirs[path]
        assert (path, mine.kind, mine.content) == (path, other.kind, other.content)
        assert mine.owner == (0, 0)
        if other.mtime_s >= start_s:
            assert (path, mine.mode) == (path, 0o755)  # a folder that no layer has an entry for
            continue
        assert (path, mine.mtime_s) == (path, other.mtime_s)
        expected = other.mode | 0o755 if mine.kind == tarfile.DIRTYPE else readable(other.mode)
        assert (path, mine.mode) == (path, expected if mine.kind != tarfile.SYMTYPE else 0o777)


def readable(mode: int) -> int:
    return mode & 0o777 | (0o555 if mode & 0o111 else 0o444)
