"""Archives that are damaged, or say what cannot be."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import PYTHON, Packed, Recipe, locked, python_recipe, tool_recipe, write_package

from bindery.core import BadInput, digest_file
from bindery.prefixes.conda_meta import encode_records
from bindery.prefixes.contents import find_python, read_contents
from bindery.prefixes.entry_points import parse_entry_point
from bindery.prefixes.expected import expect_tree

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.prefixes.tree import ExpectedTree

PLATFORM = "linux-64"


def expect(recipe: Recipe, channel: Path) -> ExpectedTree:
    """Return the tree of this one package."""
    archive = write_package(recipe, channel)
    return expect_tree((read_contents(locked(recipe, archive), archive),), "/p", PLATFORM)


def refused(recipe: Recipe, channel: Path) -> str:
    """Return why the package is refused, without its path."""
    with pytest.raises(BadInput) as caught:
        expect(recipe, channel)
    return str(caught.value).replace(str(channel / recipe.subdir / recipe.file_name), "ARCHIVE")


@pytest.mark.parametrize("old_format", [False, True], ids=["conda", "tar.bz2"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_truncated_archive_is_refused(channel: Path, kept: float, *, old_format: bool) -> None:
    recipe = dataclasses.replace(tool_recipe(), noarch=None, old_format=old_format)
    archive = write_package(recipe, channel)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * kept)])
    package = locked(recipe, archive)
    with pytest.raises(BadInput) as caught:
        expect_tree((read_contents(package, archive),), "/p", PLATFORM)
    first, fix = str(caught.value).splitlines()
    assert first.startswith(f"{archive}: is not a whole conda package: ")
    assert fix == "  fix: remove it, and run the command again"


def test_the_record_of_a_wheel_stays_when_another_wheel_of_its_channel_changes(channel: Path) -> None:
    recipe = tool_recipe()
    archive = write_package(recipe, channel)
    records = []
    for digest in ("1" * 64, "2" * 64):
        url = f"https://wheels.invalid/{digest}/noarch/{recipe.file_name}"
        contents = read_contents(dataclasses.replace(locked(recipe, archive), url=url), archive)
        ((_, data),) = [item for path, item in encode_records((contents,), {}).items() if path.endswith(".json")]
        records.append(data)
    assert records[0] == records[1]
    record = json.loads(records[0])
    assert (record["channel"], record["url"]) == (
        "https://wheels.invalid/",
        f"https://wheels.invalid/noarch/{recipe.file_name}",
    )
    assert record["sha256"] == digest_file(archive).hex


def test_a_zip_of_something_else_is_refused(channel: Path) -> None:
    recipe = Recipe(name="other")
    archive = write_package(recipe, channel)
    package = locked(recipe, archive)
    archive.write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(BadInput) as caught:
        read_contents(package, archive)
    assert str(caught.value) == f"{archive}: is not a conda package: it has 0 parts named info-*.tar.zst"


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            Recipe(name="bare", left_out=frozenset({"paths.json"})),
            "ARCHIVE: is not a conda package: info/paths.json is missing",
        ),
        (
            Recipe(name="odd", index={"noarch": "perl"}),
            "ARCHIVE: info/index.json: noarch is perl, not python or generic",
        ),
        (Recipe(name="nameless", index={"name": 4}), "ARCHIVE: info: name is missing, or not text"),
        (
            Recipe(name="false", index={"version": "2.0"}),
            (
                "https://conda.anaconda.org/test-channel/linux-64/false-1.0-0.conda: is false 2.0 0, "
                "and the lock says false 1.0 0"
            ),
        ),
        (
            Recipe(name="climber", files={"../out": Packed(data=b"1")}),
            "ARCHIVE: info/paths.json: the path '../out' leaves its folder",
        ),
        (
            Recipe(name="partial", files={"share/x": Packed(data=b"1")}, unpacked=frozenset({"share/x"})),
            "ARCHIVE: misses share/x, which its paths.json names",
        ),
        (
            Recipe(
                name="hard",
                files={"a": Packed(same_as="b"), "b": Packed(data=b"1")},
            ),
            "ARCHIVE: a is a link to b, which does not come before it",
        ),
        (
            dataclasses.replace(tool_recipe(), entry_points=("tool",)),
            "ARCHIVE: info/link.json: the entry point 'tool' is not of the form command = module:function",
        ),
        (
            Recipe(name="python", version="x"),
            "https://conda.anaconda.org/test-channel/linux-64/python-x-0.conda: x is not a version of Python",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Recipe) else "",
)
def test_what_a_package_says_must_hold(channel: Path, recipe: Recipe, message: str) -> None:
    assert refused(recipe, channel) == message


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "index.json",
            b"{",
            "info/index.json is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("index.json", b"[]", "info/index.json is not a mapping"),
        ("paths.json", b"{}", "info/paths.json: paths is missing, or not a list"),
        ("paths.json", b'{"paths": [1]}', "info/paths.json: a path is not a mapping"),
    ],
)
def test_documents_of_a_package_must_be_what_they_are_called(
    channel: Path, name: str, data: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = json.dumps
    marks = {"index.json": '"build_number"', "paths.json": '"paths_version"'}

    def dumps(document: object) -> str:
        text = real(document)
        return data.decode() if marks[name] in text else text

    monkeypatch.setattr("tests.prefixes.conftest.json.dumps", dumps)
    recipe = Recipe(name="wrong")
    archive = write_package(recipe, channel)
    with pytest.raises(BadInput) as caught:
        read_contents(locked(recipe, archive), archive)
    assert str(caught.value).removeprefix(f"{archive}: ").removeprefix(f"{archive}: ") == message


def test_python_says_where_its_packages_are(channel: Path) -> None:
    recipe = dataclasses.replace(
        python_recipe(), index={"python_site_packages_path": f"lib/python{PYTHON}t/site-packages"}
    )
    archive = write_package(recipe, channel)
    layout = find_python((read_contents(locked(recipe, archive), archive),))
    assert layout is not None
    assert (layout.executable, layout.library) == (f"bin/python{PYTHON}", f"lib/python{PYTHON}t")
    assert layout.cache_tag == f"cpython-{PYTHON.replace('.', '')}"


@pytest.mark.parametrize("text", ["a=b:c", "a = b:c", " a =b : c.d "])
def test_entry_points_are_read_with_any_spaces(text: str) -> None:
    entry = parse_entry_point(text, "x")
    assert (entry.command, entry.module, entry.function.partition(".")[0]) == ("a", "b", "c")


def test_the_same_archives_give_the_same_tree(channel: Path) -> None:
    recipe = python_recipe()
    assert expect(recipe, channel) == expect(recipe, channel)
    assert digest_file(channel / recipe.subdir / recipe.file_name)
