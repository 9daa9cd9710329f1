"""What tests of files share."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be nobody for a while, if we are root: root may do what others may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def user_folder() -> Iterator[Path]:
    """Give a folder of an ordinary user, and be that user."""
    with ordinary_user():
        folder = Path(tempfile.mkdtemp(prefix="bindery-test-"))
        yield folder
        for found, folders, _ in os.walk(folder):
            for name in folders:
                (Path(found) / name).chmod(0o700)
        shutil.rmtree(folder)
