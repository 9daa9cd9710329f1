"""The configuration of an image with its layers' digests, from its parts: no layer is compressed or stored for it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bindery.core import BadInput, Digest
from bindery.core.tarstreams import TarMember, link_member, write_tar
from bindery.images.assemble import plan_config
from bindery.images.environment_layers import plan_environment
from bindery.images.layers import EPOCH_S, Layer, with_folders
from bindery.images.manifest import LAYER_TAR, Descriptor, encode_config, parse_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bindery.core import Progress, Task
    from bindery.images.buildpack.describing import Described
    from bindery.images.environment_layers import EnvironmentLayer
    from bindery.images.manifest import ImageConfig
    from bindery.prefixes import LinkedPrefix

_WHERE = "the configuration to be"


def expect_config(described: Described, *, progress: Progress) -> ImageConfig | None:
    """Return the configuration, byte for byte, that an image of these parts has; None if something ran in it.

    Every file is read, as for the layers themselves, whose archives are digested and dropped.

    Raises:
        BadInput: a file of the environment or the repository is not what it was.

    """
    if described.runs:
        return None
    parts = described.parts
    with progress.task("Digesting layers", None, "bytes") as task:
        layers = digest_layers(parts.linked, parts.runtime, parts.repository, task)
    return parse_config(encode_config(plan_config(replace(parts.recipe, layers=layers))), _WHERE)


def digest_layers(
    linked: LinkedPrefix, runtime: Iterable[TarMember], repository: Iterable[TarMember], task: Task
) -> tuple[Layer, ...]:
    """Return the layers of an image of these parts, over its base's, as if they were stored without compression.

    Raises:
        BadInput: a file of the environment or the repository is not what it was.

    """
    return (
        _digest("runtime", runtime, task),
        *(_digest(layer.title, _members(layer), task) for layer in plan_environment(linked)),
        _digest("repository", repository, task),
    )


def _digest(title: str, members: Iterable[TarMember], task: Task) -> Layer:
    sink = _Digesting(task)
    try:
        write_tar(with_folders(members), sink, epoch_s=EPOCH_S)
    except OSError as error:
        raise BadInput(f"is not what it was: {error}", title, "build it again") from error
    digest = Digest("sha256", sink.state.hexdigest())
    # An archive that is not compressed is a layer as well.
    stored = Descriptor(media_type=LAYER_TAR, digest=digest, size_bytes=sink.size_bytes)
    return Layer(descriptor=stored, diff_id=digest, title=title)


def _members(layer: EnvironmentLayer) -> Iterator[TarMember]:
    for path, entry in layer.entries.items():
        inside = f"{layer.target.strip('/')}/{path}"
        if entry.kind == "link":
            yield link_member(inside, entry.target)
        else:
            source = partial(io.FileIO, layer.root / path)
            yield TarMember(path=inside, mode=entry.mode, size_bytes=entry.size_bytes, open=source)


class _Digesting:
    """Takes an archive, and keeps its digest and its length."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.state = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes, /) -> int:
        self.state.update(data)
        self.size_bytes += len(data)
        self._task.advance(len(data))
        return len(data)
