"""What has to run inside an image, as the few lines of a Dockerfile that come after everything that need not.

Base, environment and repository are laid by the engine ``oci``; on top come, in repo2docker's order, ``apt.txt`` where
the base is somebody else's, ``postBuild``, and the appendix. Caches and secrets are mounts: they are there while a
command runs, below ``/run/bindery`` and ``/run/secrets``, and in no layer.

Source: Dockerfile reference, "RUN --mount"; syntax 1.2, which every engine since 20.10 reads without fetching another.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from bindery.core import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bindery.images.buildpack.values import BuildValues

CA_SECRET = "bindery-ca"  # noqa: S105 - a name
CACHE = "/run/bindery/cache"
SECRETS = "/run/secrets"
CA_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
)
"""What programs look at to find the certificates of authorities."""
CACHE_VARIABLES = {"PIP_CACHE_DIR": "pip", "UV_CACHE_DIR": "uv", "npm_config_cache": "npm"}
_SECRET_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSteps:
    """What runs: ``post_build`` is a path in ``repository``, a path in the image; the user has this ``uid``."""

    repository: str
    uid: int
    apt_packages: tuple[str, ...] = ()
    post_build: str | None = None
    appendix: str = ""


def split_run_steps(values: BuildValues, *, apt_on_top: bool = False) -> tuple[BuildValues, RunSteps]:
    """Return what can be made without running anything, and what has to run on top of it.

    ``apt_on_top``: the base is somebody else's, so what ``apt.txt`` lists cannot be part of it.
    """
    packages = values.files.apt_packages
    steps = RunSteps(
        repository=values.place.repository,
        uid=values.place.user.uid,
        apt_packages=packages if apt_on_top else (),
        post_build=values.files.post_build,
        appendix=values.appendix.strip(),
    )
    files = replace(values.files, post_build=None, apt_packages=() if apt_on_top else packages)
    return replace(values, appendix="", files=files), steps


def render_dockerfile(steps: RunSteps, base: str, secrets: Sequence[str] = ()) -> str:
    """Return the Dockerfile; ``base`` is the image below, ``secrets`` the ids that commands may read."""
    lines = [f"FROM {base}"]
    if steps.apt_packages:
        lines += ["USER root", _apt(steps.apt_packages)]
    if steps.post_build is not None:
        script = shlex.quote(f"./{steps.post_build}")
        lines += [
            f"USER {steps.uid}:{steps.uid}",
            f"WORKDIR {steps.repository}",
            _run(_user_mounts(steps.uid, secrets), _exports(secrets), f"chmod +x {script} && {script}"),
        ]
    if steps.apt_packages and steps.post_build is None:
        lines.append(f"USER {steps.uid}:{steps.uid}")
    if steps.appendix:
        lines += ["# Appendix:", steps.appendix]
    return "\n".join(lines) + "\n"


def secret_ids(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the secrets that arguments of ``docker buildx build`` bring: ``--secret id=token,src=…``.

    Raises:
        BadInput: an id cannot be the name of a file.

    """
    given = [
        following if word == "--secret" else word.removeprefix("--secret=")
        for word, following in pairwise([*arguments, ""])
        if word == "--secret" or word.startswith("--secret=")
    ]
    found = [field.removeprefix("id=") for secret in given for field in secret.split(",") if field.startswith("id=")]
    for one in found:
        if not _SECRET_ID.fullmatch(one):
            raise BadInput(f"{one!r} cannot be the id of a secret", "--secret", "letters, digits, '.', '_' and '-'")
    return tuple(dict.fromkeys(found))


def ca_secret(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the arguments that lend commands the certificates which this machine trusts, if somebody chose them."""
    chosen = environ.get("SSL_CERT_FILE")
    return ("--secret", f"id={CA_SECRET},src={chosen}") if chosen else ()


def _apt(packages: Iterable[str]) -> str:
    mounts = [
        "--mount=type=cache,target=/var/cache/apt,sharing=locked",
        "--mount=type=cache,target=/var/lib/apt/lists,sharing=locked",
    ]
    names = " ".join(map(shlex.quote, packages))
    install = f"apt-get -qq install --yes --no-install-recommends {names}"
    # What apt writes down of its work has the time in it.
    tidy = "rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache"
    return _run(mounts, {"DEBIAN_FRONTEND": "noninteractive"}, f"apt-get -qq update && {install} && {tidy}")


def _user_mounts(uid: int, secrets: Sequence[str]) -> list[str]:
    return [
        f"--mount=type=cache,id=bindery-{uid},target={CACHE},uid={uid},gid={uid},mode=0755",
        *(f"--mount=type=secret,id={one},uid={uid},gid={uid},required" for one in secrets),
    ]


def _exports(secrets: Sequence[str]) -> dict[str, str]:
    variables = {name: f"{CACHE}/{folder}" for name, folder in CACHE_VARIABLES.items()}
    if CA_SECRET in secrets:
        variables |= dict.fromkeys(CA_VARIABLES, f"{SECRETS}/{CA_SECRET}")
    return variables


def _run(mounts: Iterable[str], variables: Mapping[str, str], command: str) -> str:
    # Set for this command alone: an ENV would stay in the image.
    exports = " ".join(["export", *(f"{name}={value}" for name, value in variables.items())])
    return " \\\n    ".join(["RUN", *mounts, f"{exports} && \\\n    {command}"]).replace("RUN \\\n    ", "RUN ", 1)
