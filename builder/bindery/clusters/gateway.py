"""A cluster that a running Dask Gateway starts, by the dask-gateway of the environment under test.

What dask-gateway's own configuration says holds: who the user is there, and the options of the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from bindery.clusters.conversation import Conversation
from bindery.clusters.guard import read_client
from bindery.clusters.running import RunningCluster, Started, StartingCluster
from bindery.core import BinderyError, ToolFailed, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindery.core import Json

START_LIMIT_S = 900.0  # its machines may have to be had first
ENDING_S = 30.0
SHUT_LIMIT_S = 60.0
SETTINGS = """\
# A client learns what gateway:// means by importing it, and would say on stderr, in the notebook, that it does.
distributed:
  client:
    preload: [dask_gateway]
logging:
  distributed.preloading: warning
"""
FIX = "add dask-gateway to the environment: bindery lock ENVIRONMENT --add dask-gateway"


class _Files(TypedDict):
    certificate: str
    key: str


class _GatewayStarted(Started):
    name: str
    tls: _Files


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayWorkers:
    """Workers that the gateway at ``url`` starts; how large they are is the gateway's matter.

    ``environ`` are the variables of whoever asks, with what dask-gateway's configuration needs; no notebook sees them.
    """

    url: str
    workers: int
    environ: Mapping[str, str]

    def __str__(self) -> str:
        """Return the workers in words."""
        return f"{self.workers} worker{'s' if self.workers != 1 else ''} of the gateway at {self.url}"


class GatewayCluster(RunningCluster):
    """A scheduler and workers that are a gateway's; see ``Cluster`` for the verbs."""

    def __init__(
        self, conversation: Conversation, started: _GatewayStarted, workers: GatewayWorkers, end: _End
    ) -> None:
        files = started["tls"]
        tls = {
            # The gateway's certificate is its own authority.
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": files["certificate"],
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": files["certificate"],
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": files["key"],
            "DASK_CONFIG": str(end.settings),
        }
        super().__init__(conversation, started, tls)
        self._workers, self._end = workers, end
        self.name = started["name"]

    @property
    def description(self) -> str:
        """The cluster in words."""
        return str(self._workers)

    def stop(self) -> None:
        """Have the gateway shut the cluster down. May be called again.

        Raises:
            ToolFailed: the gateway does not answer, so that a cluster may be left.

        """
        self._end.end()


class _End:
    """Ends the process in the environment and the gateway's cluster, once."""

    def __init__(self, python: Path, request: Mapping[str, Json], workers: GatewayWorkers, folder: Path) -> None:
        self._python, self._request, self._workers, self._folder = python, request, workers, folder
        self._note = folder / "cluster"
        self.settings = folder / "dask"
        self.conversation = Conversation(python, workers.environ, folder)

    def end(self) -> None:
        self.conversation.close(ENDING_S)  # it shuts the cluster down itself, and removes the note of its name
        try:
            name = self._note.read_text(encoding="utf-8")
            self._note.unlink()
        except FileNotFoundError:
            return
        # It may have been killed before it could.
        again = Conversation(self._python, self._workers.environ, self._folder)
        try:
            again.ask({**self._request, "do": "shut", "name": name}, SHUT_LIMIT_S)
        except BinderyError as error:
            fix = f"shut it down: dask_gateway.Gateway({self._workers.url!r}).stop_cluster({name!r})"
            where = f"the gateway at {self._workers.url}"
            raise ToolFailed(f"a cluster may be left: {error.what}", where, fix) from error
        finally:
            again.close()


def begin_gateway_cluster(
    python: Path,
    environ: Mapping[str, str],
    workers: GatewayWorkers,
    *,
    lock_digest: str,
    folder: Path,
    python_path: tuple[Path, ...] = (),
) -> StartingCluster[GatewayCluster]:
    """Return a cluster that is coming up at the gateway.

    ``python`` is the clients', ``environ`` what they see, ``lock_digest`` their lock, empty where there is none.
    ``folder`` is made (0700) and holds the certificates. The modules in ``python_path`` are sent to the workers.

    Raises:
        ToolFailed: the interpreter cannot be started, or the disk is full.

    """
    folder.mkdir(mode=0o700, parents=True)
    request: dict[str, Json] = {"address": workers.url, "folder": str(folder), "prefix": str(python), "fix": FIX}
    write_file(folder / "dask" / "gateway.yaml", SETTINGS.encode())
    end = _End(python, request, workers, folder)

    def come_up(limit_s: float | None) -> GatewayCluster:
        client = read_client(python, environ, folder, lock_digest)
        asked: dict[str, Json] = {
            **request,
            "do": "gateway",
            "workers": workers.workers,
            "client": cast("Json", dict(client)),
            "modules": _read_modules(python_path),
        }
        limit_s = START_LIMIT_S if limit_s is None else limit_s
        started = cast("_GatewayStarted", end.conversation.ask(asked, limit_s))
        return GatewayCluster(end.conversation, started, workers, end)

    return StartingCluster(come_up, end.end)


def _read_modules(python_path: tuple[Path, ...]) -> dict[str, Json]:
    """Return the texts of all modules in the folders, by their paths there; the first folder that has one counts."""
    found: dict[str, Json] = {}
    for folder in python_path:
        for path in sorted(folder.rglob("*.py")):
            found.setdefault(path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8"))
    return found
