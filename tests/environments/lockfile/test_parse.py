from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput
from bindery.environments import parse_lock, read_lock
from bindery.environments.lockfile.scan import scan_packages

if TYPE_CHECKING:
    from bindery.environments import Environment

BAD_LOCKS = sorted((Path(__file__).parents[1] / "data" / "bad-locks").iterdir())


@pytest.mark.parametrize("case", BAD_LOCKS, ids=lambda case: case.name)
def test_bad_lock_is_refused_with_its_place(case: Path) -> None:
    with pytest.raises(BadInput) as caught:
        parse_lock((case / "input.yml").read_text(encoding="utf-8"), "conda-lock.yml", "bindery lock ocean")
    assert str(caught.value) == (case / "error.txt").read_text(encoding="utf-8").rstrip("\n")


def test_error_in_a_long_lock_names_the_package(pangeo_notebook: Environment) -> None:
    text = pangeo_notebook.lock_path.read_text(encoding="utf-8")
    start = text.index("    sha256: ", text.index("- name: numpy\n"))
    broken = text[:start] + text[text.index("\n", start) + 1 :]
    with pytest.raises(BadInput) as caught:
        parse_lock(broken, "environments/ocean/conda-lock.yml", "bindery lock ocean")
    assert str(caught.value) == (
        "environments/ocean/conda-lock.yml: package[1927] numpy: sha256 is missing\n  fix: bindery lock ocean"
    )


def test_missing_lock_says_how_to_make_it(tmp_path: Path) -> None:
    path = tmp_path / "conda-lock.yml"
    with pytest.raises(BadInput) as caught:
        read_lock(path, "bindery lock ocean")
    assert str(caught.value) == f"{path}: there is no such lock\n  fix: bindery lock ocean"


def test_lock_in_latin_1_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "conda-lock.yml"
    path.write_bytes("version: 1 # für\n".encode("latin-1"))
    with pytest.raises(BadInput) as caught:
        read_lock(path)
    assert str(caught.value) == f"{path}: is not text in UTF-8"


def test_canonical_form_is_read_without_yaml(pangeo_notebook: Environment) -> None:
    text = pangeo_notebook.lock_path.read_text(encoding="utf-8")
    packages = scan_packages(text, text.index("\npackage:\n") + len("\npackage:\n"))
    assert packages == read_lock(pangeo_notebook.lock_path).packages


def test_other_forms_give_the_same_lock(published: Path) -> None:
    path = published / "2025.08.14" / "base-notebook" / "conda-lock.yml"
    text = path.read_text(encoding="utf-8")
    start = text.index("\npackage:\n")
    other = text[:start] + "\npackage: # by hand\n" + text[start + len("\npackage:\n") :].replace("{}", "{ }")
    assert scan_packages(other, start + 10) is None
    assert parse_lock(other, "other") == read_lock(path)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("  version: 2.2.6", '  version: "2.2.6"'),
        ("  version: 2.2.6", "  version: '2.2.6'"),
        ("  version: 2.2.6", "  version: 2.2.6 # why"),
        ("  optional: false", "  optional: no"),
        ("  dependencies: {}", "  dependencies: {}\n  build: null"),
    ],
)
def test_spelling_does_not_matter(line: str, other: str) -> None:
    text = (BAD_LOCKS[0].parent / "missing-md5" / "input.yml").read_text(encoding="utf-8")
    text = text.replace("  hash:\n", "  hash:\n    md5: 17fac9db62daa5c810091c2882b28f45\n")
    assert line in text
    assert parse_lock(text.replace(line, other), "x") == parse_lock(text, "x")
