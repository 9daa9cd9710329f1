"""What an image is made of, as a person names it: an environment, a folder, or a repository's URL."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bindery.core import BadInput, WrongUse
from bindery.environments import Environment, find_installable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.core import Settings

_URL = re.compile(r"(?:https?|ssh|git|file)://|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:")
_PATHS = ("/", "./", "../", "~/")
_FOREIGN = re.compile(r"[^a-z0-9._-]+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# repo2docker takes the same names, and those with a digest; to ask it takes longer than a build with nothing to do.
_HOST = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::{_TAG.pattern})?")
LATEST = "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentSource:
    """An environment of the project, or a release of it; ``notebooks`` is the folder that goes along, if any."""

    environment: Environment
    notebooks: Path | None = None

    @property
    def default_name(self) -> str:
        """``pangeo:2025.08.14``, or ``pangeo:latest`` for what is not a release."""
        return f"{self.environment.name.lower()}:{self.environment.release or LATEST}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderSource:
    """A repository on this machine."""

    folder: Path

    @property
    def default_name(self) -> str:
        """Called as the folder is."""
        return f"{_plain(self.folder.name)}:{LATEST}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GitSource:
    """A repository that git fetches; ``ref`` is a branch, a tag or a commit, None for the default branch."""

    url: str
    ref: str | None = None

    @property
    def default_name(self) -> str:
        """Called as the repository is, with the ref as its tag."""
        path = urlsplit(self.url).path if "://" in self.url else self.url.rpartition(":")[2]
        tag = _plain((self.ref or LATEST).replace("/", "-"))
        return f"{_plain(posixpath.basename(path.rstrip('/')).removesuffix('.git'))}:{tag}"


Source = EnvironmentSource | FolderSource | GitSource


def parse_source(text: str, settings: Callable[[], Settings]) -> Source:
    """Return what the text names: a URL, with ``@REF`` behind it; a folder; else an environment of the project.

    Raises:
        BadInput: there is no such folder, environment or release.

    """
    if _URL.match(text):
        return _parse_url(text)
    if text.startswith(_PATHS) or text in {".", "..", "~"} or ("/" in text and "@" not in text):
        folder = Path(text).expanduser().absolute()
        if not folder.is_dir():
            raise BadInput("there is no such folder", text)
        return FolderSource(folder=Path(posixpath.normpath(folder)))
    project = settings()
    notebooks = project.notebooks_folder
    return EnvironmentSource(
        environment=find_installable(project, text), notebooks=notebooks if notebooks.is_dir() else None
    )


def check_name(name: str) -> str:
    """Return the image's name with its tag, ``latest`` if it has none.

    Raises:
        WrongUse: engines and registries would not take it.

    """
    if not _IMAGE.fullmatch(name):
        raise WrongUse("is not a name for an image", name, "lower-case letters and digits, such as ocean:2026.11.22")
    return name if ":" in name.rpartition("/")[2] else f"{name}:{LATEST}"


def _parse_url(text: str) -> GitSource:
    # An @ before the path belongs to the user's name.
    start = text.index("/", text.index("://") + 3) if "://" in text and text.count("/") > 2 else text.index(":")
    url, at, ref = text[start:].rpartition("@")
    if not at:
        return GitSource(url=text)
    if not ref or ref.startswith("-"):
        raise BadInput(f"{ref!r} is not a branch, tag or commit", text, "URL@REF")
    return GitSource(url=text[:start] + url, ref=ref)


def _plain(text: str) -> str:
    found = _FOREIGN.sub("-", text.lower()).strip("-._")
    return found if found and _TAG.fullmatch(found) else "repository"
