"""Every way in which a prefix can differ from its lock is found, and named."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import PYTHON

from bindery.core import BadInput, NoProgress, Store, digest_bytes, digest_file
from bindery.prefixes import ensure_prefix, read_record, verify_prefix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bindery.environments import Realised

TAG = sys.implementation.cache_tag
LIBRARY = f"lib/python{PYTHON}"


@pytest.fixture
def prefix(store: Store, everything: Realised) -> Path:
    """Return a sound prefix."""
    return ensure_prefix(everything, store=store, progress=NoProgress()).path


@pytest.fixture
def verify(store: Store, everything: Realised, prefix: Path) -> Callable[[], list[tuple[str, str, str, str]]]:
    """Return a function that verifies the prefix and returns its findings as plain rows."""

    def run() -> list[tuple[str, str, str, str]]:
        findings = verify_prefix(prefix, everything, store=store, progress=NoProgress())
        return [(finding.package, finding.path, finding.what, finding.detail) for finding in findings]

    return run


Rows = list[tuple[str, str, str, str]]


def overwrite(path: Path, data: bytes) -> None:
    """Give the path other bytes, in a file of its own: what was there is linked into the cache."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode)


def test_a_changed_byte_is_found(prefix: Path, verify: Callable[[], Rows]) -> None:
    path = prefix / "share/tool/data.txt"
    overwrite(path, b"dato\n")
    was, now = digest_bytes(b"data\n").hex[:12], digest_file(path).hex[:12]
    assert verify() == [("tool", "share/tool/data.txt", "changed", f"has sha256 {now}…, not {was}…")]


def test_another_length_is_found(prefix: Path, verify: Callable[[], Rows]) -> None:
    overwrite(prefix / "share/tool/data.txt", b"")
    assert verify() == [("tool", "share/tool/data.txt", "changed", "has 0 bytes, not 5")]


def test_a_missing_file_is_found(prefix: Path, verify: Callable[[], Rows]) -> None:
    (prefix / "share/tool/data.txt").unlink()
    assert verify() == [("tool", "share/tool/data.txt", "missing", "is not there")]


def test_an_added_file_and_an_added_link_are_found(prefix: Path, verify: Callable[[], Rows]) -> None:
    (prefix / "share/new").write_text("")
    (prefix / "share/to-root").symlink_to("/")
    assert verify() == [
        ("", "share/new", "added", "belongs to no package"),
        ("", "share/to-root", "added", "belongs to no package"),
    ]


@pytest.mark.parametrize(
    ("mode", "text"),
    [(0o755, "has mode 755, not 444"), (0o400, "has mode 400, not 444"), (0o4444, "has mode 4444, not 444")],
)
def test_another_mode_is_found(prefix: Path, verify: Callable[[], Rows], mode: int, text: str) -> None:
    (prefix / "share/tool/data.txt").chmod(mode)
    assert verify() == [("tool", "share/tool/data.txt", "mode", text)]


def test_the_owner_may_write(prefix: Path, verify: Callable[[], Rows]) -> None:
    (prefix / "share/tool/data.txt").chmod(0o644)
    assert verify() == []


def test_links_and_files_are_told_apart(prefix: Path, verify: Callable[[], Rows]) -> None:
    for path, target in (("lib/libit.so", "elsewhere"), ("share/tool/data.txt", "/etc/passwd")):
        (prefix / path).unlink()
        (prefix / path).symlink_to(target)
    (prefix / "lib/dangling").unlink()
    (prefix / "lib/dangling").write_text("")
    (prefix / "lib/dangling").chmod(0o444)
    rows = verify()
    # A library may be one that Python loads, so Python is not asked about bytecode.
    assert rows.pop(0)[2] == "unchecked"
    assert rows == [
        ("library", "lib/dangling", "link", "is no link to ../nowhere"),
        ("library", "lib/libit.so", "link", "leads to elsewhere, not to libit.so.1"),
        ("tool", "share/tool/data.txt", "link", "is not a file"),
    ]


def test_a_pipe_in_the_place_of_a_file_is_not_read(prefix: Path, verify: Callable[[], Rows]) -> None:
    (prefix / "share/tool/data.txt").unlink()
    os.mkfifo(prefix / "share/tool/data.txt")
    assert verify() == [("tool", "share/tool/data.txt", "link", "is not a file")]


def test_records_in_the_prefix_are_not_believed(prefix: Path, verify: Callable[[], Rows]) -> None:
    path = prefix / "conda-meta" / "tool-1.0-0.json"
    text = path.read_text()
    overwrite(path, text.replace("tool-script", "tool-scripT").encode())
    assert [row[:3] for row in verify()] == [("tool", "conda-meta/tool-1.0-0.json", "changed")]


def test_bytecode_that_its_source_does_not_give_is_found(prefix: Path, verify: Callable[[], Rows]) -> None:
    package = prefix / LIBRARY / "site-packages" / "tool" / "__pycache__"
    other = prefix / LIBRARY / "__pycache__" / f"plain.{TAG}.pyc"
    overwrite(package / f"__init__.{TAG}.pyc", other.read_bytes())
    assert verify() == [
        (
            "tool",
            f"{LIBRARY}/site-packages/tool/__pycache__/__init__.{TAG}.pyc",
            "changed",
            "is not what its source compiles to",
        )
    ]


def test_bytecode_is_found_missing_and_found_added(prefix: Path, verify: Callable[[], Rows]) -> None:
    package = f"{LIBRARY}/site-packages/tool/__pycache__"
    (prefix / package / f"old.{TAG}.pyc").write_bytes(b"1")  # its source is not Python of this version
    (prefix / package / f"__init__.{TAG}.pyc").unlink()
    (prefix / package / f"gone.{TAG}.pyc").write_bytes(b"1")
    assert verify() == [
        ("tool", f"{package}/__init__.{TAG}.pyc", "missing", "is not there"),
        ("", f"{package}/gone.{TAG}.pyc", "added", "belongs to no package"),
        ("tool", f"{package}/old.{TAG}.pyc", "changed", "is not what its source compiles to"),
    ]


def test_a_source_that_is_gone_is_said_and_so_is_its_bytecode(prefix: Path, verify: Callable[[], Rows]) -> None:
    package = f"{LIBRARY}/site-packages/tool"
    (prefix / package / "__init__.py").unlink()
    assert [row[:3] for row in verify()] == [
        ("tool", f"{package}/__init__.py", "missing"),
        ("tool", f"{package}/__pycache__/__init__.{TAG}.pyc", "changed"),
    ]


def test_a_changed_interpreter_is_not_asked(prefix: Path, verify: Callable[[], Rows], tmp_path: Path) -> None:
    overwrite(prefix / f"bin/python{PYTHON}", f"#!/bin/sh\ntouch {tmp_path}/ran\n".encode())
    rows = verify()
    assert [row[:3] for row in rows] == [
        ("python", f"bin/python{PYTHON}", "changed"),
        ("python", f"bin/python{PYTHON}", "unchecked"),
    ]
    assert rows[1][3] == "is not sound itself, so 4 bytecode files were not checked"
    assert not (tmp_path / "ran").exists()


def test_a_module_laid_beside_the_interpreters_own_keeps_it_from_being_asked(
    prefix: Path, verify: Callable[[], Rows]
) -> None:
    (prefix / LIBRARY / "json.py").write_text("raise SystemExit")
    assert [row[1:3] for row in verify()] == [
        (f"bin/python{PYTHON}", "unchecked"),
        (f"{LIBRARY}/json.py", "added"),
    ]


def test_a_damaged_archive_is_no_proof(store: Store, everything: Realised, prefix: Path, channel: Path) -> None:
    (channel / "noarch" / "tool-1.0-0.conda").unlink()
    with pytest.raises(BadInput) as caught:
        verify_prefix(prefix, everything, store=store, progress=NoProgress())
    assert str(caught.value) == (
        f"{channel}/noarch/tool-1.0-0.conda: is not there, and the lock needs tool\n  fix: make the channel again"
    )


def test_a_folder_that_bindery_did_not_make_has_no_record(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_record(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: is not a prefix that bindery made\n"
        "  fix: name the environment instead: bindery verify ENVIRONMENT"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{}", "environment is missing, or not text"),
    ],
)
def test_a_damaged_record_is_named(prefix: Path, store: Store, text: str, message: str) -> None:
    record = store.root / "prefix-records" / prefix.name
    record.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_record(prefix)
    fix = "name the environment instead: bindery verify ENVIRONMENT"
    assert str(caught.value) == f"{record}: {message}\n  fix: {fix}"
