"""``bindery.toml``, found upwards from the working folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, ClassVar

from bindery.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

FILE_NAME = "bindery.toml"
_MUST_BE = {  # pydantic's types of errors, in the words of people who write TOML
    "dataclass_type": "must be a table",
    "dict_type": "must be a table",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than": "must be more than 0",
    "greater_than_equal": "must be 1 or more",
    "int_type": "must be a whole number",
    "string_type": "must be text in quotes",
    "tuple_type": "must be an array",
}
_CLOSED = {"extra": "forbid"}  # pydantic's word for: a key we do not know is an error


# pydantic's own marks for bounds (annotated_types) take longer to import than reading most files takes.
class _FromOne:
    def __get_pydantic_core_schema__(self, source: type[int], handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core.core_schema import int_schema  # noqa: PLC0415 - like pydantic itself, see _validate

        del source, handler
        return int_schema(ge=1, strict=True)


class _AboveZero:
    def __get_pydantic_core_schema__(self, source: type[float], handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core.core_schema import float_schema  # noqa: PLC0415 - the same

        del source, handler
        return float_schema(gt=0, allow_inf_nan=False, strict=True)


_AtLeastOne = Annotated[int, _FromOne()]
_Positive = Annotated[float, _AboveZero()]


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentSettings:
    """What ``[environments.<name>]`` says.

    ``extends`` are the environments that it builds on, in order. A fork builds on one instead: ``fork_of`` is
    ``pangeo@2025.08.14``, or ``pangeo@sha256:…`` for what has not been released; ``without`` are packages that its
    parent asks for, and it does not.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    extends: tuple[str, ...] = ()
    fork_of: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookSettings:
    """What ``[notebooks.<name>]`` says of one notebook; None where ``[test]`` decides."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    environment: str | None = None
    timeout_s: _Positive | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TestSettings:
    """What ``[test]`` says: the cluster, and the limit for one notebook."""

    __test__ = False  # pytest would collect it
    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    environment: str = "pangeo"
    workers: _AtLeastOne = 2
    threads_per_worker: _AtLeastOne = 1
    memory_per_worker: str = "2GiB"
    timeout_s: _Positive = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Document:
    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    environments: dict[str, EnvironmentSettings] = field(default_factory=dict)
    notebooks: dict[str, NotebookSettings] = field(default_factory=dict)
    test: TestSettings = field(default_factory=TestSettings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The project: its root folder, its environments, its notebooks."""

    root: Path
    environments: dict[str, EnvironmentSettings]
    notebooks: dict[str, NotebookSettings]
    test: TestSettings

    @property
    def environments_folder(self) -> Path:
        """Where the environments are."""
        return self.root / "environments"

    @property
    def notebooks_folder(self) -> Path:
        """Where the notebooks are."""
        return self.root / "notebooks"


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards that holds ``bindery.toml``.

    Raises:
        BadInput: there is none.

    """
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise BadInput(f"there is no {FILE_NAME} here or above", str(start), "go to your project's folder")


def read_settings(start: Path) -> Settings:
    """Return the settings of the project that ``start`` lies in.

    Raises:
        BadInput: there is no ``bindery.toml``, it is not TOML, or a key or value in it is wrong.

    """
    root = find_root(start.absolute())
    path = root / FILE_NAME
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"is not TOML: {error}", str(path)) from error
    document = _validate_plainly(table) or _validate(table, path)
    return Settings(root=root, environments=document.environments, notebooks=document.notebooks, test=document.test)


def _validate_plainly(table: dict[str, object]) -> _Document | None:
    """Return the document if nothing in it needs thought; importing pydantic takes longer than most commands take."""
    environments, test = table.get("environments", {}), _plain_test(table.get("test", {}))
    if table.keys() - {"environments", "test"} or test is None or not isinstance(environments, dict):
        return None
    found: dict[str, EnvironmentSettings] = {}
    for name, below in environments.items():
        match below:
            case {"extends": list(names)} if len(below) == 1 and all(isinstance(one, str) for one in names):
                found[name] = EnvironmentSettings(extends=tuple(names))
            case _:
                return None
    return _Document(environments=found, test=test)


def _plain_test(table: object) -> TestSettings | None:
    if not isinstance(table, dict):
        return None
    values: dict[str, object] = {one.name: one.default for one in fields(TestSettings)} | table
    match values:
        case {
            "environment": str(environment),
            "workers": int(workers),
            "threads_per_worker": int(threads),
            "memory_per_worker": str(memory),
            "timeout_s": float(timeout_s),
        } if len(values) == 5 and type(workers) is type(threads) is int and min(workers, threads) >= 1:
            if not 0 < timeout_s < float("inf"):
                return None
            return TestSettings(
                environment=environment,
                workers=workers,
                threads_per_worker=threads,
                memory_per_worker=memory,
                timeout_s=timeout_s,
            )
        case _:
            return None


def _validate(table: dict[str, object], path: Path) -> _Document:
    # Whatever is not plain is pydantic's, and so is every error.
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    try:
        return TypeAdapter(_Document).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        keys = tuple(str(key) for key in first["loc"])
        if first["type"] == "unexpected_keyword_argument":
            known = ", ".join(one.name for one in fields(_owner(keys)))
            raise BadInput(f"there is no key {'.'.join(keys)}", str(path), f"use one of {known}") from error
        raise BadInput(f"{'.'.join(keys)} {_MUST_BE.get(first['type'], first['msg'])}", str(path)) from error


def _owner(keys: tuple[str, ...]) -> type[_Document | EnvironmentSettings | NotebookSettings | TestSettings]:
    match keys:
        case ("environments", _, _):
            return EnvironmentSettings
        case ("notebooks", _, _):
            return NotebookSettings
        case ("test", _):
            return TestSettings
        case _:
            return _Document
