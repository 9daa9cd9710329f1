"""Names of packages: what apt.txt may say, and what dpkg says is there."""

from __future__ import annotations

import pytest

from bindery.core import BadInput
from bindery.images.base.packages import (
    BasePackage,
    describe_difference,
    parse_apt_packages,
    parse_base_package,
    parse_status,
)


def package(name: str, version: str, arch: str = "amd64") -> BasePackage:
    return BasePackage(name=name, version=version, arch=arch)


def test_apt_txt_is_sorted_and_each_package_stands_once() -> None:
    text = "# fonts\nvim-tiny  g++ # two\n\n7zip\nlibstdc++6=12.2.0-14+deb12u1\nepoch=1:2.0~rc1-1\ng++\r\n"
    assert parse_apt_packages(text) == ("7zip", "epoch=1:2.0~rc1-1", "g++", "libstdc++6=12.2.0-14+deb12u1", "vim-tiny")


@pytest.mark.parametrize(
    "word",
    [
        "--allow-unauthenticated",
        "-oAPT::Update::Pre-Invoke=touch",
        "bash-",
        "./local.deb",
        "/srv/local.deb",
        "?essential",
        "~n.*",
        "a",
        "Bash",
        "vim,emacs",
        "$(id)",
        "`id`",
        "x;id",
        "a|b",
        "vim=",
        "vim=$(id)",
        "vim/sid",
        "vim:amd64",
        "*",
        "v\u200bim",
    ],
)
def test_nothing_but_names_reaches_apt(word: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_apt_packages(f"git\n{word}\n", "binder/apt.txt")
    assert str(caught.value) == (
        f"binder/apt.txt: {word!r} is not the name of a Debian package\n  fix: write one name on each line"
    )


def test_the_status_gives_what_is_installed() -> None:
    text = (
        "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13\n"
        "Description: a: b\n more\n"
        "\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
        "\nPackage: bash\nEssential: yes\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b7\n\n"
    )
    assert parse_status(text) == (package("bash", "5.2.15-2+b7"), package("zlib1g", "1:1.2.13"))


def test_a_package_is_read_as_it_is_written() -> None:
    bash = package("bash", "5.2.15-2+b7")
    assert str(bash) == "bash=5.2.15-2+b7=amd64"
    assert parse_base_package(str(bash), "base.lock") == bash


@pytest.mark.parametrize("text", ["bash", "bash=1", "bash==amd64", "bash=1=amd64=x", ""])
def test_a_package_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_base_package(text, "base.lock")
    assert str(caught.value) == f"base.lock: {text!r} is not a package, name=version=arch"


def test_a_difference_names_changed_new_and_gone() -> None:
    before = [package("a", "1"), package("b", "1"), package("c", "1")]
    after = [package("a", "1"), package("b", "2"), package("d", "1")]
    assert describe_difference(before, after) == "b 1 -> 2, c 1 -> gone, d is new -> 1"
    assert describe_difference(before, before) == ""


def test_a_long_difference_is_cut() -> None:
    before = [package(f"p{index:02}", "1") for index in range(13)]
    after = [package(f"p{index:02}", "2") for index in range(13)]
    told = describe_difference(before, after)
    assert told.startswith("p00 1 -> 2, p01 1 -> 2, ")
    assert told.endswith("p09 1 -> 2, and 3 more")
