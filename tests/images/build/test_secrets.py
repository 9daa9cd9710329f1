"""What the builder knows and nobody else should: it is in no blob."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.images.build.runs import same_parts

from bindery.images import open_layout, read_image
from bindery.images.compression import open_decompressed

if TYPE_CHECKING:
    from tests.images.build.conftest import First
    from tests.images.build.runs import Run

SECRET = "planted-4f1e9c27-token"  # noqa: S105 - what is looked for
SPELLINGS = (SECRET.encode(), base64.b64encode(SECRET.encode()), base64.b64encode(f"ann:{SECRET}".encode()))


def plant(run: Run) -> Run:
    """Return a run whose variables, home, Docker configuration and repository know the secret."""
    home = run.folder
    (home / ".docker").mkdir()
    auth = {"auths": {"registry.example.org": {"auth": SPELLINGS[2].decode()}}}
    (home / ".docker" / "config.json").write_text(json.dumps(auth), encoding="utf-8")
    (home / ".netrc").write_text(f"machine example.org login ann password {SECRET}\n", encoding="utf-8")
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = !echo password={SECRET}\n", encoding="utf-8")
    git = home / run.repository / ".git"
    git.mkdir()
    remote = f'[remote "origin"]\n\turl = https://ann:{SECRET}@example.org/ocean\n'
    (git / "config").write_text(remote, encoding="utf-8")
    credentials = {"registry": "https://registry.example.org", "username": "ann", "password": SECRET}
    return replace(
        run,
        environ={
            "API_TOKEN": SECRET,
            "UV_INDEX_EXAMPLE_PASSWORD": SECRET,
            "CONTAINER_ENGINE_REGISTRY_CREDENTIALS": json.dumps(credentials),
        },
    )


def test_a_secret_of_the_builder_is_in_no_blob(first: First, again: Run) -> None:
    planted = plant(again)
    assert same_parts(planted.build()) == first[1]
    layout = open_layout(planted.store / "images")
    searched = 0
    for blob in sorted((layout.root / "blobs" / "sha256").iterdir()):
        assert not any(spelling in blob.read_bytes() for spelling in SPELLINGS)
    image = read_image(layout, "same:latest")
    for descriptor, _ in image.layers:
        with layout.open_blob(descriptor.digest) as stream:
            data = open_decompressed(stream, descriptor.media_type).read()
        searched += len(data)
        assert not any(spelling in data for spelling in SPELLINGS)
    assert searched > 10_000_000
    assert (planted.folder / planted.repository / ".git" / "config").exists()
