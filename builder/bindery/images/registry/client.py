"""What one registry is asked for: manifests, blobs, uploads.

Source: OCI distribution-spec v1.1.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from bindery.core import BadInput, ToolFailed, digest_bytes, parse_digest
from bindery.images.documents import Node
from bindery.images.manifest import INDEXES, MANIFESTS, Index, Manifest, parse_index, parse_manifest
from bindery.images.registry.credentials import CredentialPlaces
from bindery.images.registry.downloads import NOTHING_KEPT, BlobStream
from bindery.images.registry.transport import Ask, Retries, Transport, describe
from bindery.images.registry.uploads import BlobUpload, HowPushed, has_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import httpx

    from bindery.core import Digest
    from bindery.core.tarstreams import Source
    from bindery.images.manifest import Descriptor
    from bindery.images.registry.reference import Reference

MOST_MANIFEST_BYTES = 4 << 20
"""What the specification wants a registry to take at least; we take no more, so that none can fill our memory."""
_BUFFER_BYTES = 1 << 18
_ACCEPT = ", ".join((*sorted(MANIFESTS), *sorted(INDEXES)))


class RegistryClient:
    """One registry, over connections that are kept open; see ``open_registry``. Threads share it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    @property
    def host(self) -> str:
        """The registry's host, and its port if it has one of its own."""
        return self.transport.host

    def get_manifest(self, reference: Reference) -> Manifest | Index:
        """Return the image or index of the tag or digest, in the bytes that the registry sent.

        Raises:
            BadInput: it is not there, or is not what its digest says, or cannot be read.
            ToolFailed: the registry refuses, or failed too often.

        """
        response = self._ask_manifest("GET", reference, _pull(reference))
        if response.status_code == 404:
            raise BadInput("is not there", str(reference))
        self._expect(response, reference, 200)
        raw, where = response.content, str(reference)
        found = digest_bytes(raw)
        promised = reference.digest or _digest_header(response)
        if promised is not None and promised != found:
            raise BadInput(f"sha256 of the manifest is {found}, expected {promised}", where, NOTHING_KEPT)
        media_type = Node.of_document(raw, where).text("mediaType", response.headers.get("Content-Type", ""))
        return parse_index(raw, where) if media_type in INDEXES else parse_manifest(raw, where)

    def find_manifest(self, reference: Reference) -> Digest | None:
        """Return the digest that the tag or digest has in the registry, None if it is not there.

        Raises:
            ToolFailed: the registry refuses, or failed too often.

        """
        response = self._ask_manifest("HEAD", reference, _pull(reference))
        if response.status_code == 404:
            return None
        self._expect(response, reference, 200)
        return _digest_header(response) or self.get_manifest(reference).digest

    def put_manifest(self, reference: Reference, document: Manifest | Index) -> bool:
        """Put the document's own bytes under the tag or digest; answer whether the registry lists its subject.

        Raises:
            ToolFailed: the registry refuses, failed too often, or has put something else there.

        """
        headers = {"Content-Type": document.media_type}
        response = self._ask_manifest("PUT", reference, _push(reference), headers=headers, content=document.raw)
        self._expect(response, reference, 201)
        said = _digest_header(response)
        if said is not None and said != document.digest:
            raise ToolFailed(f"was given the manifest {document.digest}, and says that it has {said}", str(reference))
        return "OCI-Subject" in response.headers

    def has_blob(self, name: str, descriptor: Descriptor) -> bool:
        """Answer whether the repository has the blob.

        Raises:
            ToolFailed: the registry refuses, or failed too often.

        """
        return self.transport.persist(lambda: has_blob(self.transport, name, descriptor))

    @contextmanager
    def open_blob(self, name: str, descriptor: Descriptor) -> Iterator[BinaryIO]:
        """Yield the blob as a stream, which goes on after a cut connection and is checked at its end.

        Raises:
            BadInput: it is not there, or the registry sends other bytes than those of its digest.
            ToolFailed: the registry refuses, or failed too often.

        """
        url = self.transport.url(f"/v2/{name}/blobs/{descriptor.digest}")
        where = f"{self.host}/{name}: blob {descriptor.digest}"
        ask = Ask(method="GET", url=url, scopes=(f"repository:{name}:pull",))
        with io.BufferedReader(BlobStream(self.transport, ask, descriptor, where), _BUFFER_BYTES) as stream:
            yield stream

    def push_blob(
        self,
        name: str,
        descriptor: Descriptor,
        read: Callable[[], AbstractContextManager[Source]],
        *,
        mount_from: tuple[str, ...] = (),
        count: Callable[[int], None] = lambda _: None,
    ) -> HowPushed:
        """Return how the blob came into the repository, in which it is now; ``count`` is called with bytes sent.

        ``mount_from`` are repositories of this registry that may have it.

        Raises:
            ToolFailed: the registry refuses, or the network failed too often.
            BadInput: the blob is damaged here.

        """
        return BlobUpload(self.transport, name, descriptor, read, count).run(mount_from)

    def get_referrers(self, reference: Reference, digest: Digest) -> Index | None:
        """Return what the registry lists as referring to the digest; None if it has no such list.

        Raises:
            BadInput: the list cannot be read.
            ToolFailed: the registry refuses, or failed too often.

        """
        url = self.transport.url(f"/v2/{reference.name}/referrers/{digest}")
        ask = Ask(method="GET", url=url, scopes=_pull(reference), headers={"Accept": _ACCEPT})
        response = self.transport.request(ask, MOST_MANIFEST_BYTES)
        if response.status_code in {400, 404, 405}:
            return None
        self._expect(response, reference, 200)
        return parse_index(response.content, url)

    def _ask_manifest(
        self,
        method: str,
        reference: Reference,
        scopes: tuple[str, ...],
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        url = self.transport.url(f"/v2/{reference.name}/manifests/{reference.wanted}")
        all_headers = {"Accept": _ACCEPT, **(headers or {})}
        asked = Ask(method=method, url=url, scopes=scopes, headers=all_headers, content=content)
        return self.transport.request(asked, MOST_MANIFEST_BYTES)

    def _expect(self, response: httpx.Response, reference: Reference, status: int) -> None:
        if response.status_code != status:
            raise ToolFailed(f"answers with {describe(response)}", str(reference))


@contextmanager
def open_registry(
    host: str, environ: Mapping[str, str], *, plain_http: bool = False, retries: Retries | None = None
) -> Iterator[RegistryClient]:
    """Yield the registry with this host (``Reference.api_host``); its connections are closed with the context.

    ``environ`` is where credentials and certificates are found. Plain HTTP is spoken with ``plain_http``, or with this
    machine itself if what listens there knows no TLS.

    Raises:
        BadInput: a variable names certificates that cannot be read.

    """
    transport = Transport(host, CredentialPlaces(environ=environ), plain_http=plain_http, retries=retries)
    try:
        yield RegistryClient(transport)
    finally:
        transport.close()


def _pull(reference: Reference) -> tuple[str, ...]:
    return (f"repository:{reference.name}:pull",)


def _push(reference: Reference) -> tuple[str, ...]:
    return (f"repository:{reference.name}:pull,push",)


def _digest_header(response: httpx.Response) -> Digest | None:
    try:
        digest = parse_digest(response.headers.get("Docker-Content-Digest", ""))
    except BadInput:
        return None
    return digest if digest.algorithm == "sha256" else None
