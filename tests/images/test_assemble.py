from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.conftest import ordinary_user
from tests.images.small import build_small, fingerprint, write_base

from bindery.core import BadInput, Store, digest_bytes
from bindery.images import Layout, open_layout, store_layout
from bindery.images.assemble import ImageRecipe, assemble_image, plan_config
from bindery.images.layers import Layer
from bindery.images.manifest import (
    DOCKER_LAYER_GZIP,
    LAYER_GZIP,
    REF_NAME,
    Descriptor,
    HistoryEntry,
    parse_config,
    parse_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
# As the layers' golden digests: who changes them changes everybody's images.
FINGERPRINT = """\
sha256:d77206fb4e7d05956776cc1cd866b019c821c1b90c58d6b73636d77290b889a5
sha256:222b2495e951e9ab77849aa3795eff53e429291c44b9c9eeb6279ba4635634bc
sha256:e8d679e4a3861ef24e1b61a2d96073a3548d26a11ba1ba9c067532da71659bf4
sha256:d16190928c627b828b8fd3ad9a9f471063b45c6b0b56b0a2ad14db55496f0b24
sha256:0fedccfcd07869ceec52530312766339b6add565df686638aa1034031ae6aaec
sha256:d9775d8633262951c559f181e1f2840d9225f0c314b6d4514037474d3af77804
sha256:b4125d06714e305e34e51820c1866654e5b42b1cd242f8641166842eb625653a
sha256:d1882bd710d4700a2ab1675b12e7330c1b10b85fe06dd2a8cd8a0ac7856dec23
sha256:182f3e46c1934d0c65cde7ff0a82f8c2138add9a98895a05f70d3483e3f2ad48
"""
ABSENT = digest_bytes(b"absent")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return store_layout(Store(tmp_path / "store"))


def test_an_image_has_these_digests(tmp_path: Path) -> None:
    assert fingerprint(build_small(tmp_path)).split() == FINGERPRINT.split()


@contextmanager
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@contextmanager
def time_zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Chatham"
    time.tzset()
    yield
    del os.environ["TZ"]
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@contextmanager
def one_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize("circumstance", [umask, time_zone, one_core, ordinary_user])
def test_digests_do_not_depend_on(tmp_path: Path, circumstance: object) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(("pytest-", "popen-")):
            folder.chmod(0o755)
    with circumstance():  # type: ignore[operator]
        folder = tmp_path / "é" / "elsewhere"
        assert fingerprint(build_small(folder)).split() == FINGERPRINT.split()


# Hashing and compressing have special code for newer ones.
OLD_PROCESSOR = {
    "x86_64": ["qemu-x86_64", "-cpu", "qemu64,-sse3,-cx16"],
    "aarch64": ["qemu-aarch64", "-cpu", "cortex-a53"],
}


@pytest.mark.parametrize(
    ("program", "environ"),
    [
        ([], {"PYTHONHASHSEED": "1"}),
        ([], {"LC_ALL": "C"}),
        (["faketime", "-f", "+1d"], {}),
        (OLD_PROCESSOR[platform.machine()], {}),
    ],
    ids=["hash seed", "locale", "day", "old processor"],
)
def test_digests_do_not_depend_on_the_process(tmp_path: Path, program: list[str], environ: dict[str, str]) -> None:
    words = [*program, sys.executable, "-m", "tests.images.small", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, check=True, text=True)
    assert done.stdout.split() == FINGERPRINT.split()


def test_an_image_is_its_base_its_layers_and_what_is_set(tmp_path: Path) -> None:
    image = build_small(tmp_path)

    base = image.layout.resolve("base")
    below = parse_manifest(image.layout.read_blob(base, "base"), "base")
    assert image.manifest.layers[:1] == below.layers
    assert len(image.layers) == 7
    assert image.config.env == ("PATH=/srv/conda/envs/notebook/bin:/bin", "LANG=C", "A=1")
    assert image.config.labels == {"a": "1", "b": "2"}
    assert (image.config.entrypoint, image.config.cmd) == (("/usr/local/bin/start",), ("jupyter", "lab"))
    assert (image.config.user, image.config.working_dir) == ("1000:1000", "/home/jovyan")
    assert image.config.exposed_ports == ("8888/tcp",)
    assert image.manifest.annotations == {"y": "1", "z": "é"}
    assert [one.created_by for one in image.config.history] == [
        "base",
        "bindery: python",
        "bindery: packages 07",
        "bindery: packages 15",
        "bindery: packages 23",
        "bindery: packages 28",
        "bindery: environment",
    ]
    named = image.layout.names()["small:1"]
    assert named == replace(image.descriptor, annotations={REF_NAME: "small:1"}, platform=("linux", "amd64"))


def test_another_program_reads_the_image(tmp_path: Path) -> None:
    image = build_small(tmp_path)
    words = ["skopeo", "copy", f"oci:{image.layout.root}:small:1", f"dir:{tmp_path / 'copy'}"]
    subprocess.run(words, check=True, capture_output=True)
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == image.manifest.raw
    words = ["skopeo", "inspect", "--config", f"oci:{image.layout.root}:small:1"]
    config = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    assert config["rootfs"]["diff_ids"] == [str(one) for one in image.config.diff_ids]


def test_a_base_comes_from_another_layout(tmp_path: Path, layout: Layout) -> None:
    other = store_layout(Store(tmp_path / "other"))
    base = write_base(other)
    recipe = ImageRecipe(base=base, layers=())

    image = assemble_image(recipe, layout, "copy")

    assert layout.has_blob(base.manifest.layers[0].digest)
    assert image.config.diff_ids == base.config.diff_ids
    assert open_layout(layout.root).names().keys() == {"copy"}
    assert assemble_image(recipe, layout, "copy").digest == image.digest


def test_a_damaged_base_is_refused(tmp_path: Path, layout: Layout) -> None:
    other = store_layout(Store(tmp_path / "other"))
    base = write_base(other)
    digest = base.manifest.layers[0].digest
    path = other.blob_path(digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(BadInput) as caught:
        assemble_image(ImageRecipe(base=base, layers=()), layout, "copy")
    assert str(caught.value) == (
        f"{path}: the blob does not have its digest {digest}\n  fix: remove it, and make or pull the image again"
    )
    assert layout.names() == {}
    path.unlink()
    with pytest.raises(BadInput) as caught:
        assemble_image(ImageRecipe(base=base, layers=()), layout, "copy")
    assert str(caught.value) == f"{other.root}: there is no blob {digest}"


def test_dockers_types_become_ocis(layout: Layout) -> None:
    base = write_base(layout)
    docker = tuple(replace(one, media_type=DOCKER_LAYER_GZIP) for one in base.manifest.layers)
    recipe = ImageRecipe(base=replace(base, manifest=replace(base.manifest, layers=docker)), layers=())
    assert [one.media_type for one in assemble_image(recipe, layout, "x").manifest.layers] == [LAYER_GZIP]


def test_a_history_is_kept_if_it_tells_of_every_layer(layout: Layout) -> None:
    base = write_base(layout)
    layer = Layer(
        descriptor=Descriptor(media_type=LAYER_GZIP, digest=ABSENT, size_bytes=1), diff_id=ABSENT, title="one"
    )

    def history(*entries: HistoryEntry) -> tuple[HistoryEntry, ...]:
        below = replace(base, config=replace(base.config, history=entries))
        return plan_config(ImageRecipe(base=below, layers=(layer,))).history

    own = HistoryEntry(created_by="bindery: one")
    told = (
        HistoryEntry(created_by="FROM x", created="2025-01-01T00:00:00Z"),
        HistoryEntry(created_by="ENV", empty=True),
    )
    assert history(*told) == (*told, own)
    assert history() == (HistoryEntry(created_by="base"), own)
    assert history(told[1]) == (HistoryEntry(created_by="base"), own)


def test_variables_do_not_depend_on_their_order(layout: Layout) -> None:
    base = write_base(layout)
    values = {"Z": "1", "PATH": "/x=y", "B": "", "A": "2"}
    for some in (values, dict(reversed(list(values.items())))):
        config = plan_config(ImageRecipe(base=base, layers=(), env=some))
        assert config.env == ("PATH=/x=y", "LANG=C", "A=2", "B=", "Z=1")


def test_the_configuration_keeps_what_the_base_must_have(layout: Layout) -> None:
    base = write_base(layout)
    config = parse_config(base.config.raw, "x")
    below = replace(base, config=replace(config, stop_signal="SIGINT", volumes=("/data",), entrypoint=("/x",)))
    found = plan_config(ImageRecipe(base=below, layers=()))
    assert (found.stop_signal, found.volumes, found.entrypoint) == ("SIGINT", (), ())
