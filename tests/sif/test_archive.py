"""Files that ``docker save`` wrote, before 25.0 and since, and what is wrong with files that look like it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard
from tests.sif.layers import file, hard, link, make_archive, make_config, make_image, shown, tar

from bindery.core import BadInput, Json, digest_bytes, encode_json
from bindery.sif import DockerArchive, flatten_image
from bindery.sif.archive import archive_layers
from bindery.sif.sources import image_layers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIX = "\n  fix: docker save NAME --output FILE"
LAYERS = (tar(file("a", b"1"), hard("b", "a")), tar(file("c", b"2")), tar(file(".wh.a")))


def flat(archive: DockerArchive) -> bytes:
    raw = io.BytesIO()
    flatten_image(archive_layers(archive), (), raw, epoch_s=7)
    return raw.getvalue()


@pytest.mark.parametrize("is_new", [False, True], ids=["before 25.0", "since 25.0"])
def test_an_archive_is_flattened_as_the_layout_of_the_same_image(tmp_path: Path, *, is_new: bool) -> None:
    image = make_image(tmp_path / "layout", LAYERS)
    archive = make_archive(tmp_path / "image.tar", LAYERS, is_new=is_new)
    raw = io.BytesIO()
    flatten_image(image_layers(image), (), raw, epoch_s=7)
    assert flat(archive) == raw.getvalue()
    assert archive_layers(archive).config.digest == image.config.digest


def test_a_layer_that_is_there_twice_is_a_link_in_old_archives(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "image.tar", (LAYERS[0], LAYERS[2], LAYERS[0]))
    with tarfile.open(archive.path) as opened:
        assert [one.name for one in opened if one.issym()] == [f"{2:064x}/layer.tar"]
    assert shown(flat(archive)) == {"a": "1 = b", "b": "1 = a"}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress], ids=["gzip", "zstd"])
def test_layers_may_be_packed(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    manifest: Json = [{"Config": "config.json", "RepoTags": None, "Layers": ["blobs/sha256/x"]}]
    members = file("config.json", make_config(LAYERS[:1])), file("manifest.json", encode_json(manifest))
    (tmp_path / "image.tar").write_bytes(tar(file("blobs/sha256/x", pack(LAYERS[0])), *members))
    assert shown(flat(DockerArchive(path=tmp_path / "image.tar"))) == {"a": "1 = b", "b": "1 = a"}


def test_layers_that_only_look_packed_are_refused(tmp_path: Path) -> None:
    manifest: Json = [{"Config": "config.json", "Layers": ["layer.tar"]}]
    members = file("config.json", make_config(LAYERS[:1])), file("manifest.json", encode_json(manifest))
    (tmp_path / "image.tar").write_bytes(tar(file("layer.tar", b"\x28\xb5 and more"), *members))
    with pytest.raises(BadInput) as raised:
        flat(DockerArchive(path=tmp_path / "image.tar"))
    assert str(raised.value) == (
        f"{tmp_path}/image.tar: layer 1 of 1: is not a whole layer: zstd decompress error: Unknown frame descriptor\n"
        "  fix: make, pull or save the image again"
    )


def several(path: Path) -> DockerArchive:
    entries: list[Json] = []
    members = []
    for number, layer in enumerate(LAYERS[:2]):
        config = make_config([layer])
        name = f"{digest_bytes(config).hex}.json"
        entries.append({"Config": name, "RepoTags": [f"image:{number}"], "Layers": [f"{number}/layer.tar"]})
        members += [file(name, config), file(f"{number}/layer.tar", layer)]
    path.write_bytes(tar(*members, file("manifest.json", encode_json(entries))))
    return DockerArchive(path=path)


def test_one_of_several_images_is_named(tmp_path: Path) -> None:
    archive = several(tmp_path / "image.tar")
    named = DockerArchive(path=archive.path, name="image:1")
    assert shown(flat(named)) == {"c": "2"}
    assert (str(archive), str(named)) == (f"docker-archive:{archive.path}", f"docker-archive:{archive.path}:image:1")


def refused(archive: DockerArchive) -> str:
    with pytest.raises(BadInput) as raised:
        archive_layers(archive)
    return str(raised.value).replace(str(archive.path), "FILE")


def test_several_images_need_a_name(tmp_path: Path) -> None:
    archive = several(tmp_path / "image.tar")
    assert refused(archive) == "FILE: has 2 images\n  fix: docker-archive:FILE:image:0"
    wrong = DockerArchive(path=archive.path, name="other")
    assert refused(wrong) == "FILE: has no image other:latest, only image:0, image:1"


def written(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> DockerArchive:
    path.write_bytes(tar(*members))
    return DockerArchive(path=path)


def test_an_archive_without_a_name_says_so(tmp_path: Path) -> None:
    manifest: Json = [{"Config": "c", "RepoTags": None, "Layers": []}]
    archive = written(tmp_path / "x.tar", file("manifest.json", encode_json(manifest)))
    named = DockerArchive(path=archive.path, name="a:1")
    assert refused(named) == "FILE: has no image a:1, only one without a name"


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (b"{", "FILE: its manifest.json is not JSON: "),
        (b"[]", "FILE: has 0 images" + FIX),
        (b"{}", "FILE: has 0 images" + FIX),
        (b'[{"Config": 1, "Layers": []}]', "FILE: its manifest.json names no configuration or no layers" + FIX),
        (b'[{"Config": "c", "Layers": "x"}]', "FILE: its manifest.json names no configuration or no layers" + FIX),
        (b'[{"Config": "c", "Layers": []}]', "FILE: has no c" + FIX),
    ],
)
def test_damaged_manifests_are_refused(tmp_path: Path, manifest: bytes, expected: str) -> None:
    assert refused(written(tmp_path / "x.tar", file("manifest.json", manifest))).startswith(expected)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    config = make_config(LAYERS[:1])
    manifest: Json = [{"Config": "c", "Layers": ["a/layer.tar"]}]
    members = [file("manifest.json", encode_json(manifest)), file("c", config)]
    assert refused(written(tmp_path / "x.tar", *members)) == "FILE: has no a/layer.tar" + FIX
    dangling = link("a/layer.tar", "../b/layer.tar")
    assert refused(written(tmp_path / "x.tar", *members, dangling)) == "FILE: has no a/layer.tar" + FIX
    assert refused(written(tmp_path / "x.tar", file("a"))) == "FILE: has no manifest.json" + FIX


def test_as_many_layers_as_diff_ids_are_needed(tmp_path: Path) -> None:
    manifest: Json = [{"Config": "c", "Layers": []}]
    archive = written(tmp_path / "x.tar", file("manifest.json", encode_json(manifest)), file("c", make_config(LAYERS)))
    assert refused(archive) == "FILE: has 0 layers, but diff IDs for 3" + FIX


def test_a_configuration_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    config = make_config(())
    manifest: Json = [{"Config": f"{'0' * 64}.json", "Layers": []}]
    archive = written(
        tmp_path / "x.tar", file("manifest.json", encode_json(manifest)), file(f"{'0' * 64}.json", config)
    )
    found = digest_bytes(config).hex
    assert refused(archive) == f"FILE: its configuration has sha256 {found}, expected {'0' * 64}" + FIX


def test_documents_are_small(tmp_path: Path) -> None:
    archive = written(tmp_path / "x.tar", file("manifest.json", bytes((32 << 20) + 1)))
    assert refused(archive) == "FILE: its manifest.json has more than 32 MiB" + FIX


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    assert refused(DockerArchive(path=tmp_path / "no.tar")) == "FILE: cannot be read: No such file or directory"
    assert refused(DockerArchive(path=tmp_path)) == "FILE: cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("pack", "program"),
    [
        (gzip.compress, "gunzip"),
        (zstandard.ZstdCompressor().compress, "unzstd"),
        (lzma.compress, "unxz"),
        (bz2.compress, "bunzip2"),
    ],
    ids=["gzip", "zstd", "xz", "bzip2"],
)
def test_a_packed_archive_is_to_be_unpacked_first(tmp_path: Path, pack: Callable[[bytes], bytes], program: str) -> None:
    archive = make_archive(tmp_path / "image.tar", LAYERS)
    archive.path.write_bytes(pack(archive.path.read_bytes()))
    said = refused(archive)
    assert said.startswith("FILE: is not a saved image: ")
    assert said.endswith(f"\n  fix: unpack it with {program} first")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello, world\n" * 100)
    said = refused(DockerArchive(path=tmp_path / "x"))
    assert said.startswith("FILE: is not a saved image: ")
    assert said.endswith(FIX)


def test_an_archive_that_was_cut_is_refused(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "image.tar", LAYERS)
    raw = archive.path.read_bytes()
    for length in (0, 100, 700, 1500, len(raw) // 2):
        archive.path.write_bytes(raw[:length])
        with pytest.raises(BadInput):
            flat(archive)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindery.sif.archive._MOST_MEMBERS", 3)
    archive = written(tmp_path / "x.tar", *(file(name) for name in "abcd"))
    assert refused(archive) == "FILE: has more than 3 members, and is no saved image" + FIX
