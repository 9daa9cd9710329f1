"""repo2docker's engine ``oci``: it writes an image into the store's OCI layout. No daemon, no root, no Dockerfile.

    jupyter-repo2docker --engine oci --no-run --config repo2docker_config.py .

Its settings are those of a traitlets class: ``c.OciEngine.packages = "wheels"`` in repo2docker's configuration file, or
``--OciEngine.packages=wheels`` on its command line.

Source: repo2docker 2026.4, ``engine.py``.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from repo2docker.engine import BuildError, ContainerEngine
from repo2docker.engine import Image as EngineImage
from repo2docker.utils import R2dState
from traitlets import Bool, Dict, Enum, Unicode

from bindery.core import BinderyError, Store, WrongUse, default_store
from bindery.images.buildpack.describing import describe_locked
from bindery.images.buildpack.making import MakingOptions, make_image
from bindery.images.buildpack.plan import plan_image
from bindery.images.layout import read_image, store_layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from logging import Logger

    from bindery.core import Progress, Task, Unit
    from bindery.images.buildpack.describing import Described
    from bindery.images.buildpack.plan import BuildPlan
    from bindery.images.buildpack.values import BuildValues, Purpose
    from bindery.images.layout import Image

CREDENTIALS = "CONTAINER_ENGINE_REGISTRY_CREDENTIALS"
NEEDS_DOCKERFILE = "is built by running a Dockerfile's steps, and the engine oci runs nothing"
CANNOT_RUN = "the engine oci makes images, and runs none"


class OciEngine(ContainerEngine):
    """Makes images of the values that Bindery's buildpack hands over; refuses what would have to run."""

    string_output = True

    packages = Enum(
        ["", "conda-forge", "wheels"],
        default_value="",
        config=True,
        help="Where packages come from. Empty: the only source that the repository has files for.",
    )
    python = Unicode("", config=True, help="The interpreter of a wheel channel: 3.12, or a path.")
    base = Unicode("", config=True, help="The base, such as debian:bookworm. Empty: the one that base.lock names.")
    update_base = Bool(default_value=False, config=True, help="Look for a newer base, and write base.lock anew.")
    compression = Enum(
        ["zstd", "gzip"],
        default_value="zstd",
        config=True,
        help="How layers are compressed. gzip: larger and slower, for Docker before 23 and containerd before 1.5.",
    )
    channel_mirrors = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        config=True,
        help="Folders or URLs, by the name or URL of the channel whose bytes they have.",
    )
    store = Unicode("", config=True, help="The store. Empty: BINDERY_STORE, else the user's cache folder.")

    def __init__(self, *, parent: object, progress: Progress | None = None) -> None:
        """Take the settings of the application; without ``progress`` its log is told how far the work is."""
        super().__init__(parent=parent)  # type: ignore[no-untyped-call]
        self.progress = progress or LogProgress(self.log)
        self.made: Image | None = None
        """The last image that was made."""
        self.values: BuildValues | None = None
        """What it was made of, as the buildpack handed it over."""
        self.purpose: Purpose = "make"
        """Whether to make the image, only to plan it, or to say what it would be made of."""
        self.planned: BuildPlan | None = None
        """The last plan."""
        self.described: Described | None = None
        """What the last image would be made of."""

    def options(self) -> MakingOptions:
        """Return the settings as values."""
        packages = self.packages
        return MakingOptions(
            packages="wheels" if packages == "wheels" else "conda-forge" if packages == "conda-forge" else None,
            interpreter=self.python or None,
            base=self.base or None,
            update_base=self.update_base,
            compression="gzip" if self.compression == "gzip" else "zstd",
            mirrors=dict(self.channel_mirrors),
        )

    def opened_store(self) -> Store:
        """Return the store that was chosen."""
        return Store(Path(self.store).expanduser().absolute()) if self.store else default_store(os.environ)

    def build(self, **arguments: object) -> Iterator[str]:
        """Refuse: only a buildpack that knows the engine can hand over what it needs.

        Raises:
            BuildError: always; repo2docker's log says why.

        """
        del arguments
        self._fail(
            WrongUse(
                NEEDS_DOCKERFILE,
                "this repository",
                "--engine docker, or give it a conda-lock.yml: https://conda.github.io/conda-lock/",
            )
        )
        yield ""  # so that it is a generator, as repo2docker expects

    def build_values(self, values: BuildValues, name: str, *, push: bool, load: bool) -> Iterator[str]:
        """Make the image, name it, push it if asked to, and give the lines of the log.

        Raises:
            BuildError: it cannot be made; its cause is our error, and repo2docker's log says why.

        """
        store = self.opened_store()
        try:
            if load:
                raise WrongUse(CANNOT_RUN, name, f"--no-run, then: bindery load {name}")
            if self.purpose == "plan":
                self.planned = plan_image(values, name, self.options(), store=store, progress=self.progress)
                return
            if self.purpose == "describe":
                self.described = describe_locked(values, self.options(), store=store, progress=self.progress)
                return
            layout, self.values = store_layout(store), values
            self.made = make_image(values, name, self.options(), layout=layout, store=store, progress=self.progress)
            yield f"{name}@{self.made.digest}\n"
            if push:
                yield f"Pushed {self._push(self.made, name)}\n"
        except BinderyError as error:
            self._fail(error)

    def inspect_image(self, image: str) -> EngineImage | None:
        """Return the image's configuration, None if the store does not have it.

        Of the very image that the application is about to build, the answer is None as well: repo2docker would take
        an image for the right one by its name alone, although the repository has changed since. What has not changed
        is not made again anyway.
        """
        if image == getattr(self.parent, "output_image_spec", None):
            return None
        try:
            found = read_image(store_layout(self.opened_store()), image)
        except BinderyError:
            return None
        config = found.config
        return EngineImage(
            tags=[image],
            config={
                "WorkingDir": config.working_dir,
                "Env": list(config.env),
                "Labels": dict(config.labels),
                "Entrypoint": list(config.entrypoint),
                "Cmd": list(config.cmd),
                "User": config.user,
            },
        )

    def _push(self, image: Image, name: str) -> str:
        from bindery.images.registry import open_registry, parse_reference, plan_push, run_push  # noqa: PLC0415

        reference = parse_reference(name)
        handed_in = {CREDENTIALS: json.dumps(self.registry_credentials)} if self.registry_credentials else {}
        with open_registry(reference.api_host, {**os.environ, **handed_in}) as client:
            plan = plan_push(client, image.layout, image, reference, tags=[reference.tag or "latest"])
            return f"{name}@{run_push(client, plan, self.progress).digest}"

    def _fail(self, error: BinderyError) -> None:
        self.log.error("%s\n", error, extra={"phase": R2dState.FAILED})
        raise BuildError(str(error)) from error


class LogProgress:
    """Sentences go to repo2docker's log; so does the beginning of each piece of work."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def say(self, sentence: str) -> None:
        """Log the sentence."""
        self._log.info("%s\n", sentence, extra={"phase": R2dState.BUILDING})

    @contextmanager
    def task(self, label: str, total: int | None, unit: Unit) -> Iterator[Task]:
        """Log that the work begins."""
        del total, unit
        self.say(label)
        yield _Uncounted()


class _Uncounted:
    def advance(self, amount: int = 1) -> None:
        """Count for nobody: a log that is read later needs no bar."""
