"""The manual's page on registries: its first example runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import make_image

from bindery.core import Store
from bindery.images import read_image, store_layout
from bindery.images.annotations import VERSION

if TYPE_CHECKING:
    from tests.testbed.registry import Registry


@pytest.mark.testbed
def test_the_example_runs(
    registry: Registry, home: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = (request.config.rootpath / "docs" / "registries.md").read_text(encoding="utf-8")
    example = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert example is not None
    layout = store_layout(Store(tmp_path / "store"))
    image = make_image(layout, "pangeo:2025.08.14", annotations={VERSION: "2025.08.14"})
    (tmp_path / "materials.json").write_text('{"bomFormat": "CycloneDX"}', encoding="utf-8")
    name = f"{registry.host}/page"
    done = subprocess.run(
        ["bash", "-eu"],
        input=example[1],
        cwd=tmp_path,
        env={
            **os.environ,
            **home,
            "PATH": f"{Path(sys.executable).parent}:{home['PATH']}",
            "BINDERY_STORE": str(tmp_path / "store"),
            "REGISTRY": name,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"{name}/pangeo:2025.08.14@{image.digest}",
        f"{name}/pangeo:stable@{image.digest}",
        f"{name}/pangeo:stable@{image.digest}",
        f"{name}/pangeo:stable@{image.digest}",
        f"pangeo:today@{image.digest}",
    ]
    assert read_image(layout, "pangeo:today").digest == image.digest
