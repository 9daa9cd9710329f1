from __future__ import annotations

import platform
import sys

import pytest

from bindery.core import PLATFORMS, BadInput, ToolFailed, conda_platform, host_platform, oci_platform


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "linux-64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("darwin", "x86_64", "osx-64"),
        ("darwin", "arm64", "osx-arm64"),
    ],
)
def test_machines_have_condas_names(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, expected: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert host_platform() == expected
    assert expected in PLATFORMS


def test_other_machines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(ToolFailed) as caught:
        host_platform()
    assert str(caught.value) == (
        "linux on riscv64 is not supported\n  fix: use one of linux-64, linux-aarch64, osx-64, osx-arm64"
    )


def test_images_have_words_of_their_own() -> None:
    assert oci_platform("linux-64") == ("linux", "amd64")
    assert oci_platform("linux-aarch64") == ("linux", "arm64")
    for word in ("linux-64", "linux-aarch64"):
        assert conda_platform(*oci_platform(word)) == word
    with pytest.raises(BadInput) as caught:
        oci_platform("osx-64")
    assert str(caught.value) == "there are no images for osx-64\n  fix: use one of linux-64, linux-aarch64"
    with pytest.raises(BadInput) as caught:
        conda_platform("linux", "s390x")
    assert str(caught.value) == ("linux/s390x is not supported\n  fix: use an image for one of linux-64, linux-aarch64")
