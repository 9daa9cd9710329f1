"""Twenty images that are what they must be, however they were packed: no alarm."""

from __future__ import annotations

import gzip
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.images.verify.images import Made, Member, Members, Stored, folder, store, store_blobs
from tests.images.verify.small import BASE_LAYERS, CLEAN, HISTORY, PREFIX, expected_image, with_folders

from bindery.core import NoProgress, encode_json, parse_json
from bindery.images.manifest import parse_config, parse_manifest
from bindery.images.verify.proof import verify_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.core import Json
    from bindery.images.verify.expected import ExpectedImage

ABOVE = CLEAN.layers[BASE_LAYERS:]


@pytest.fixture(scope="module")
def expected() -> ExpectedImage:
    return expected_image()


def packed(*above: Members) -> Stored:
    """Return the image with other layers over the base."""
    return store(replace(CLEAN, layers=(*CLEAN.layers[:BASE_LAYERS], *above)))


def base_kept(made: Made) -> Stored:
    """Return the image with the base's layers as they are, and the others written in another way."""
    right, other = store(CLEAN), store(made)
    split = len(other.manifest.layers) - len(ABOVE)
    blobs = [right.blobs[one.digest] for one in right.manifest.layers[:BASE_LAYERS]]
    blobs += [other.blobs[one.digest] for one in other.manifest.layers[split:]]
    return store_blobs(made, (*right.config.diff_ids[:BASE_LAYERS], *other.config.diff_ids[split:]), blobs)


def with_config(run: dict[str, Json], **more: Json) -> Stored:
    """Return the image with these keys added to the configuration."""
    document = parse_json(CLEAN.config.raw)
    assert isinstance(document, dict)
    inner = document["config"]
    assert isinstance(inner, dict)
    raw = encode_json({**document, **more, "config": {**inner, **run}})
    return store(replace(CLEAN, config=parse_config(raw, "made")))


def members_of_gzip() -> Stored:
    """Return the image with each layer in two pieces, each a gzip member."""
    plain = store(replace(CLEAN, compression="none"))
    archives = [plain.blobs[one.digest] for one in plain.manifest.layers]
    blobs = [gzip.compress(one[:700], 9) + gzip.compress(one[700:], 1) for one in archives]
    return store_blobs(CLEAN, plain.config.diff_ids, blobs)


def dockers_types() -> Stored:
    """Return the image with the media types of Docker."""
    made = store(CLEAN)
    raw = (
        made.manifest.raw.replace(b"vnd.oci.image.manifest.v1+json", b"vnd.docker.distribution.manifest.v2+json")
        .replace(b"vnd.oci.image.config.v1+json", b"vnd.docker.container.image.v1+json")
        .replace(b"vnd.oci.image.layer.v1.tar+gzip", b"vnd.docker.image.rootfs.diff.tar.gzip")
    )
    return replace(made, manifest=parse_manifest(raw, "made"))


def hard_links() -> Stored:
    """Return the image with one file in two layers, the second time as a hard link to a file of the first."""
    members = [
        replace(one, kind=tarfile.LNKTYPE, data=b"", link=f"{PREFIX}/history-0") if one.name == HISTORY.name else one
        for one in ABOVE[4]
    ]
    first = (*ABOVE[3], replace(HISTORY, name=f"{PREFIX}/history-0"))
    away = (*members, Member(name=f"{PREFIX}/.wh.history-0"))
    # The link is made before the whiteout, which spares what the same layer has.
    return packed(*ABOVE[:3], first, away, ABOVE[5])


def left_over_and_removed() -> Stored:
    """Return the image with something that a lower layer has, and a higher one hides."""
    added = (*ABOVE[1], folder(f"{PREFIX}/cache"), Member(name=f"{PREFIX}/cache/a"), Member(name=f"{PREFIX}/b"))
    removed = (*ABOVE[5], Member(name=f"{PREFIX}/.wh.cache"), Member(name=f"{PREFIX}/.wh.b"))
    return packed(ABOVE[0], added, *ABOVE[2:5], removed)


def opaque_folder() -> Stored:
    """Return the image with an opaque folder that brings everything along that it hides."""
    below = f"{PREFIX}/share/"
    again = tuple(one for one in ABOVE[3] if one.name.startswith(below))
    return packed(*ABOVE[:5], (Member(name=f"{below}.wh..wh..opq"), *again), ABOVE[5])


IMAGES: dict[str, Callable[[], Stored]] = {
    "as it is": lambda: store(CLEAN),
    "plain archives": lambda: store(replace(CLEAN, compression="none")),
    "zstd": lambda: store(replace(CLEAN, compression="zstd")),
    "gzip in several members": members_of_gzip,
    "GNU's headers": lambda: base_kept(replace(CLEAN, form=tarfile.GNU_FORMAT)),
    "other times": lambda: base_kept(replace(CLEAN, epoch_s=1_700_000_000)),
    "names with a dot": lambda: base_kept(replace(CLEAN, layers=ABOVE, prefix="./")),
    "one layer over the base": lambda: packed(tuple(one for layer in ABOVE for one in _once(layer, ABOVE))),
    "a layer a package, another order": lambda: packed(ABOVE[0], ABOVE[4], ABOVE[2], ABOVE[3], ABOVE[1], ABOVE[5]),
    "a layer a file": lambda: packed(*(with_folders_of(one, layer) for layer in ABOVE for one in layer)),
    "an empty layer": lambda: packed(*ABOVE, ()),
    "entries in another order": lambda: packed(
        *(tuple(sorted(layer, key=lambda one: (one.kind != tarfile.DIRTYPE, one.name[::-1]))) for layer in ABOVE)
    ),
    "no entries for folders": lambda: packed(
        *(tuple(one for one in layer if one.kind != tarfile.DIRTYPE or one.owner != (0, 0)) for layer in ABOVE)
    ),
    "the same file again": lambda: packed(*ABOVE, ABOVE[1]),
    "more zeros at the end": lambda: base_kept(replace(CLEAN, tails=((3, bytes(20480)), (5, bytes(512))))),
    "hard links to a lower layer": hard_links,
    "left over and removed": left_over_and_removed,
    "opaque folder": opaque_folder,
    "Docker's media types": dockers_types,
    "Docker's empty keys": lambda: with_config(
        {"Hostname": "", "Tty": False, "OnBuild": None, "Image": "sha256:1", "Volumes": None, "AttachStdin": False},
        docker_version="20.10.24",
        container="1",
        history=[{"created_by": "RUN"}],
        created="2026-11-22T00:00:00Z",
    ),
}


def with_folders_of(member: Member, layer: Members) -> Members:
    """Return the member with the folders above it, as the layer has them."""
    above = tuple(one for one in layer if one.kind == tarfile.DIRTYPE and member.name.startswith(f"{one.name}/"))
    return (*above, member)


def _once(layer: Members, layers: tuple[Members, ...]) -> Members:
    number = layers.index(layer)
    before = {one.name for other in layers[:number] for one in other}
    return tuple(one for one in layer if one.name not in before)


@pytest.mark.parametrize("name", IMAGES)
def test_no_alarm(name: str, expected: ExpectedImage) -> None:
    assert verify_image(IMAGES[name]().source, expected, progress=NoProgress()) == ()


def test_there_are_twenty_of_them_and_all_differ() -> None:
    digests = {make().manifest.digest for make in IMAGES.values()}
    assert len(digests) == len(IMAGES) == 20


def test_the_folders_of_packages_are_in_the_layers() -> None:
    assert with_folders((HISTORY,))[0] == folder("srv")


def test_where_commands_of_root_ran_only_base_layers_and_environment_are_judged(expected: ExpectedImage) -> None:
    on_top = (
        Member(name="etc/passwd", data=b"more users\n"),
        Member(name="usr/bin/gdal", data=b"1", mode=0o755),
        Member(name="home/jovyan/ran.txt", data=b"1", owner=(1000, 1000)),
    )
    opened = replace(expected, above=(), is_complete=False, is_base_open=True, are_labels_open=True)
    assert verify_image(packed(*ABOVE, on_top).source, opened, progress=NoProgress()) == ()
    inside = Member(name=f"{PREFIX}/lib/more.py", data=b"1")
    findings = verify_image(packed(*ABOVE, (*on_top, inside)).source, opened, progress=NoProgress())
    assert [(one.what, one.path) for one in findings] == [("added", f"/{PREFIX}/lib/more.py")]
    taken = verify_image(packed(*ABOVE, (Member(name="srv/.wh.conda"),)).source, opened, progress=NoProgress())
    assert {one.what for one in taken} == {"missing"}
    other = with_config({"Labels": {"of": "somebody"}, "User": "0"})
    assert [one.path for one in verify_image(other.source, opened, progress=NoProgress())] == ["config.User"]


def test_what_the_user_ran_may_not_change_base_or_settings(expected: ExpectedImage) -> None:
    opened = replace(expected, above=(), is_complete=False, are_labels_open=True)
    new = (Member(name="home/jovyan/ran.txt", data=b"1", owner=(1000, 1000)),)
    assert verify_image(packed(*ABOVE, new).source, opened, progress=NoProgress()) == ()
    changed = (Member(name="usr/bin/tini", data=b"1", mode=0o755),)
    findings = verify_image(packed(*ABOVE, changed).source, opened, progress=NoProgress())
    assert [(one.package, one.what, one.path) for one in findings] == [("base", "changed", "/usr/bin/tini")]
