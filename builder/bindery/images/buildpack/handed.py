"""What repo2docker hands over for a folder, remembered: its import takes as long as all the rest of a second build.

For a folder it hands over labels and build arguments, which follow from the request and from its version; nothing of
them comes from a file. What the folder's files say, and whether they are for our buildpack at all, is read anew.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bindery import __version__
from bindery.core import digest_bytes, encode_json
from bindery.images.buildpack.config_files import read_config_files
from bindery.images.buildpack.runtime_files import Place
from bindery.images.buildpack.sources import EnvironmentSource, GitSource
from bindery.images.buildpack.users import User
from bindery.images.buildpack.values import BuildValues
from bindery.images.notes import read_note, write_note

if TYPE_CHECKING:
    from bindery.core import Json, Store
    from bindery.images.build import BuildRequest

KIND = "handed"
FORMAT = 1


def known_values(request: BuildRequest, folder: Path | str, store: Store) -> BuildValues | None:
    """Return what repo2docker would hand over for the folder; None if it has to be asked.

    It has to be where it never was for such a request, and where what lies in the folder is not for our buildpack.

    Raises:
        BadInput: the repository has both ``binder/`` and ``.binder/``, or apt.txt names what is no package.

    """
    if isinstance(request.source, GitSource):
        return None
    note = read_note(store, KIND, _key(request))
    if note is None:
        return None
    chosen = request.source.environment if isinstance(request.source, EnvironmentSource) else None
    # As a process that has gone there names it.
    files = read_config_files(Path(folder, request.subdir).resolve())
    if chosen is None and not files.is_ours:
        return None
    return BuildValues(
        environment=chosen or files.environment(),
        files=files,
        place=Place(user=User(name=note.text("user"), uid=note.number("uid")), repository=note.text("repository")),
        platform=note.text("platform"),
        labels=note.pairs("labels"),
        appendix=note.text("appendix"),
    )


def remember_values(request: BuildRequest, values: BuildValues, store: Store) -> None:
    """Have the store know what was handed over for such a request; of what git fetches it keeps nothing.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    if isinstance(request.source, GitSource):
        return
    record: dict[str, Json] = {
        "labels": dict(values.labels),
        "user": values.place.user.name,
        "uid": values.place.user.uid,
        "repository": values.place.repository,
        "platform": values.platform,
        "appendix": values.appendix,
    }
    write_note(store, KIND, _key(request), record)


def _key(request: BuildRequest) -> str:
    parts: list[Json] = [
        FORMAT,
        __version__,
        version("jupyter-repo2docker"),
        type(request.source).__name__,
        request.place.user.name,
        request.place.user.uid,
        request.place.repository,
        request.subdir,
        request.platform,
    ]
    return digest_bytes(encode_json(parts)).hex
