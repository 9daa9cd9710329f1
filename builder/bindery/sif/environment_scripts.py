"""The variables of an image, as a script that Singularity reads before it starts anything.

Apptainer reads it in a shell of its own (mvdan.cc/sh), older Singularity in the image's; both know what is used here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PERSONS = frozenset({"HOME", "USER"})
_HOSTS = frozenset(
    {
        # What starts the server on a hub's behalf sets it.
        "JUPYTERHUB_SERVICE_PREFIX",
        "NB_USER",
        "NB_UID",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "TZ",
        "TMPDIR",
    }
)
_LOCALE = ("LC_ALL", "LANG")


def our_variables(env: Sequence[str]) -> str:
    """Return the script for an image of ours: what it sets is set, whatever the host has.

    The person and the home are the host's. Locale, time zone, certificates and temporary folder are the host's if it
    has any, and what a hub says is believed.
    """
    variables = dict(_pairs(env))
    home = variables.get("HOME", "")
    lines = ["#!/bin/sh", "# The image's variables."]
    for name, value in variables.items():
        if name in _PERSONS or name in _LOCALE:
            continue
        if name == "PATH":
            lines.append(f"export PATH={_quoted(_without_home(value, home))}")
        else:
            lines.append(_default(name, value) if name in _HOSTS else f"export {name}={_quoted(value)}")
    # LC_ALL would win over the LANG that the host has.
    if "LC_ALL" in variables:
        lines.append(f'[ -n "${{LANG:-}}${{LC_ALL:-}}" ] || export LC_ALL={_quoted(variables["LC_ALL"])}')
    if "LANG" in variables:
        lines.append(_default("LANG", variables["LANG"]))
    lines += [
        # A kernel of that name in the home is for a Python of the host's.
        "export JUPYTER_PREFER_ENV_PATH=1",
        "export JUPYTER_CONFIG_PATH=/.singularity.d/bindery",
    ]
    return "\n".join(lines) + "\n"


def foreign_variables(env: Sequence[str]) -> str:
    """Return the script for any other image: as ``apptainer build`` has it, the host's variables win, but for PATH."""
    lines = ["#!/bin/sh"]
    for name, value in _pairs(env):
        lines.append(f"export PATH={_quoted(value)}" if name == "PATH" else _default(name, value))
    return "\n".join(lines) + "\n"


def words(given: Sequence[str]) -> str:
    """Return the words as a shell reads them."""
    return " ".join(map(_quoted, given))


def _pairs(env: Sequence[str]) -> Iterator[tuple[str, str]]:
    for one in env:
        name, _, value = one.partition("=")
        if _NAME.fullmatch(name):
            yield name, value


def _default(name: str, value: str) -> str:
    return f'[ -n "${{{name}:-}}" ] || export {name}={_quoted(value)}'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _without_home(path: str, home: str) -> str:
    """Return the PATH without folders of the image's home, over which somebody's own home may lie."""
    return ":".join(folder for folder in path.split(":") if not home or not f"{folder}/".startswith(f"{home}/"))
