"""What a container is started with, and what a manifest says of itself, against what they must be.

Source: OCI image-spec v1.1, config.md. What Docker adds there as empty, false or null says nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bindery.core import parse_json
from bindery.images.verify.findings import ImageFinding, What

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bindery.core import Json
    from bindery.images.manifest import ImageConfig

# Names of the builder's own containers and images, and history: they change nothing that runs.
_SILENT = frozenset({"Hostname", "Domainname", "Image", "ArgsEscaped"})
_PLATFORM = ("os", "architecture", "variant", "os.version", "os.features")
_COMPARED_BY_NAME = ("Env", "Labels")
_LONGEST = 60


def compare_config(expected: ImageConfig, found: ImageConfig, *, with_labels: bool = True) -> Iterator[ImageFinding]:
    """Yield each key of the configuration that differs; history and times are not compared."""
    must, there = _document(expected.raw), _document(found.raw)
    for key in _PLATFORM:
        yield from _compare("config", f"config.{key}", must.get(key), there.get(key))
    run_must, run_there = _inner(must.get("config")), _inner(there.get("config"))
    for key in sorted(run_must.keys() | run_there.keys()):
        if key not in _SILENT and key not in _COMPARED_BY_NAME:
            yield from _compare("config", f"config.{key}", run_must.get(key), run_there.get(key))
    if with_labels:
        labels = (_texts(run_must.get("Labels")), _texts(run_there.get("Labels")))
        yield from _compare_texts("config", "config.Labels", *labels)
    yield from _compare_texts("config", "config.Env", _variables(expected.env), _variables(found.env))
    for name, count in sorted(Counter(one.partition("=")[0] for one in found.env).items()):
        if count > 1:
            yield _finding("config", f"config.Env.{name}", f"is there {count} times")


def compare_annotations(expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[ImageFinding]:
    """Yield each annotation of the manifest that differs."""
    yield from _compare_texts("annotation", "annotation", expected, found)


def _compare(what: What, path: str, must: Json, there: Json) -> Iterator[ImageFinding]:
    if (must or None) != (there or None):
        yield _finding(what, path, f"is {_shown(there)}, not {_shown(must)}")


def _compare_texts(what: What, path: str, must: Mapping[str, str], there: Mapping[str, str]) -> Iterator[ImageFinding]:
    for name in sorted(must.keys() | there.keys()):
        if must.get(name) != there.get(name):
            yield _finding(what, f"{path}.{name}", f"is {_shown(there.get(name))}, not {_shown(must.get(name))}")


def _shown(value: Json) -> str:
    if value in (None, "", [], {}, False):
        return "not there" if value is None else "empty"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _variables(env: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in env)}


def _document(raw: bytes) -> Mapping[str, Json]:
    return _inner(parse_json(raw))


def _inner(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _texts(value: Json) -> dict[str, str]:
    return {name: str(text) for name, text in _inner(value).items()}


def _finding(what: What, path: str, detail: str) -> ImageFinding:
    return ImageFinding(package="", path=path, layer="", what=what, detail=detail)
