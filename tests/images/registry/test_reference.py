from __future__ import annotations

import pytest

from bindery.core import Digest, WrongUse
from bindery.images.registry import Reference, parse_reference
from bindery.images.registry.reference import is_loopback

DIGEST = Digest("sha256", "ab" * 32)
FORM = "\n  fix: write HOST/NAME, HOST/NAME:TAG or HOST/NAME@sha256:DIGITS"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quay.io/pangeo/base", Reference(host="quay.io", name="pangeo/base")),
        ("docker://quay.io/pangeo/base:2025.08.14", Reference(host="quay.io", name="pangeo/base", tag="2025.08.14")),
        ("localhost/x", Reference(host="localhost", name="x")),
        ("localhost:5000/x:1", Reference(host="localhost:5000", name="x", tag="1")),
        ("[::1]:5000/x/y", Reference(host="[::1]:5000", name="x/y")),
        (f"127.0.0.1:5000/a/b@{DIGEST}", Reference(host="127.0.0.1:5000", name="a/b", digest=DIGEST)),
        (f"example.org/a:t@{DIGEST}", Reference(host="example.org", name="a", tag="t", digest=DIGEST)),
        ("pangeo/base:1", Reference(host="docker.io", name="pangeo/base", tag="1")),
        ("debian", Reference(host="docker.io", name="library/debian")),
        ("docker.io/debian:12", Reference(host="docker.io", name="library/debian", tag="12")),
        ("a.b/c__d/e--f.g", Reference(host="a.b", name="c__d/e--f.g")),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected
    assert parse_reference(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "docker://",
        "quay.io/",
        "quay.io/Upper",
        "quay.io/a:",
        "quay.io/a:-tag",
        "quay.io/a..b",
        "quay.io/a/",
        "https://quay.io/a",
        "quay.io/a b",
        f"quay.io/a:{'t' * 129}",
        f"quay.io/{'a' * 256}",
        "-quay.io/a",
        "user:secret@quay.io/a",
    ],
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(WrongUse) as caught:
        parse_reference(text)
    assert caught.value.where == (text or "''")
    assert caught.value.fix == FORM.removeprefix("\n  fix: ")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("quay.io/a:", "is not the name of an image in a registry"),
        ("quay.io/a@sha256:12", "sha256:12 is not a digest"),
        ("quay.io/a@latest", "latest is not a digest"),
        (f"quay.io/a@md5:{'0' * 32}", f"md5:{'0' * 32} is not a digest of an image"),
    ],
)
def test_errors_say_what_is_wrong_and_the_forms(text: str, what: str) -> None:
    with pytest.raises(WrongUse) as caught:
        parse_reference(text)
    assert str(caught.value) == f"{text}: {what}{FORM}"


def test_a_tag_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(WrongUse) as caught:
        parse_reference("quay.io/a").tagged("a/b")
    assert str(caught.value) == (
        "quay.io/a: 'a/b' cannot be a tag\n  fix: use at most 128 letters, digits, dots, - and _"
    )


def test_docker_hub_answers_under_another_name() -> None:
    assert parse_reference("debian").api_host == "registry-1.docker.io"
    assert parse_reference("quay.io/debian").api_host == "quay.io"


def test_what_is_asked_for_is_the_digest_then_the_tag_then_latest() -> None:
    assert parse_reference("quay.io/a").wanted == "latest"
    assert parse_reference("quay.io/a:b").wanted == "b"
    assert parse_reference(f"quay.io/a:b@{DIGEST}").wanted == str(DIGEST)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9:5000", True),
        ("[::1]:5000", True),
        ("localhost:5000", True),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org:5000", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - it is refused
        ("quay.io", False),
    ],
)
def test_only_this_machine_is_this_machine(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
