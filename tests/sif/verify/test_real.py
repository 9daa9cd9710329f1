"""A SIF of a real environment is as its lock makes it, and the command says so, in bounded memory."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.command import run_bindery
from tests.conftest import find_python
from tests.hpc import PEAK, SIF, ensure_sif
from tests.sif.signing import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer

    from bindery.core import Store
    from bindery.images import Image

pytestmark = pytest.mark.testbed
LARGE_BYTES = 300_000_000
MOST_KIB = 300 << 10


def test_it_is_as_the_lock_makes_it_though_signed_and_nothing_else_is(
    hpc_sif: Path, hpc_project: Path, apptainer: Apptainer, test_store: Store, tmp_path: Path
) -> None:
    assert hpc_sif.stat().st_size > LARGE_BYTES
    sif, peak = tmp_path / "signed.sif", tmp_path / "peak"
    shutil.copyfile(hpc_sif, sif)
    apptainer.run("sign", sif, env=make_key(apptainer, tmp_path / "keys"))
    words = ["verify", str(sif), "--json", "--python", str(find_python("3.11")), "--repo-dir", "/srv/repo"]
    done = run_bindery(test_store, *words, cwd=hpc_project, peak=peak)
    document = json.loads(done.stdout)
    assert (document["of"], document["complete"], document["signed"], document["findings"]) == ("hpc", True, True, [])
    said = f"hpc: {sif}: as the lock makes it; signed, by whom is for `singularity verify`"
    assert done.stderr.splitlines()[-1] == said
    assert int(peak.read_text()) < MOST_KIB
    with sif.open("r+b") as file:
        file.seek(48)
        file.write(b"another one's ID")
    done = run_bindery(test_store, *words, cwd=hpc_project, status=1)
    assert [one["path"] for one in json.loads(done.stdout)["findings"]] == ["sif.header.uuid"]


def test_making_it_took_less_memory_than_the_limit(hpc_image: Image, test_store: Store) -> None:
    made = ensure_sif(hpc_image, test_store)
    assert (made / SIF).stat().st_size > LARGE_BYTES
    assert int((made / PEAK).read_text()) < MOST_KIB
