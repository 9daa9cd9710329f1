"""What a prefix was made from, kept beside it in the store, so that it can be verified by its path alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bindery.core import BadInput, Store, encode_json, parse_json, write_file
from bindery.environments import Environment, Realised, encode_lock, parse_lock

if TYPE_CHECKING:
    from pathlib import Path

    from bindery.core import Json

PREFIXES, RECORDS = "prefixes", "prefix-records"
_FIX = "name the environment instead: bindery verify ENVIRONMENT"


def write_record(realised: Realised, store: Store, key: str) -> None:
    """Keep what the prefix of this key is made from, if that is not kept yet.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    record: dict[str, Json] = {
        "schema": 1,
        "environment": realised.environment.name,
        "label": realised.label,
        "lock": encode_lock(realised.lock.restricted_to([realised.platform])),
        "mirrors": dict(realised.mirrors),
        "packages": realised.packages,
        "platform": realised.platform,
        "release": realised.release or "",
    }
    store.ensure(RECORDS, key, lambda work: write_file(work, encode_json(record, indent=1)))


def read_record(prefix: Path) -> tuple[Realised, Store]:
    """Return what the prefix was made from, and the store that it lies in.

    Raises:
        BadInput: it is not a prefix of a store, or its record is damaged.

    """
    store = Store(prefix.parent.parent)
    path = store.root / RECORDS / prefix.name
    if prefix.parent.name != PREFIXES or not path.is_file():
        raise BadInput("is not a prefix that bindery made", str(prefix), _FIX)
    try:
        record = parse_json(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"is not JSON: {error}", str(path), _FIX) from error
    texts = record if isinstance(record, dict) else {}
    mirrors = texts.get("mirrors")
    realised = Realised(
        environment=Environment(name=_text(texts, "environment", path), folder=prefix),
        lock=parse_lock(_text(texts, "lock", path), str(path)),
        packages=_packages(_text(texts, "packages", path)),
        platform=_text(texts, "platform", path),
        label=_text(texts, "label", path),
        release=_text(texts, "release", path) or None,
        mirrors={key: str(value) for key, value in mirrors.items()} if isinstance(mirrors, dict) else {},
    )
    return realised, store


def _packages(text: str) -> Literal["conda-forge", "wheels"]:
    return "wheels" if text == "wheels" else "conda-forge"


def _text(record: dict[str, Json], key: str, path: Path) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise BadInput(f"{key} is missing, or not text", str(path), _FIX)
    return value
