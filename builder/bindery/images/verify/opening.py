"""A target, as a person wrote it → an image that can be read, and what it says of itself."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, WrongUse, host_platform, oci_platform, parse_json, run_process
from bindery.images.layout import Layout, open_layout, read_image, store_layout
from bindery.images.manifest import Index, parse_config
from bindery.images.target import ContainerTarget, DaemonTarget, LayoutTarget, RegistryTarget, StoreTarget, Target
from bindery.images.verify.engine_source import ContainerSource, DaemonSource
from bindery.images.verify.source import BlobSource, layout_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from bindery.core import Store
    from bindery.core.tarstreams import Source
    from bindery.images.manifest import Descriptor, Manifest
    from bindery.images.registry import Reference, RegistryClient
    from bindery.images.verify.source import ImageSource

_TIMEOUT_S = 60.0
_SMALL_BYTES = 32 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedImage:
    """An image to be read. ``digest`` is what identifies it, empty for a container.

    ``labels`` are its own words: good for finding what it is compared with, and for nothing else.
    """

    source: ImageSource
    digest: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    manifest: Manifest | None = None


@contextmanager
def open_image(
    target: Target, store: Store, environ: Mapping[str, str], platform: str | None = None
) -> Iterator[OpenedImage]:
    """Yield the image, of an index that for conda's ``platform``, else this machine's; connections are closed with it.

    Raises:
        WrongUse: the target is no image.
        BadInput: there is no such image, or one of its documents is damaged.
        ToolFailed: the registry or the engine refuses or failed.

    """
    match target:
        case StoreTarget():
            yield _of_layout(store_layout(store), target.key, platform)
        case LayoutTarget():
            layout = open_layout(target.folder)
            yield _of_layout(layout, target.reference or _only_name(layout), platform)
        case RegistryTarget():
            from bindery.images.registry import open_registry, parse_reference  # noqa: PLC0415 - brings its client

            reference = parse_reference(target.reference)
            with open_registry(reference.api_host, environ) as client:
                yield _of_registry(client, reference, platform or host_platform())
        case DaemonTarget():
            asked = _inspect(["docker", "image", "inspect", target.reference], environ)
            yield OpenedImage(
                source=DaemonSource(reference=target.reference, environ=environ),
                digest=str(asked.get("Id", "")),
                labels=_labels(asked),
            )
        case ContainerTarget():
            asked = _inspect(["docker", "container", "inspect", target.container], environ)
            yield OpenedImage(
                source=ContainerSource(container=target.container, environ=environ), labels=_labels(asked)
            )
        case _:
            raise WrongUse("is no image", str(target))


def _of_layout(layout: Layout, name: str, platform: str | None) -> OpenedImage:
    image = read_image(layout, name, platform)
    return OpenedImage(
        source=layout_source(image),
        digest=str(image.descriptor.digest),
        labels=image.config.labels,
        manifest=image.manifest,
    )


def _only_name(layout: Layout) -> str:
    names = list(layout.names())
    # What refers to an image, such as its list of materials, is listed beside it.
    digests = {str(one.digest) for one in layout.entries() if one.artifact_type is None}
    if len(digests) != 1:
        shown = ", ".join(names[:5])
        raise BadInput(f"has {len(digests)} images: {shown}", str(layout.root), f"oci:{layout.root}:NAME")
    return digests.pop()


def _of_registry(client: RegistryClient, reference: Reference, platform: str) -> OpenedImage:
    document = client.get_manifest(reference)
    if isinstance(document, Index):
        found = [one for one in document.manifests if one.platform == oci_platform(platform)]
        if not found:
            raise BadInput(f"has no image for {platform}", str(reference))
        document = client.get_manifest(reference.at(found[0].digest))
    if isinstance(document, Index):
        raise BadInput("is an index of indexes", str(reference))

    def open_blob(descriptor: Descriptor) -> AbstractContextManager[Source]:
        return client.open_blob(reference.name, descriptor)

    if document.config.size_bytes > _SMALL_BYTES:
        raise BadInput(f"has a configuration of {document.config.size_bytes} bytes", str(reference))
    with client.open_blob(reference.name, document.config) as stream:
        config = parse_config(stream.read(), f"{reference}: {document.config.digest}")
    return OpenedImage(
        source=BlobSource(manifest=document, config=config, open_blob=open_blob),
        digest=str(document.digest),
        labels=config.labels,
        manifest=document,
    )


def _inspect(command: list[str], environ: Mapping[str, str]) -> dict[str, object]:
    answer = run_process(command, env=environ, cwd=Path("/"), timeout_s=_TIMEOUT_S)
    match parse_json(answer.stdout):
        case [dict(found), *_]:
            return dict(found)
        case _:
            raise BadInput("answers with no object", " ".join(command))


def _labels(asked: dict[str, object]) -> dict[str, str]:
    match asked.get("Config"):
        case {"Labels": dict(labels)}:
            return {str(name): str(value) for name, value in labels.items()}
        case _:
            return {}
