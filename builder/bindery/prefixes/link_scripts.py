"""Scripts that packages want run when they are installed. Bindery runs none: what they do is not in any lock."""

from __future__ import annotations

import re

from bindery.core import BadInput

_SCRIPT = re.compile(r"bin/\..+-(?:pre|post)-link\.sh")

# A package may stand here if it does its work without what its script writes, or if what then fails is said.
LEFT_OUT = {
    "gdk-pixbuf": "its cache of image loaders: GTK programs then read PNG and JPEG only",
    "librsvg": "the same cache, for SVG",
    "gtk3": "caches of input methods and icons: GTK programs start more slowly",
    "graphviz": "its list of plug-ins: run `dot -c` once in a prefix of your own",
}


def verify_no_link_script(path: str, package: str, url: str) -> None:
    """Return if the path is no link script, or one that may be left out.

    Raises:
        BadInput: it is one.

    """
    if _SCRIPT.fullmatch(path) and package not in LEFT_OUT:
        raise BadInput(
            f"wants to run {path} when it is installed, so what it installs does not follow from the lock",
            url,
            f"leave {package} out, or take a version of it without the script",
        )
