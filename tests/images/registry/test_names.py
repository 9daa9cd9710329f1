from __future__ import annotations

import pytest

from bindery.core import WrongUse
from bindery.images.annotations import REVISION, VERSION
from bindery.images.registry import binderhub_reference, own_tags
from bindery.images.registry.names import binderhub_image, build_slug

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("prefix", "slug", "revision", "expected"),
    [
        (
            "127.0.0.1:5000/binder-",
            "pangeo-data-pangeo-docker-images",
            "a" * 40,
            f"127.0.0.1:5000/binder-pangeo-2ddata-2dpangeo-2ddocker-2dimages-b2b0c6:{'a' * 40}",
        ),
        (
            "quay.io/org/r2d-",
            "https://git.example.org/Some_User/my.repo",
            COMMIT,
            f"quay.io/org/r2d-https-3a-2f-2fgit-2eexample-2eorg-2fsome-5fuser-2fmy-2erepo-b1ac5c:{COMMIT}",
        ),
        ("r-", "User_name-Repo.With-Caps", "F00", "r-user-5fname-2drepo-2ewith-2dcaps-4efac6:f00"),
        ("p/", "x" * 300, "1", f"p/{'x' * 246}-0d4e2c:1"),
    ],
)
def test_binderhub_computes_the_same_name(prefix: str, slug: str, revision: str, expected: str) -> None:
    assert binderhub_image(prefix, slug, revision) == expected


@pytest.mark.parametrize(
    ("source", "slug"),
    [
        ("https://github.com/pangeo-data/pangeo-docker-images", "pangeo-data-pangeo-docker-images"),
        ("https://github.com/User/Repo.git", "User-Repo"),
        ("https://gitlab.com/a-b/c/d.git", "a_-b-c-d"),
        ("https://git.example.org/a/b.git", "https://git.example.org/a/b.git"),
        ("git@github.com:a/b", "git@github.com:a/b"),
    ],
)
def test_repositories_are_called_as_their_providers_call_them(source: str, slug: str) -> None:
    assert build_slug(source) == slug


def test_the_reference_has_a_tag_that_binderhub_asks_for() -> None:
    found = binderhub_reference("quay.io/org/binder-", "https://github.com/a/b", COMMIT)
    assert (found.host, found.name, found.tag) == ("quay.io", "org/binder-a-2db-d44362", COMMIT)


def test_a_branch_is_no_revision() -> None:
    with pytest.raises(WrongUse) as caught:
        binderhub_reference("quay.io/org/binder-", "https://github.com/a/b", "main")
    assert str(caught.value) == (
        "https://github.com/a/b: 'main' is not a whole revision of git\n  fix: build from a commit"
    )


def test_an_image_has_a_right_to_its_release_its_revision_and_latest() -> None:
    assert own_tags({}) == ("latest",)
    assert own_tags({VERSION: "2025.08.14", REVISION: COMMIT}) == ("2025.08.14", COMMIT, "latest")
    assert own_tags({VERSION: "2025.08.14-1"}) == ("2025.08.14-1", "latest")
    assert own_tags({VERSION: "12", REVISION: "main"}) == ("latest",)
