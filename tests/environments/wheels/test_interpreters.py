from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bindery.core import BadInput, ToolFailed
from bindery.environments.wheels.cpython import source_files
from bindery.environments.wheels.debian import is_changed, mend_debian
from bindery.environments.wheels.elf import parse_needs
from bindery.environments.wheels.interpreters import choose_interpreter, find_interpreters

FIX = "bindery channel toy --update-pins --python VERSION"


def _choose(wanted: str | None, preferred: str | None = None, minors: tuple[str, ...] = ("3.12", "3.11")) -> str:
    return choose_interpreter(wanted, preferred, minors, os.environ, FIX).minor


def _stand_in(
    path: Path, *, version: str, prefix: str = "/p", base: str = "/p", implementation: str = "cpython"
) -> Path:
    """Write a program that answers as an interpreter of that version would."""
    answer = (
        f'{{"version": "{version}", "implementation": "{implementation}", "executable": "{path}",'
        f' "base_executable": "/base/python", "prefix": "{prefix}", "base_prefix": "{base}", "stdlib": "/s",'
        ' "include": "/i", "library": null, "library_folder": null, "level": "final"}'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_preferred_version_is_taken_if_it_is_here() -> None:
    assert [_choose(None, minor) for minor in ("3.11", "3.12")] == ["3.11", "3.12"]


def test_distributions_own_is_taken_if_the_preferred_one_is_not_here() -> None:
    own = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    assert _choose(None, "3.99", (own, "3.99")) == own


def test_path_comes_before_pyenv_and_newest_of_pyenv_first(tmp_path: Path) -> None:
    root = tmp_path / "pyenv"
    for patch in (2, 10):
        _stand_in(root / f"versions/3.77.{patch}/bin/python3.77", version=f"3.77.{patch}")
    (root / "shims").mkdir()
    _stand_in(tmp_path / "bin/python3.77", version="3.77.5")
    environ = {"PATH": f"{root}/shims:{tmp_path}/bin"}

    assert [found.version for found in find_interpreters("3.77", environ)] == ["3.77.5", "3.77.10", "3.77.2"]
    assert [found.version for found in find_interpreters("3.77.2", environ)] == ["3.77.2"]


def test_virtual_environments_and_others_on_path_are_passed_over(tmp_path: Path) -> None:
    _stand_in(tmp_path / "venv/bin/python3.77", version="3.77.5")
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    _stand_in(tmp_path / "hidden/python3.77", version="3.77.5", base="/other")
    _stand_in(tmp_path / "pypy/python3.77", version="3.77.5", implementation="pypy")
    broken = tmp_path / "broken/python3.77"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    environ = {"PATH": ":".join(f"{tmp_path}/{name}" for name in ("venv/bin", "hidden", "pypy", "broken"))}

    assert list(find_interpreters("3.77", environ)) == []


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            "3.99",
            (
                "there is no Python 3.99 on this machine\n  fix: looked on PATH, in pyenv's versions,"
                " /usr/local/bin and /usr/bin; a path may be given: --python /path"
            ),
        ),
        ("three", "--python: 'three' is neither a version such as 3.12 nor a path"),
        ("/no/such/python", "/no/such/python: there is no such file"),
        ("/etc/passwd", "/etc/passwd: cannot be executed"),
        ("/bin/true", "/bin/true: is not a Python interpreter"),
        ("/bin/echo", "/bin/echo: is not a Python interpreter"),
    ],
)
def test_unusable_interpreter_is_named(wanted: str, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        _choose(wanted)

    assert str(caught.value) == text


def test_interpreter_of_a_virtual_environment_is_named(tmp_path: Path) -> None:
    path = _stand_in(tmp_path / "python", version="3.12.1", base="/base")

    with pytest.raises(BadInput) as caught:
        _choose(str(path))

    assert str(caught.value) == f"{path}: is the Python of a virtual environment\n  fix: --python /base/python"


def test_other_implementation_is_named(tmp_path: Path) -> None:
    path = _stand_in(tmp_path / "python", version="3.12.1", implementation="pypy")

    with pytest.raises(BadInput) as caught:
        _choose(str(path))

    assert str(caught.value) == f"{path}: is pypy, and wheel channels are made with CPython"


def test_interpreter_without_pins_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        _choose("3.11", minors=("3.12",))

    assert str(caught.value) == (f"3.11: there are no pins of wheels for Python 3.11 (there are: 3.12)\n  fix: {FIX}")


def test_no_interpreter_at_all_is_said() -> None:
    with pytest.raises(BadInput) as caught:
        _choose(None, minors=("3.98", "3.99"))

    assert str(caught.value) == (
        "there is no Python 3.98 or 3.99 on this machine, and wheels are pinned for no other\n"
        "  fix: install one, or name one that is not on PATH: --python /path/to/python3"
    )


def test_unknown_changes_of_a_distribution_are_named() -> None:
    with pytest.raises(ToolFailed) as caught:
        mend_debian("site.py", b"def getsitepackages(): 'dist-packages'", "/usr/lib/python3.99/site.py")

    assert str(caught.value) == (
        "/usr/lib/python3.99/site.py: has changes by the distribution that are not known here\n"
        "  fix: choose another: --python PATH"
    )


def test_files_without_changes_stay_as_they_are() -> None:
    assert mend_debian("site.py", b"def getsitepackages(): pass", "x") == b"def getsitepackages(): pass"
    assert mend_debian("pydoc.py", b"dist-packages", "x") == b"dist-packages"
    assert not is_changed(b"# dist-packages\ndef getsitepackages(): pass")


def test_headers_may_be_in_a_package_that_is_not_installed(tmp_path: Path) -> None:
    found = choose_interpreter("3.11", None, ("3.11",), os.environ, FIX)
    without = replace(found, include=tmp_path / "python3.11")

    headers = {path for path in source_files(found) if path.is_relative_to(found.include)}

    assert set(source_files(without)) == set(source_files(found)) - headers


def test_needs_of_a_program_are_those_that_its_loader_sees() -> None:
    program = Path(sys.executable).resolve()

    needs = parse_needs(program.read_bytes())

    assert "libc.so.6" in needs.libraries
    assert (2, 0) < needs.glibc < (3, 0)
