"""The archives of a lock on this machine: fetched through mirrors, checked by hash, kept in the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bindery.core import BadInput, ToolFailed, disk_errors, verify_file

if TYPE_CHECKING:
    import httpx

    from bindery.core import Progress, Store, Task
    from bindery.environments import LockedPackage, Realised

KIND = "archives"
CONNECTIONS = 8
TRIES = 3
TIMEOUT_S = 60.0
_FIX = "nothing was installed; if the file was published anew, lock again"


def fetch_archives(realised: Realised, store: Store, progress: Progress) -> dict[str, Path]:
    """Return where each package's archive is on this machine, by name; every one has the hash that the lock says.

    Archives that come as ``file://`` are used where they are.

    Raises:
        BadInput: an archive's hash differs, or the lock has packages for pip.
        ToolFailed: an archive cannot be fetched or stored.

    """
    packages = realised.installed
    for package in packages:
        if package.manager == "pip":
            raise BadInput(
                f"comes from pip, and a prefix is made of conda packages only: {package.name}",
                package.url,
                "take it from a channel, or use `bindery install --packages wheels`",
            )
    with (
        progress.task("Fetching and checking packages", len(packages), "packages") as task,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        fetch = _Fetcher(realised, store, task)
        try:
            paths = list(pool.map(fetch.one, packages))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            fetch.close()
    return {package.name: path for package, path in zip(packages, paths, strict=True)}


class _Fetcher:
    def __init__(self, realised: Realised, store: Store, task: Task) -> None:
        self._realised, self._store, self._task = realised, store, task
        self._client: httpx.Client | None = None
        if any(self._local(package) is None for package in realised.installed):
            # httpx takes longer to import than a command may take that finds everything in place.
            import httpx  # noqa: PLC0415

            self._client = httpx.Client(follow_redirects=True, timeout=TIMEOUT_S)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def one(self, package: LockedPackage) -> Path:
        local = self._local(package)
        if local is None:
            path = self._store.ensure(KIND, _key(package), lambda work: self._download(package, work))
        else:
            path = local
            if not path.is_file():
                raise BadInput(f"is not there, and the lock needs {package.name}", str(path), "make the channel again")
            verify_file(path, package.sha256, _FIX)
        self._task.advance()
        return path

    def _local(self, package: LockedPackage) -> Path | None:
        parts = urlsplit(self._realised.fetch_url(package.url))
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    def _download(self, package: LockedPackage, work: Path) -> None:
        url = self._realised.fetch_url(package.url)
        for left in reversed(range(TRIES)):
            failure = self._try(url, work)
            if failure is None:
                break
            if not left:
                raise ToolFailed(f"cannot be fetched: {failure}", url, "try again, or name a mirror that answers")
        verify_file(work, package.sha256, _FIX)
        work.chmod(0o444)

    def _try(self, url: str, work: Path) -> str | None:
        import httpx  # noqa: PLC0415 - see above

        if self._client is None:
            return "no connection was opened"
        try:
            with disk_errors(work), self._client.stream("GET", url) as answer, work.open("wb") as stream:
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    stream.write(chunk)
        except httpx.HTTPStatusError as error:
            return f"the server answered {error.response.status_code}"
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__
        return None


def _key(package: LockedPackage) -> str:
    # The format is told by the name, so the name keeps its end.
    return f"{package.sha256.hex}{'.tar.bz2' if package.file_name.endswith('.tar.bz2') else '.conda'}"
