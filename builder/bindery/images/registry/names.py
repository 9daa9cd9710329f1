"""The names that an image is pushed under: its release, its revision, and the one that a BinderHub looks for.

Source: OCI image-spec v1.1, annotations.md; for BinderHub, what ``binderhub.builder`` and ``binderhub.repoproviders``
compute (April 2026), checked against a running one.
"""

from __future__ import annotations

import hashlib
import re
import string
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import escapism

from bindery.core import WrongUse
from bindery.images.annotations import REVISION, VERSION
from bindery.images.registry.reference import Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

LATEST = "latest"
_LONGEST_NAME = 255
_HASH_DIGITS = 6
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_RELEASE = re.compile(r"\d{4}\.\d{2}\.\d{2}(?:-\d+)?")


def own_tags(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tags that an image of these annotations has a right to: release, revision of git, ``latest``."""
    release, revision = annotations.get(VERSION, ""), annotations.get(REVISION, "")
    found = [release] if _RELEASE.fullmatch(release) else []
    found += [revision] if _REVISION.fullmatch(revision) else []
    return (*found, LATEST)


def binderhub_reference(prefix: str, source: str, revision: str) -> Reference:
    """Return where a BinderHub with this ``image_prefix`` looks for the image of a repository at a revision.

    ``source`` is the repository's URL. On GitHub and GitLab the name comes from the path, as their providers have it;
    anywhere else from the whole URL, as a Binder link of plain git has it.

    Raises:
        WrongUse: the revision is not a whole one, or the prefix cannot begin the name of an image.

    """
    if not _REVISION.fullmatch(revision):
        raise WrongUse(f"{revision!r} is not a whole revision of git", source, "build from a commit")
    return parse_reference(binderhub_image(prefix, build_slug(source), revision))


def build_slug(source: str) -> str:
    """Return what BinderHub calls the repository."""
    parts = urlsplit(source)
    path = parts.path.strip("/").removesuffix(".git")
    match parts.hostname:
        case "github.com" if path.count("/") == 1:
            return path.replace("/", "-")
        case "gitlab.com" if "/" in path:
            return "-".join(part.replace("-", "_-") for part in path.split("/"))
        case _:
            return source


def binderhub_image(prefix: str, slug: str, revision: str) -> str:
    """Return the name that BinderHub computes, with the revision as its tag."""
    safe: str = escapism.escape(slug, safe=set(string.ascii_letters + string.digits), escape_char="-")
    digits = hashlib.sha256(slug.encode()).hexdigest()[:_HASH_DIGITS]
    name = f"{prefix}{safe[: _LONGEST_NAME - len(prefix) - _HASH_DIGITS - 1]}-{digits}".lower()
    return f"{name}:{revision}".replace("_", "-").lower()
