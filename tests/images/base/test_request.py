"""What --base may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindery.core import WrongUse
from bindery.images.base.request import DebianRequest, parse_base_request
from bindery.images.target import LayoutTarget, RegistryTarget

FORMS = "use one of debian:SUITE, docker://HOST/NAME[:TAG|@DIGEST] or oci:FOLDER[:NAME]"


def test_a_base_is_made_pulled_or_was_kept() -> None:
    assert parse_base_request("debian:bookworm") == DebianRequest(suite="bookworm")
    assert parse_base_request("docker://h/n:1") == RegistryTarget(reference="h/n:1")
    assert parse_base_request("oci:kept") == LayoutTarget(folder=Path("kept"))
    assert parse_base_request("oci:kept:debian:bookworm").reference == "debian:bookworm"  # type: ignore[union-attr]
    assert str(parse_base_request("debian:bookworm")) == "debian:bookworm"


@pytest.mark.parametrize("text", ["", "bookworm", "pangeo:1", "sha256:" + "a" * 64, "docker-daemon:x", "./kept"])
def test_anything_else_is_no_base(text: str) -> None:
    with pytest.raises(WrongUse) as caught:
        parse_base_request(text)
    assert str(caught.value) == f"{text or chr(39) * 2}: is not a base\n  fix: {FORMS}"


@pytest.mark.parametrize("suite", ["", "Bookworm", "--help", "a b", "$(id)", "../x", "book/worm"])
def test_a_suite_is_a_word(suite: str) -> None:
    with pytest.raises(WrongUse) as caught:
        parse_base_request(f"debian:{suite}")
    assert str(caught.value) == f"debian:{suite}: {suite!r} is not the name of a suite\n  fix: write debian:bookworm"
