"""Layers become the tree that the specification says, and an engine shows; each content is written once."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sif.corpus import CORPUS, Case
from tests.sif.layers import (
    MTIME_S,
    Member,
    device,
    file,
    flat_bytes,
    folder,
    hard,
    link,
    make_config,
    make_image,
    read_tree,
    shown,
    tar,
)

from bindery.core import BadInput, digest_bytes
from bindery.core.tarstreams import bytes_member, folder_member, link_member
from bindery.images.manifest import LAYER_GZIP, LAYER_TAR, LAYER_ZSTD
from bindery.sif.tar_writer import encode_header
from bindery.sif.tree import FOLDER_MODE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bindery.images import Image


@pytest.mark.parametrize("case", CORPUS.values(), ids=CORPUS.keys())
def test_layers_make_the_tree_of_the_specification(tmp_path: Path, case: Case) -> None:
    assert shown(flat_bytes(make_image(tmp_path, case.layers))) == dict(case.tree)


@pytest.mark.parametrize("media_type", [LAYER_GZIP, LAYER_ZSTD])
def test_the_archive_does_not_depend_on_how_layers_are_packed(tmp_path: Path, media_type: str) -> None:
    layers = CORPUS["names that are long"].layers + CORPUS["an opaque folder"].layers
    plain = flat_bytes(make_image(tmp_path / "plain", layers))
    assert flat_bytes(make_image(tmp_path / "packed", layers, media_type)) == plain


def test_folders_come_first_and_times_are_kept(tmp_path: Path) -> None:
    layers = (tar(file("z/b", b"1"), folder("a"), file("a/c", b"2")),)
    with tarfile.open(fileobj=io.BytesIO(flat_bytes(make_image(tmp_path, layers)))) as archive:
        listed = [(one.name, one.mtime, one.uid, one.gid, one.uname, one.gname) for one in archive]
    root = (0, 0, "", "")
    assert listed == [
        (".", 7, *root),
        ("a", MTIME_S, *root),
        ("z", 7, *root),
        ("z/b", MTIME_S, *root),
        ("a/c", MTIME_S, *root),
    ]


@pytest.mark.parametrize(("mtime_s", "expected"), [(-5, 0), (1.75, 1), (1 << 33, (1 << 32) - 1)])
def test_times_are_those_that_the_file_system_has(tmp_path: Path, mtime_s: float, expected: int) -> None:
    info, data = file("a")
    info.mtime = mtime_s
    with tarfile.open(fileobj=io.BytesIO(flat_bytes(make_image(tmp_path, [tar((info, data))])))) as archive:
        assert archive.getmember("a").mtime == expected


def test_modes_let_everybody_read_and_nobody_become_another(tmp_path: Path) -> None:
    layer = tar(
        folder("tmp", 0o1777),
        folder("closed", 0o700),
        file("secret", b"", 0o600),
        file("program", b"", 0o700),
        file("su", b"", 0o4755),
        file("wall", b"", 0o2711),
    )
    tree = read_tree(flat_bytes(make_image(tmp_path, [layer])))
    assert {path: oct(one.mode) for path, one in tree.items()} == {
        "": oct(FOLDER_MODE),
        "closed": "0o755",
        "program": "0o755",
        "secret": "0o644",
        "su": "0o755",
        "tmp": "0o1777",
        "wall": "0o755",
    }


def test_what_is_laid_on_top_gives_way_where_it_is_only_a_place(tmp_path: Path) -> None:
    layers = [
        tar(folder("data"), link("home", "data"), file("etc/hosts", b"ours"), file("run", b"old"), link("var", "data"))
    ]
    extra = [
        folder_member("home"),
        folder_member("proc"),
        bytes_member("etc/hosts", b""),
        bytes_member("etc/resolv.conf", b""),
        bytes_member("run", b"new", 0o755),
        link_member("data", "elsewhere"),
        link_member("environment", ".singularity.d/env"),
        folder_member("var/tmp"),
        folder_member("etc/hosts/x"),
        folder_member(".singularity.d"),
        bytes_member(".singularity.d/empty", b""),
    ]
    assert shown(flat_bytes(make_image(tmp_path, layers), extra)) == {
        ".singularity.d": "folder",
        ".singularity.d/empty": "",
        "data": "folder",
        "data/tmp": "folder",
        "environment": "-> .singularity.d/env",
        "etc": "folder",
        "etc/hosts": "ours",
        "etc/resolv.conf": "",
        "home": "-> data",
        "proc": "folder",
        "run": "new",
        "var": "-> data",
    }


def test_our_own_files_take_the_place_of_what_an_image_has_below_their_folder(tmp_path: Path) -> None:
    layers = [tar(file(".singularity.d/runscript", b"theirs"), file(".singularity.d/labels.json", b"{}"))]
    extra = [bytes_member(".singularity.d/runscript", b"ours", 0o755), bytes_member(".singularity.d/labels.json", b"")]
    assert shown(flat_bytes(make_image(tmp_path, layers), extra)) == {
        ".singularity.d": "folder",
        ".singularity.d/labels.json": "",
        ".singularity.d/runscript": "ours",
    }


def test_large_files_have_large_sizes(tmp_path: Path) -> None:
    layer = tar(file("a", b"x" * (3 << 20)), file("b", b"y" * 511), file("c", b"z" * 512))
    tree = read_tree(flat_bytes(make_image(tmp_path, [layer])))
    assert [len(tree[path].content) for path in "abc"] == [3 << 20, 511, 512]


def refused(root: Path, *layers: bytes) -> str:
    with pytest.raises(BadInput) as raised:
        flat_bytes(make_image(root, layers))
    return str(raised.value)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([hard("a", "b")], "a: is a hard link to b, which is not there"),
        ([hard("a", "b/c")], "a: is a hard link to b/c, which is not there"),
        ([folder("b"), hard("a", "b")], "a: is a hard link to b, which is a folder"),
        ([file("b"), file("b/c")], "b/c: goes through b, which is not a folder"),
        ([folder("x"), file("x/b"), file("x/b/c/d")], "x/b/c/d: goes through x/b, which is not a folder"),
        ([link("a", "b"), link("b", "a"), file("a/c")], "a/c: goes through links that go round"),
        ([link("a", "a"), hard("b", "a/c")], "b: goes through links that go round"),
        ([link("a", "a"), file("a/.wh.c")], "a/.wh.c: goes through links that go round"),
        ([file(".wh.")], ".wh.: is a whiteout of nothing"),
        ([file("a/.wh...")], "a/.wh...: is a whiteout of nothing"),
        ([hard("a", "../b")], "a: is a hard link to ../b, which leaves the image"),
        ([file("../a")], "../a: leaves the image"),
        ([file("/a/../../b")], "/a/../../b: leaves the image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_laid_is_refused(tmp_path: Path, members: list[Member], expected: str) -> None:
    said = refused(tmp_path, tar(folder("first")), tar(*members))
    name = make_image(tmp_path, [tar(folder("first")), tar(*members)]).digest
    assert said == f"{name}: layer 2 of 2: {expected}\n  fix: make, pull or save the image again"


def test_a_layer_that_is_not_what_its_digest_says_is_refused(tmp_path: Path) -> None:
    right, wrong = tar(file("a", b"1")), tar(file("a", b"2"))
    image = make_image(tmp_path, [wrong], config=make_config([right]))
    with pytest.raises(BadInput) as raised:
        flat_bytes(image)
    expected = image.config.diff_ids[0].hex
    assert str(raised.value) == (
        f"{image.digest}: layer 1 of 1: its archive has sha256 {digest_bytes(wrong).hex}, expected {expected}\n"
        "  fix: make, pull or save the image again"
    )


def changed(image: Image, change: Callable[[bytes], bytes]) -> str:
    """Return what is said of the image once its only layer has other bytes."""
    path = image.layout.blob_path(image.manifest.layers[0].digest)
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BadInput) as raised:
        flat_bytes(image)
    return (
        str(raised.value).replace(str(image.layout.root), "LAYOUT").replace(image.manifest.layers[0].digest.hex, "HEX")
    )


@pytest.mark.parametrize("media_type", [LAYER_TAR, LAYER_GZIP, LAYER_ZSTD])
def test_a_blob_that_was_cut_is_refused(tmp_path: Path, media_type: str) -> None:
    image = make_image(tmp_path, [tar(file("a", bytes(range(256)) * 100))], media_type)
    said = changed(image, lambda data: data[:-40])
    assert said.startswith("LAYOUT/blobs/sha256/HEX: the blob does not have its digest sha256:HEX\n")


NAMES = st.sampled_from(
    ["a", "b", "a/b", "a/c", "a/b/c", "b/a", "a/b/c/d", ".wh.a", "a/.wh.b", "b/.wh.a", "a/.wh..wh..opq"]
)
MEMBERS = st.builds(
    lambda name, kind, data: file(name) if ".wh." in name else folder(name) if kind else file(name, data),
    NAMES,
    st.booleans(),
    st.sampled_from([b"1", b"2"]),
)


@settings(max_examples=100, deadline=None)
@given(layers=st.lists(st.lists(MEMBERS, max_size=4), min_size=1, max_size=4))
def test_any_layers_make_the_tree_that_a_plain_model_makes(
    tmp_path_factory: pytest.TempPathFactory, layers: list[list[Member]]
) -> None:
    tars = [tar(*members) for members in layers]
    image = make_image(tmp_path_factory.mktemp("any"), tars)
    try:
        expected = model(layers)
    except NotADirectoryError:
        with pytest.raises(BadInput):
            flat_bytes(image)
        return
    assert shown(flat_bytes(image)) == expected


def model(layers: list[list[Member]]) -> dict[str, str]:
    """Return the tree, computed path by path: first everything that a layer removes, then what it has."""
    tree: dict[str, tuple[int, str]] = {}
    for number, members in enumerate(layers):
        for info, data in members:
            above, _, name = info.name.rpartition("/")
            make_parents(tree, info.name, number)
            hidden = name.removeprefix(".wh.")
            if name == ".wh..wh..opq":
                hide(tree, f"{above}/", "", number)
            elif hidden != name:
                path = f"{above}/{hidden}" if above else hidden
                hide(tree, f"{path}/", path, number)
            else:
                put(tree, info, data, number)
    return {path: word for path, (_, word) in sorted(tree.items())}


def hide(tree: dict[str, tuple[int, str]], prefix: str, path: str, number: int) -> None:
    for one in sorted(tree, reverse=True):
        kept = tree[one][0] == number or any(other.startswith(f"{one}/") for other in tree)
        if (one.startswith(prefix) or one == path) and not kept:
            del tree[one]


def make_parents(tree: dict[str, tuple[int, str]], path: str, number: int) -> None:
    parts = path.split("/")
    for depth in range(1, len(parts)):
        above = "/".join(parts[:depth])
        if tree.get(above, (0, "folder"))[1] != "folder":
            raise NotADirectoryError(above)
        tree.setdefault(above, (number, "folder"))


def put(tree: dict[str, tuple[int, str]], info: tarfile.TarInfo, data: bytes, number: int) -> None:
    if not info.isdir():
        for one in [one for one in tree if one.startswith(f"{info.name}/")]:
            del tree[one]
    tree[info.name] = (number, "folder" if info.isdir() else data.decode())


def test_devices_are_left_out(tmp_path: Path) -> None:
    assert shown(flat_bytes(make_image(tmp_path, [tar(device("null"), hard("zero", "null"))]))) == {}


def test_headers_hold_sizes_beyond_eight_gibibytes() -> None:
    raw = encode_header("a", "file", mode=0o644, mtime_s=7, size_bytes=10 << 30)
    assert tarfile.TarInfo.frombuf(raw, "utf-8", "strict").size == 10 << 30


def test_paths_may_be_as_deep_as_linux_takes(tmp_path: Path) -> None:
    deep = "x/" * 2047 + "y"
    assert len(read_tree(flat_bytes(make_image(tmp_path / "one", [tar(file(deep))])))) == 2049
    removed = flat_bytes(make_image(tmp_path / "two", [tar(file(deep), file("a")), tar(file(".wh.x"))]))
    assert shown(removed) == {"a": ""}
