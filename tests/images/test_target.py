"""Targets, as people write them: every form, and every way to get one wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindery.core import BadInput, BinderyError, Digest, WrongUse
from bindery.images.target import (
    ContainerTarget,
    DaemonTarget,
    LayoutTarget,
    PathTarget,
    RegistryTarget,
    ReleaseTarget,
    StoreTarget,
    Target,
    parse_target,
)

HEX = "0123456789abcdef" * 4
DIGEST = Digest("sha256", HEX)
FORMS = "NAME[:TAG], oci:FOLDER[:TAG], docker://HOST/NAME[:TAG], docker-daemon:NAME or container:NAME"


def is_nowhere(path: str) -> bool:
    del path
    return False


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("pangeo", StoreTarget(name="pangeo")),
        ("pangeo:2025.08.14", StoreTarget(name="pangeo", tag="2025.08.14")),
        (f"pangeo:2025.08.14@sha256:{HEX}", StoreTarget(name="pangeo", tag="2025.08.14", digest=DIGEST)),
        (f"pangeo@sha256:{HEX}", StoreTarget(name="pangeo", digest=DIGEST)),
        (f"sha256:{HEX}", StoreTarget(digest=DIGEST)),
        ("r2d-2fuser-2frepo-1a2b:abc", StoreTarget(name="r2d-2fuser-2frepo-1a2b", tag="abc")),
        ("localhost:5000/ocean/pangeo:1", StoreTarget(name="localhost:5000/ocean/pangeo", tag="1")),
        ("registry.example.org/pangeo", StoreTarget(name="registry.example.org/pangeo")),
        ("pangeo@2025.08.14", ReleaseTarget(text="pangeo@2025.08.14")),
        ("oci:/srv/images", LayoutTarget(folder=Path("/srv/images"))),
        ("oci:images:pangeo:2025.08.14", LayoutTarget(folder=Path("images"), reference="pangeo:2025.08.14")),
        (f"oci:images:sha256:{HEX}", LayoutTarget(folder=Path("images"), reference=f"sha256:{HEX}")),
        ("docker://localhost:5000/pangeo:1", RegistryTarget(reference="localhost:5000/pangeo:1")),
        (f"docker://a.example.org/b/c@sha256:{HEX}", RegistryTarget(reference=f"a.example.org/b/c@sha256:{HEX}")),
        ("docker-daemon:pangeo:latest", DaemonTarget(reference="pangeo:latest")),
        (f"docker-daemon:sha256:{HEX}", DaemonTarget(reference=f"sha256:{HEX}")),
        ("container:busy_bell", ContainerTarget(container="busy_bell")),
        ("./prefix", PathTarget(path=Path("prefix"))),
        ("/srv/prefix", PathTarget(path=Path("/srv/prefix"))),
        ("../prefix", PathTarget(path=Path("../prefix"))),
        (".", PathTarget(path=Path())),
    ],
)
def test_every_form(text: str, target: Target) -> None:
    assert parse_target(text, is_nowhere) == target
    assert parse_target(str(target), lambda path: path in {"prefix", "."}) == target or isinstance(target, PathTarget)


def test_a_path_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_target("~/prefix") == PathTarget(path=tmp_path / "prefix")


def test_a_word_with_a_slash_is_a_path_if_it_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_target("ocean/pangeo") == StoreTarget(name="ocean/pangeo")
    (tmp_path / "ocean" / "pangeo").mkdir(parents=True)
    assert parse_target("ocean/pangeo") == PathTarget(path=Path("ocean/pangeo"))
    assert parse_target("ocean") == StoreTarget(name="ocean")


def test_the_digest_decides_and_else_the_name_with_its_tag() -> None:
    assert StoreTarget(name="pangeo", tag="1", digest=DIGEST).key == f"sha256:{HEX}"
    assert StoreTarget(name="pangeo", tag="1").key == "pangeo:1"
    assert StoreTarget(name="pangeo").key == "pangeo"


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        ("", WrongUse, f"'': is not the name of an image\n  fix: use one of {FORMS}"),
        ("Pangeo", WrongUse, f"Pangeo: is not the name of an image\n  fix: use one of {FORMS}"),
        ("pangeo:", WrongUse, f"pangeo:: is not the name of an image\n  fix: use one of {FORMS}"),
        ("pangeo:a b", WrongUse, f"pangeo:a b: is not the name of an image\n  fix: use one of {FORMS}"),
        ("pangeo@", WrongUse, "pangeo@: ends too early\n  fix: write NAME@RELEASE, or NAME@sha256:DIGITS"),
        ("pangeo@sha256:12", BadInput, "pangeo@sha256:12: sha256:12 is not a digest"),
        ("pangeo:1@2025.08.14", BadInput, "pangeo:1@2025.08.14: 2025.08.14 is not a digest"),
        ("sha256:12", BadInput, "sha256:12: sha256:12 is not a digest"),
        (
            f"pangeo@md5:{HEX[:32]}",
            BadInput,
            f"pangeo@md5:{HEX[:32]}: md5:{HEX[:32]} is not a digest of an image\n  fix: write sha256: and 64 digits",
        ),
        ("oci:", WrongUse, "oci:: ends too early\n  fix: write oci:FOLDER, or oci:FOLDER:TAG"),
        ("oci::tag", WrongUse, "oci::tag: ends too early\n  fix: write oci:FOLDER, or oci:FOLDER:TAG"),
        ("docker://", WrongUse, "docker://: ends too early\n  fix: write docker://HOST/NAME[:TAG|@DIGEST]"),
        (
            "docker:pangeo",
            WrongUse,
            "docker:pangeo: the name of a registry follows two slashes\n  fix: docker://pangeo",
        ),
        (
            "docker-daemon:",
            WrongUse,
            "docker-daemon:: ends too early\n  fix: write docker-daemon:NAME[:TAG], or the ID of an image",
        ),
        ("container:", WrongUse, "container:: ends too early\n  fix: write container:NAME, or container:ID"),
        (
            "docker-archive:a.tar",
            WrongUse,
            f"docker-archive:a.tar: images are not read from docker-archive:\n  fix: use one of {FORMS}",
        ),
        (
            "https://example.org/pangeo",
            WrongUse,
            f"https://example.org/pangeo: images are not read from https:\n  fix: use one of {FORMS}",
        ),
    ],
)
def test_wrong_targets(text: str, kind: type[BinderyError], error: str) -> None:
    with pytest.raises(kind) as caught:
        parse_target(text, is_nowhere)
    assert str(caught.value) == error
