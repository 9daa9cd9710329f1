"""The digests of layers that are not stored are those of the layers that are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.images.small import FILES, write_linked

from bindery.core import BadInput, NoProgress, Store
from bindery.core.tarstreams import bytes_member, folder_member
from bindery.images import store_layout
from bindery.images.environment_layers import ensure_environment_layers
from bindery.images.layers import write_layer
from bindery.images.verify.whole_config import digest_layers

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = (bytes_member("usr/local/bin/start", b"#!/bin/sh\n", 0o755),)
REPOSITORY = (folder_member("home/jovyan"), bytes_member("home/jovyan/a.ipynb", b"{}"))


def test_they_are_those_of_stored_layers(tmp_path: Path) -> None:
    linked = write_linked(tmp_path / "linked", FILES)
    store = Store(tmp_path / "store")
    layout = store_layout(store)
    stored = (
        write_layer(RUNTIME, layout, title="runtime"),
        *ensure_environment_layers(linked, layout, store, NoProgress()),
        write_layer(REPOSITORY, layout, title="repository"),
    )
    with NoProgress().task("", None, "bytes") as task:
        found = digest_layers(linked, RUNTIME, REPOSITORY, task)
    assert [(one.title, one.diff_id) for one in found] == [(one.title, one.diff_id) for one in stored]


def test_a_file_that_was_cut_is_named(tmp_path: Path) -> None:
    linked = write_linked(tmp_path / "linked", {"bin/dask": FILES["bin/dask"]})
    place = tmp_path / "linked/bin/dask"
    place.chmod(0o644)
    place.write_bytes(b"")
    size = len(FILES["bin/dask"].data)
    with NoProgress().task("", None, "bytes") as task, pytest.raises(BadInput) as caught:
        digest_layers(linked, (), (), task)
    inside = "srv/conda/envs/notebook/bin/dask"
    assert caught.value.what == f"is not what it was: {inside}: ended {size} bytes before its size of {size}"
    assert (caught.value.where.startswith("packages "), caught.value.fix) == (True, "build it again")
