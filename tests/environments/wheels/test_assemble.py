"""Which wheels are converted, and where: nothing that the store has, and little without other processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Store, digest_file
from bindery.environments.wheels.assemble import SMALL_BYTES, convert_all
from bindery.environments.wheels.convert import RECORD_NAME, Conversion
from bindery.environments.wheels.requirements import Target

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environments.wheels.conftest import WheelMaker


@pytest.fixture
def conversion(make_wheel: WheelMaker, tmp_path: Path) -> Conversion:
    """Return what converts a small wheel."""
    wheel = make_wheel(tmp_path, files={"toy/__init__.py": "x = 1\n"})
    return Conversion(
        wheel=wheel,
        digest=digest_file(wheel),
        label="toy==1.0",
        size_bytes=wheel.stat().st_size,
        depends=(),
        target=Target(python_version="3.12.1"),
        store=Store(tmp_path / "store"),
    )


def test_package_that_the_store_has_is_not_made_again(conversion: Conversion) -> None:
    ((_, made),) = convert_all([conversion])
    conversion.wheel.unlink()

    assert [*convert_all([conversion])] == [(conversion, made)]


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, SMALL_BYTES + 1])
def test_package_has_the_same_bytes_wherever_it_is_made(
    conversion: Conversion, tmp_path: Path, size_bytes: int
) -> None:
    ((_, expected),) = convert_all([conversion])
    there = replace(conversion, store=Store(tmp_path / "other"), size_bytes=size_bytes)

    assert [*convert_all([there])] == [(there, there.folder)]
    assert (there.folder / RECORD_NAME).read_bytes() == (expected / RECORD_NAME).read_bytes()


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, SMALL_BYTES + 1])
def test_file_that_is_no_wheel_is_named_wherever_it_is_read(conversion: Conversion, size_bytes: int) -> None:
    conversion.wheel.write_bytes(b"no zip file")

    with pytest.raises(BadInput) as caught:
        list(convert_all([replace(conversion, size_bytes=size_bytes)]))

    assert str(caught.value) == (
        "toy==1.0: is not a zip file, or not a whole one\n  fix: delete it; it will be fetched again"
    )
