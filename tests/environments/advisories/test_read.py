from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput
from bindery.environments.advisories import Advisory, AffectedRange, Event, Subject, read_advisories

if TYPE_CHECKING:
    from pathlib import Path

RECORD = {
    "schema_version": "1.7.0",
    "id": "GHSA-1",
    "aliases": ["CVE-1"],
    "summary": "A fault\nof one  line",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Zarr"},
            "ranges": [
                {"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]},
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1"}]},
            ],
            "versions": ["3.0"],
        },
        {"package": {"ecosystem": "Debian:12", "name": "zarr"}},
        {"package": {"ecosystem": "conda-forge", "name": "zarr"}, "versions": ["3.0"]},
        {"ranges": []},
    ],
}
ADVISORY = Advisory(
    id="GHSA-1",
    aliases=("CVE-1",),
    summary="A fault of one line",
    subjects=(
        Subject(
            ecosystem="pypi",
            name="Zarr",
            ranges=(
                AffectedRange(
                    order="ecosystem",
                    events=(Event(kind="introduced", version="0"), Event(kind="fixed", version="3.1")),
                ),
            ),
            versions=("3.0",),
        ),
        Subject(ecosystem="conda", name="zarr", ranges=(), versions=("3.0",)),
    ),
)
OTHERS = [{**RECORD, "id": "GHSA-2", "withdrawn": "2025-01-01T00:00:00Z"}, {"id": "GHSA-3"}]
NOTHING = "fetch OSV records, such as the all.zip of its PyPI folder"


def test_records_in_files_arrays_zips_and_folders(tmp_path: Path) -> None:
    one, several, folder, packed = (tmp_path / name for name in ("one.json", "several.json", "folder", "all.zip"))
    one.write_text(json.dumps(RECORD), encoding="utf-8")
    several.write_text(json.dumps([*OTHERS, RECORD]), encoding="utf-8")
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.json").write_text(json.dumps(RECORD), encoding="utf-8")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", json.dumps(RECORD))
        archive.writestr("README", "not a record")
    for path in (one, several, folder, packed):
        assert read_advisories(path) == (ADVISORY,)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("3", "is a number, not a mapping"),
        ('{"summary": "x"}', "id is missing"),
        ('{"id": "x", "aliases": "y"}', "aliases is text, not a list"),
        ('{"id": "x", "affected": [{"package": {"name": "y"}}]}', "package.ecosystem is missing"),
    ],
)
def test_bad_records_are_refused(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_advisories(path)
    assert caught.value.what == error
    assert caught.value.where.startswith(str(path))


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_advisories(tmp_path / "nowhere")
    assert str(caught.value) == f"{tmp_path / 'nowhere'}: there is no such file or folder\n  fix: {NOTHING}"
    with pytest.raises(BadInput) as caught:
        read_advisories(tmp_path)
    assert str(caught.value) == f"{tmp_path}: holds no .json file\n  fix: {NOTHING}"


def test_zips_that_are_damaged_or_grow_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", " " * (3 << 20) + "{}")
    monkeypatch.setattr("bindery.environments.advisories.read.MAX_RECORD_BYTES", 2 << 20)
    with pytest.raises(BadInput) as caught:
        read_advisories(packed)
    assert str(caught.value) == f"{packed}: a.json: unpacks to more than 2 MiB, and no record has as many"
    data = bytearray(packed.read_bytes())
    data[40] ^= 0xFF
    packed.write_bytes(data)
    monkeypatch.undo()
    with pytest.raises(BadInput) as caught:
        read_advisories(packed)
    assert caught.value.what.startswith("is a damaged zip: ")
