"""What an image says of itself, in the annotations of its manifest and in the labels of its configuration.

Labels are part of the configuration, whose digest is the same whichever version of Bindery wrote it; so the version
and the compressor are annotations alone.

Source: OCI image-spec v1.1, annotations.md, for the names that begin with ``org.opencontainers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery import __version__
from bindery.images.compression import COMPRESSORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Digest
    from bindery.images.buildpack.values import Identity
    from bindery.images.compression import Compression

TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
SOURCE = "org.opencontainers.image.source"
REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
ENVIRONMENT = "bindery.environment"
RELEASE = "bindery.release"
PACKAGES = "bindery.packages"
LOCK_DIGEST = "bindery.lock.digest"
BINDERY_VERSION = "bindery.version"
BINDERY_COMPRESSOR = "bindery.compressor"
WITHDRAWN = "bindery.withdrawn"


def image_labels(identity: Identity, base_digest: Digest) -> dict[str, str]:
    """Return the labels that say which environment the image holds, and on which base; what is empty is left out."""
    found = {
        ENVIRONMENT: identity.environment,
        RELEASE: identity.release,
        PACKAGES: identity.packages,
        LOCK_DIGEST: str(identity.lock_digest),
        WITHDRAWN: identity.withdrawn,
        BASE_DIGEST: str(base_digest),
    }
    return {name: value for name, value in found.items() if value}


def image_annotations(
    identity: Identity, base_name: str, base_digest: Digest, fetched: tuple[str, str], compression: Compression
) -> Mapping[str, str]:
    """Return the annotations of the manifest; ``fetched`` are the repository's source and revision, or empty."""
    source, revision = fetched
    found = {
        **image_labels(identity, base_digest),
        TITLE: identity.environment,
        VERSION: identity.release,
        SOURCE: source,
        REVISION: revision,
        CREATED: "1970-01-01T00:00:00Z",
        BASE_NAME: base_name,
        BINDERY_VERSION: __version__,
        BINDERY_COMPRESSOR: COMPRESSORS[compression].name,
    }
    return {name: value for name, value in sorted(found.items()) if value}
