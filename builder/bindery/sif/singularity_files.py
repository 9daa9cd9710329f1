"""What Singularity looks for in an image: the scripts of ``/.singularity.d``, and what ``inspect`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import encode_json
from bindery.core.tarstreams import TarMember, bytes_member, folder_member, link_member

if TYPE_CHECKING:
    from bindery.core import Json
    from bindery.images import ImageConfig

FOLDER = ".singularity.d"


def singularity_members(config: ImageConfig) -> tuple[TarMember, ...]:
    """Return the files, links and folders that are laid over the image's own."""
    run = "#!/bin/sh\nexec " + " ".join(config.entrypoint + config.cmd or ("/bin/sh",)) + ' "$@"\n'
    call = '#!/bin/sh\n{} "$@"\n'
    return (
        *(folder_member(f"{FOLDER}{name}") for name in ("", "/actions", "/env", "/libs")),
        bytes_member(f"{FOLDER}/actions/exec", call.format("exec").encode(), 0o755),
        bytes_member(f"{FOLDER}/actions/run", call.format(f"exec /{FOLDER}/runscript").encode(), 0o755),
        bytes_member(f"{FOLDER}/actions/shell", call.format("exec /bin/sh").encode(), 0o755),
        bytes_member(f"{FOLDER}/runscript", run.encode(), 0o755),
        bytes_member(f"{FOLDER}/labels.json", encode_json(dict(config.labels))),
        link_member("singularity", f"{FOLDER}/runscript"),
    )


def inspect_metadata(config: ImageConfig, deffile: bytes) -> bytes:
    """Return the JSON that ``inspect`` reads."""
    attributes: dict[str, Json] = {"labels": dict(config.labels), "deffile": deffile.decode()}
    return encode_json({"data": {"attributes": attributes}, "type": "container"})
