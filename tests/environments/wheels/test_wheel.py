from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from rattler import package_streaming

from bindery.core import BadInput, Store, digest_file
from bindery.environments.wheels.archive import PLACEHOLDER
from bindery.environments.wheels.convert import Conversion, convert_wheel
from bindery.environments.wheels.requirements import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.environments.wheels.conftest import WheelMaker

    Convert = Callable[[Path], dict[str, bytes]]

INFO = "toy-1.0.dist-info"


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Return a function that converts a wheel and unpacks what came of it: its files, and ``index`` and others."""

    def run(wheel: Path) -> dict[str, bytes]:
        conversion = Conversion(
            wheel=wheel,
            digest=digest_file(wheel),
            label="toy==1.0",
            size_bytes=wheel.stat().st_size,
            depends=("click",),
            target=Target(python_version="3.12.1"),
            store=Store(tmp_path / "store"),
        )
        (package,) = convert_wheel(conversion).glob("*.conda")
        out = tmp_path / "out"
        package_streaming.extract(package, out)
        return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}

    return run


def test_files_go_where_their_scheme_says(make_wheel: WheelMaker, convert: Convert, tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        tag="cp312-cp312-linux_x86_64",
        files={
            "toy/__init__.py": "x = 1\n",
            "toy-1.0.data/purelib/pure.py": "",
            "toy-1.0.data/platlib/plat.py": "",
            "toy-1.0.data/scripts/run": "#!python\nprint(1)\n",
            "toy-1.0.data/scripts/plain": "#!/bin/sh\n",
            "toy-1.0.data/headers/toy.h": "",
            "toy-1.0.data/data/etc/toy.json": "{}",
            f"{INFO}/entry_points.txt": "[console_scripts]\ntoy = toy.cli:App.main [extra]\n[other]\na = b\n",
        },
    )

    found = convert(wheel)

    site = "lib/python3.12/site-packages"
    assert {name for name in found if not name.startswith("info/")} == {
        f"{site}/toy/__init__.py",
        f"{site}/pure.py",
        f"{site}/plat.py",
        "bin/run",
        "bin/plain",
        "bin/toy",
        "include/python3.12/toy/toy.h",
        "etc/toy.json",
        *(f"{site}/{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt")),
    }
    assert found["bin/run"] == f"#!{PLACEHOLDER}/bin/python\nprint(1)\n".encode()
    assert b"from toy.cli import App\n" in found["bin/toy"]
    assert b"sys.exit(App.main())" in found["bin/toy"]
    paths = {entry["_path"]: entry for entry in json.loads(found["info/paths.json"])["paths"]}
    assert paths["bin/run"]["prefix_placeholder"] == paths["bin/toy"]["prefix_placeholder"] == PLACEHOLDER
    assert "prefix_placeholder" not in paths["bin/plain"]
    index = json.loads(found["info/index.json"])
    assert (index["subdir"], index["build"][:6]) == ("linux-64", "py312h")
    assert index["depends"] == ["click", "python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"]
    record = found[f"{site}/{INFO}/RECORD"].decode()
    assert "../../../bin/run,,\n" in record
    assert f"{INFO}/INSTALLER,,\n" in record
    assert "../../../etc/toy.json,sha256=" in record


def test_pure_wheel_is_for_any_python(make_wheel: WheelMaker, convert: Convert, tmp_path: Path) -> None:
    files = {"toy.py": "", "toy-1.0.data/scripts/run": "#!python\n", f"{INFO}/direct_url.json": "{}"}

    found = convert(make_wheel(tmp_path, files=files, metadata="Requires-Python: >=3.9,!=3.9.7\n"))

    index = json.loads(found["info/index.json"])
    assert (index["subdir"], index["noarch"]) == ("noarch", "python")
    assert index["depends"] == ["click", "python !=3.9.7,>=3.9"]
    assert {"site-packages/toy.py", "python-scripts/run"} <= set(found)
    assert not [name for name in found if name.endswith("direct_url.json")]
    assert b"../../../bin/run,," in found[f"site-packages/{INFO}/RECORD"]


def test_order_and_times_inside_of_the_wheel_do_not_matter(
    make_wheel: WheelMaker, convert: Convert, tmp_path: Path
) -> None:
    first = make_wheel(tmp_path, files={"toy/a.py": "a", "toy/b.py": "b"})
    again = tmp_path / "again.whl"
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as target:
        for name in reversed(source.namelist()):
            target.writestr(zipfile.ZipInfo(name, (1999, 1, 1, 0, 0, 0)), source.read(name))

    one, two = convert(first), convert(again)

    build = json.loads(one["info/index.json"])["build"].encode()
    other = json.loads(two["info/index.json"])["build"].encode()
    assert {name: data.replace(other, build) for name, data in two.items()} == one


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"files": {"../evil.py": ""}}, "toy==1.0: the path '../evil.py' leaves its folder"),
        ({"files": {"/etc/evil.py": ""}}, "toy==1.0: the path '/etc/evil.py' leaves its folder"),
        ({"record": "../../x.py,,\n"}, "toy==1.0: RECORD: the path '../../x.py' leaves its folder"),
        ({"record": "x.py\n"}, "toy==1.0: toy-1.0.dist-info/RECORD: 'x.py' has 1 fields, expected 3"),
        (
            {"files": {"toy-1.0.data/where/x": ""}},
            "toy==1.0: 'toy-1.0.data/where/x' is in no folder that an installer knows",
        ),
        (
            {"files": {"toy.py": "", "toy-1.0.data/purelib/toy.py": ""}},
            "toy==1.0: two of its files are site-packages/toy.py",
        ),
        (
            {"files": {f"{INFO}/entry_points.txt": "[console_scripts]\na/b = c:d\n"}},
            f"toy==1.0: {INFO}/entry_points.txt: a/b = c:d is not a command",
        ),
        (
            {"files": {f"{INFO}/entry_points.txt": "[console_scripts]\na = import os\n"}},
            f"toy==1.0: {INFO}/entry_points.txt: a = import os is not a command",
        ),
        ({"files": {"b-1.dist-info/METADATA": ""}}, "toy==1.0: has 2 .dist-info folders with METADATA, expected 1"),
        (
            {"metadata": "Requires-Python: recent\n"},
            "toy==1.0: Requires-Python: Invalid specifier: 'recent'",
        ),
    ],
)
def test_wrong_wheel_is_named(
    make_wheel: WheelMaker, convert: Convert, tmp_path: Path, options: dict[str, str], what: str
) -> None:
    wheel = make_wheel(tmp_path, **options)

    with pytest.raises(BadInput) as caught:
        convert(wheel)

    assert str(caught.value) == what
    assert not list((tmp_path / "store" / "wheel-packages").glob("[0-9a-f]*"))


def test_wheel_without_a_name_is_named(convert: Convert, tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{INFO}/METADATA", "Version: 1.0\n")
        archive.writestr(f"{INFO}/WHEEL", "Tag: py3-none-any\n")

    with pytest.raises(BadInput) as caught:
        convert(wheel)

    assert str(caught.value) == "toy==1.0: METADATA has no Name or no Version"


def test_wheel_without_record_is_named(convert: Convert, tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{INFO}/METADATA", "Name: toy\nVersion: 1.0\n")
        archive.writestr(f"{INFO}/WHEEL", "Tag: py3-none-any\n")

    with pytest.raises(BadInput) as caught:
        convert(wheel)

    assert str(caught.value) == f"toy==1.0: {INFO}/RECORD is missing or damaged"


@pytest.mark.parametrize("cut", [10, 1000])
def test_truncated_wheel_is_named(make_wheel: WheelMaker, convert: Convert, tmp_path: Path, cut: int) -> None:
    wheel = make_wheel(tmp_path, files={"toy.py": "x" * 5000})
    wheel.write_bytes(wheel.read_bytes()[:-cut])

    with pytest.raises(BadInput) as caught:
        convert(wheel)

    assert str(caught.value) == (
        "toy==1.0: is not a zip file, or not a whole one\n  fix: delete it; it will be fetched again"
    )


def test_damaged_member_is_named(make_wheel: WheelMaker, convert: Convert, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, files={"toy.py": "x" * 5000})
    wheel.write_bytes(wheel.read_bytes().replace(b"x" * 5000, b"x" * 4999 + b"y"))

    with pytest.raises(BadInput) as caught:
        convert(wheel)

    assert str(caught.value) == "toy==1.0: is damaged: Bad CRC-32 for file 'toy.py'"


def test_broken_library_is_named(make_wheel: WheelMaker, convert: Convert, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, tag="cp312-cp312-linux_x86_64", files={"toy.so": b"\x7fELF\x02\x01" + b"\1" * 40})

    with pytest.raises(BadInput) as caught:
        convert(wheel)

    assert str(caught.value).startswith(
        "toy==1.0: lib/python3.12/site-packages/toy.so: not a whole ELF file: unpack_from requires a buffer"
    )
