"""The files that say who is who."""

from __future__ import annotations

import pytest

from bindery.core import BadInput
from bindery.images.base.accounts import JOVYAN, add_account


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n", "jovyan:x:1000:1000::/home/jovyan:/bin/bash\n"),
        ("etc/group", "root:x:0:\n", "jovyan:x:1000:\n"),
        ("etc/gshadow", "root:*::\n", "jovyan:!::\n"),
    ],
)
def test_the_user_comes_last(path: str, before: str, after: str) -> None:
    assert add_account(path, before, JOVYAN, "debian:bookworm") == before + after


def test_passwords_have_no_day_on_which_they_changed() -> None:
    text = "root:*:20780:0:99999:7:::\n"
    assert add_account("etc/shadow", text, JOVYAN, "") == "root:*::0:99999:7:::\njovyan:!::0:99999:7:::\n"


def test_other_files_stay_as_they_are() -> None:
    assert add_account("etc/hosts", "a\nb", JOVYAN, "") == "a\nb"


@pytest.mark.parametrize(("name", "number"), [("jovyan", 7), ("app", 1000)])
def test_a_name_or_number_that_is_taken_is_refused(name: str, number: int) -> None:
    with pytest.raises(BadInput) as caught:
        add_account("etc/passwd", f"{name}:x:{number}:7::/:/bin/sh\n", JOVYAN, "debian:bookworm")
    assert str(caught.value) == (
        f"debian:bookworm: /etc/passwd: a package makes {name} with the name or number of jovyan (1000)"
        "\n  fix: leave that package out of apt.txt, or build with --engine docker"
    )
