"""What the machine's apt is configured with, read by apt itself from a configuration of the test's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput
from bindery.images.base.machine_apt import find_options, find_sources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.testbed
DEB822 = """# a mirror of ours
Types: deb deb-src
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
Enabled: no
URIs: http://off.invalid/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://nodes.invalid/
Suites: nodistro
Components: main
"""
ONE_LINE = """
deb [arch=amd64,arm64 signed-by=/key.gpg] http://security.invalid/debian-security bookworm-security main contrib # why
deb-src http://mirror.invalid/debian bookworm main
# deb http://commented.invalid/debian bookworm main
deb http://other.invalid/debian sarge main
"""
SOURCES = """Types: deb
Uris: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""
SECURITY = """Types: deb
Uris: http://security.invalid/debian-security
Suites: bookworm-security
Components: main contrib
Architectures: amd64 arm64
Signed-By: /key.gpg
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose apt is configured by files below ``tmp_path``."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "ours.sources").write_text(DEB822, encoding="utf-8")
    (tmp_path / "parts" / "broken.disabled").write_text("deb http://disabled.invalid bookworm main", encoding="utf-8")
    (tmp_path / "sources.list").write_text(ONE_LINE, encoding="utf-8")
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\n'
        f'Dir::Etc::sourceparts "{tmp_path}/parts";\n'
        f'Dir::Etc::netrc "{tmp_path}/auth.conf";\n'
        'Acquire::http::Proxy "http://proxy.invalid:3128";\n'
        'Acquire::Languages "de";\n',
        encoding="utf-8",
    )
    return {"PATH": os.environ["PATH"], "APT_CONFIG": str(tmp_path / "apt.conf"), "LC_ALL": "C"}


def test_sources_of_the_suite_are_chosen(environ: dict[str, str]) -> None:
    assert find_sources("bookworm", environ) == f"{SECURITY}\n{SOURCES}"


def test_a_suite_that_mmdebstrap_knows_needs_no_source(environ: dict[str, str]) -> None:
    assert find_sources("trixie", environ) == ""


def test_an_unknown_suite_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        find_sources("bookwurm", environ)
    assert str(caught.value) == (
        "debian:bookwurm: is not a suite that this machine's apt has: bookworm, bookworm-backports, bookworm-security, "
        "bookworm-updates, nodistro, sarge\n"
        "  fix: write one of bookworm, trixie, forky, sid, or let APT_CONFIG name a configuration that has it"
    )


def test_how_to_fetch_is_taken_over_and_what_to_fetch_is_not(environ: dict[str, str], tmp_path: Path) -> None:
    options = find_options(environ)
    assert 'Acquire::http::Proxy "http://proxy.invalid:3128";\n' in options
    assert f'Dir::Etc::netrc "{tmp_path}/auth.conf";\n' in options
    assert "Languages" not in options
    assert "IndexTargets" not in options
