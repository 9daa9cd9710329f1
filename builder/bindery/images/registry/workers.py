"""A few blobs at a time; if one fails, all end soon."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bindery.images.manifest import Descriptor
    from bindery.images.registry.client import RegistryClient

T = TypeVar("T")
PARALLEL = 6


@contextmanager
def workers(client: RegistryClient) -> Iterator[Callable[[Callable[[Descriptor], T], Sequence[Descriptor]], list[T]]]:
    """Yield a function that returns what the work returns for each blob, in their order.

    If one fails, or the user interrupts us, the client is stopped: it is of no use afterwards.
    """
    client.transport.url("/v2/")  # whether it can be reached is found out once, not by each thread
    with ThreadPoolExecutor(PARALLEL) as pool:

        def run(work: Callable[[Descriptor], T], blobs: Sequence[Descriptor]) -> list[T]:
            futures = [pool.submit(work, blob) for blob in blobs]
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
            return [future.result() for future in futures]

        try:
            yield run
        except BaseException:
            client.transport.stop()
            pool.shutdown(cancel_futures=True)
            raise
