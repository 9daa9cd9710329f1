"""repo2docker's application, run in this process: it fetches, picks the buildpack and drives the engine.

It is imported when something is built: it takes a third of a second.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repo2docker.app import Repo2Docker
from repo2docker.contentproviders.base import ContentProviderException, Local
from repo2docker.contentproviders.git import Git
from repo2docker.engine import ContainerEngineException

from bindery.core import BadInput, BinderyError, ToolFailed, oci_platform
from bindery.images.buildpack.buildpack import CondaLockBuildPack
from bindery.images.buildpack.fetched import scrub_url
from bindery.images.engine import OciEngine

if TYPE_CHECKING:
    from repo2docker.engine import ContainerEngine

    from bindery.core import Progress, Store
    from bindery.environments import Environment
    from bindery.images.build import BuildRequest
    from bindery.images.buildpack.values import Purpose

OCI = "oci"
LAST_LINES = 10


class Application(Repo2Docker):
    """Repo2Docker for one request, whose engine reports to our progress and writes into our store."""

    name = Repo2Docker.name
    request: BuildRequest
    engine_made: ContainerEngine | None = None
    purpose: Purpose = "make"
    our_store: Store
    our_progress: Progress
    lines: deque[str]

    def get_engine(self) -> ContainerEngine:
        """Return the engine of the request; the same one each time."""
        if self.engine_made is None:
            self.engine_made = self.make_oci_engine() if self.engine == OCI else super().get_engine()  # type: ignore[no-untyped-call]
        return self.engine_made

    def fetch(self, url: str, ref: str | None, checkout_path: str) -> None:
        """Fetch the repository; what fails is told without the secrets of its URL.

        Raises:
            BadInput: there is no such repository, or no such branch, tag or commit in it.

        """
        try:
            super().fetch(url, ref, checkout_path)  # type: ignore[no-untyped-call]
        except (ContentProviderException, ValueError) as error:
            clean = scrub_url(url)
            raise BadInput(f"{error}{_tail(self.lines)}".replace(url, clean), clean) from error

    def engine_error(self, error: BaseException) -> ToolFailed:
        """Return what is told of an engine that is not ours, with the last lines of its log."""
        return ToolFailed(f"{error}{_tail(self.lines)}", f"the engine {self.engine}")

    def find_image(self) -> bool:
        """Answer no: a name says nothing about what an image was made of. What has not changed is not made again."""
        return False

    def make_oci_engine(self) -> OciEngine:
        """Return our engine, with what the request says."""
        engine = OciEngine(parent=self, progress=self.our_progress)
        making = self.request.making
        engine.store = str(self.our_store.root)
        engine.packages = making.packages or ""
        engine.python = making.interpreter or ""
        engine.base = making.base or ""
        engine.update_base = making.update_base
        engine.compression = making.compression
        engine.channel_mirrors = dict(making.mirrors)
        engine.purpose = self.purpose
        return engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A folder or a URL, the ref of a URL, and the environment that is installed whatever lies in it.

    What a URL has is fetched into ``checkout``, an empty folder, and left there.
    """

    place: str
    checkout: str
    ref: str | None = None
    chosen: Environment | None = None


def run_application(
    request: BuildRequest,
    repository: Repository,
    *,
    purpose: Purpose,
    store: Store,
    progress: Progress,
) -> ContainerEngine:
    """Return the engine, which made the image that repo2docker had it make, or only planned or described it.

    Raises:
        BinderyError: what our own code found, as it was raised.
        BadInput: the repository cannot be fetched, or has not what was asked for.
        ToolFailed: an engine failed.

    """

    class Chosen(CondaLockBuildPack):
        """Ours, for the environment of the request."""

    Chosen.chosen = repository.chosen
    application = _configured(request, repository)
    application.buildpacks = [Chosen, *application.buildpacks]
    application.our_store, application.our_progress, application.purpose = store, progress, purpose
    application.lines = _listen(
        application, progress, shown=logging.INFO if request.engine != OCI else logging.CRITICAL
    )
    try:
        application.build()  # type: ignore[no-untyped-call]
    except ContainerEngineException as error:
        if isinstance(error.__cause__, BinderyError):
            raise error.__cause__ from error
        raise application.engine_error(error) from error
    except FileNotFoundError as error:
        if error.errno is not None:
            raise
        raise BadInput(f"there is no folder {request.subdir}", scrub_url(repository.place)) from error
    except (SystemExit, RuntimeError) as error:
        if request.engine == OCI:
            raise
        raise application.engine_error(error) from error
    return application.get_engine()


def _configured(request: BuildRequest, repository: Repository) -> Application:
    application = Application()
    application.request = request
    application.repo, application.ref = repository.place, repository.ref
    application.git_workdir, application.cleanup_checkout = repository.checkout, False
    # The others ask servers of theirs whether an address is one of theirs.
    application.content_providers = [Local, Git]
    application.output_image_spec = request.name
    application.engine = request.engine
    application.subdir = request.subdir
    application.user_name, application.user_id = request.place.user.name, request.place.user.uid
    application.target_repo_dir = request.place.repository
    application.platform = "/".join(oci_platform(request.platform))
    application.run, application.push = False, False
    # What git prints goes to the log, and not to our stdout, where the answer stands.
    application.json_logs = True
    return application


class _Listener(logging.Handler):
    def __init__(self, progress: Progress, lines: deque[str], shown: int) -> None:
        super().__init__()
        self._progress, self._lines, self._shown = progress, lines, shown

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, and show it if it is for people who wait for another engine."""
        for line in record.getMessage().splitlines():
            if line.strip():
                self._lines.append(line.rstrip())
                if record.levelno >= self._shown:
                    self._progress.say(line.rstrip())


def _listen(application: Application, progress: Progress, *, shown: int) -> deque[str]:
    lines: deque[str] = deque(maxlen=LAST_LINES)
    log = logging.getLogger("repo2docker")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers = [_Listener(progress, lines, shown)]
    application.log = log
    return lines


def _tail(lines: deque[str]) -> str:
    return "".join(f"\n  | {line}" for line in lines)
