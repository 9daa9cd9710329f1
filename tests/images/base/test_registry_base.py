"""A base from a registry: its digest is locked, whatever its tag says later."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress
from bindery.images.base import makes_base, read_base_lock
from bindery.images.registry import parse_reference, push_image

if TYPE_CHECKING:
    from tests.images.base.conftest import Bench
    from tests.testbed.registry import Registry

    from bindery.images import Image

pytestmark = pytest.mark.testbed


def push(image: Image, text: str) -> None:
    reference = parse_reference(text)
    push_image(image.layout, image, reference, [reference.tag or "latest"], progress=NoProgress())


def test_the_digest_stays_when_the_tag_moves_on(bench: Bench, registry: Registry) -> None:
    name = f"{registry.host}/base/moving:1"
    first = bench.ensure()
    push(first, name)
    bench.debian.versions["bash"] = "6"
    second = bench.ensure(update=True)
    bench.lock.unlink()

    pulled = bench.ensure(f"docker://{name}", apt=("bash",))
    lock = read_base_lock(bench.lock, "linux-64")
    assert lock is not None
    assert (pulled.digest, lock.digest) == (first.digest, first.digest)
    assert (lock.reference, lock.origin) == (f"docker://{name}", "registry")
    assert [str(one) for one in lock.packages] == ["bash=5.2.15-2+b7=amd64", "git=1:2.39.5-0+deb12u2=amd64"]

    push(second, name)
    shutil.rmtree(bench.folder / "store")
    assert bench.ensure(apt=("bash",)).digest == first.digest
    assert bench.ensure(apt=("bash",), update=True).digest == second.digest


def test_a_base_of_a_registry_gets_no_more_packages(bench: Bench, registry: Registry) -> None:
    name = f"docker://{registry.host}/base/fixed:1"
    push(bench.ensure(), name)
    bench.lock.unlink()
    with pytest.raises(BadInput) as caught:
        bench.ensure(name, apt=("gdal-bin",))
    assert str(caught.value) == (
        f"{name}: lacks gdal-bin, which apt.txt asks for\n  fix: use --base debian:bookworm, or --engine docker"
    )
    assert not bench.lock.exists()


def test_only_a_base_of_ours_takes_what_apt_txt_lists(bench: Bench, registry: Registry) -> None:
    name = f"docker://{registry.host}/base/ours:1"
    image = bench.ensure()
    assert makes_base(bench.lock, None, "linux-64")
    push(image, name)
    bench.lock.unlink()
    assert makes_base(bench.lock, None, "linux-64")
    assert not makes_base(bench.lock, name, "linux-64")
    bench.ensure(name)
    assert not makes_base(bench.lock, None, "linux-64")
    assert makes_base(bench.lock, "debian:bookworm", "linux-64")
    assert makes_base(bench.lock, "oci:kept", "linux-64")
