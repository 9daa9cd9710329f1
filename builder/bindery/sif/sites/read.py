"""``binder/sites/<name>.yaml`` → Site. Every error names the file, the line, the key and what to write instead."""

from __future__ import annotations

import difflib
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import yaml
from pydantic import TypeAdapter, ValidationError

from bindery.core import BadInput, digest_bytes
from bindery.sif.sites.site import Singularity, Site, SiteKeys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FOLDER = "binder/sites"
_Plain: TypeAlias = "str | list[_Plain] | dict[str, _Plain] | None"
_Fault: TypeAlias = "tuple[tuple[str, ...], str, str]"
"""Keys, what is wrong there, and the fix."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MEMORY = re.compile(r"[1-9][0-9]*(?:\.[0-9]+)? ?(?:[kMGT]B|[KMGT]iB)")
_WALLTIME = re.compile(r"(?:[0-9]+-)?[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]")
_DIRECTIVE = re.compile(r"#\s*(?:SBATCH|PBS)\b")
_CORRECT = "correct the line"
_MUST_BE = {  # pydantic's types of errors, in the words of people who write YAML
    "dict_type": "must be a mapping, one NAME: value a line",
    "dataclass_type": "must be a mapping, one key: value a line",
    "greater_than_equal": "must be 1 or more",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "tuple_type": "must be a list, one - a line",
    "missing": "is missing",
}


KEYS = tuple(one.name for one in fields(SiteKeys))
SINGULARITY_KEYS = tuple(one.name for one in fields(Singularity))


def list_sites(root: Path) -> tuple[Site, ...]:
    """Return the sites of the project in this folder, sorted by name.

    Raises:
        BadInput: a site's file is wrong.

    """
    return tuple(_read(path) for path in _files(root))


def read_site(name: str | Path, root: Path) -> Site:
    """Return the site of this name in the project, or the one in the file that ``name`` is a path of.

    What has a slash or ends in ``.yaml`` is a path.

    Raises:
        BadInput: there is none, or its file is wrong.

    """
    text = str(name)
    if isinstance(name, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise BadInput("there is no such file", text, "name a site's file, or a site: bindery site lists them")
        return _read(path.absolute())
    paths = {path.stem: path for path in _files(root)}
    if text not in paths:
        known = f"use one of {', '.join(paths)}" if paths else f"write {FOLDER}/{text}.yaml"
        raise BadInput(f"there is no site {text}", str(root / FOLDER), _near(text, tuple(paths)) or known)
    return _read(paths[text])


def _files(root: Path) -> tuple[Path, ...]:
    folder = root / FOLDER
    return tuple(sorted(path for path in folder.glob("*.yaml") if _NAME.fullmatch(path.stem)))


def _read(path: Path) -> Site:
    if not _NAME.fullmatch(path.stem):
        fix = "use letters, digits, '.', '_' and '-'"
        raise BadInput(f"{path.stem!r} cannot be the name of a site", str(path), fix)
    raw = path.read_bytes()
    try:
        root = yaml.compose(raw.decode("utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise BadInput(f"is not YAML: {getattr(error, 'problem', None) or error}", where, _CORRECT) from error
    if not isinstance(root, yaml.MappingNode):
        raise BadInput(
            "must be a mapping, one key: value a line", str(path), f"start with scheduler: pbs, or see {FOLDER}"
        )
    lines: dict[tuple[str, ...], int] = {}
    document = _validate(_plain(root, (), lines, path), lines, path)
    _check(document, lines, path)
    values = {one.name: getattr(document, one.name) for one in fields(document)}
    return Site(name=path.stem, path=path, digest=digest_bytes(raw), **values)


def _plain(node: yaml.Node, keys: tuple[str, ...], lines: dict[tuple[str, ...], int], path: Path) -> _Plain:
    """Return texts, lists and mappings of texts: 01:00:00 and 1e3 are what was written, not seconds and floats."""
    if isinstance(node, yaml.SequenceNode):
        items: list[_Plain] = []
        for index, item in enumerate(node.value):
            lines[(*keys, str(index))] = item.start_mark.line + 1
            items.append(_plain(item, (*keys, str(index)), lines, path))
        return items
    if isinstance(node, yaml.MappingNode):
        table: dict[str, _Plain] = {}
        for key, value in node.value:
            here = (*keys, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                raise BadInput(f"{'.'.join(here)} is there twice", f"{path}:{line}", "keep one of them")
            lines[here] = line
            table[str(key.value)] = _plain(value, here, lines, path)
        return table
    return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _validate(table: _Plain, lines: Mapping[tuple[str, ...], int], path: Path) -> SiteKeys:
    try:
        return TypeAdapter(SiteKeys).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        keys = tuple(str(key) for key in first["loc"])
        where = _where(path, lines, keys)
        key = ".".join(keys)
        match first["type"]:
            case "unexpected_keyword_argument":
                known = SINGULARITY_KEYS if keys[0] == "singularity" else KEYS
                fix = _near(keys[-1], known)
                every = f"the keys are {', '.join(known)}"
                raise BadInput(f"there is no key {key}", where, f"{fix} {every}" if fix else every) from error
            case "literal_error":
                raise BadInput(f"{key} must be {first['ctx']['expected']}", where, "write one of them") from error
            case "missing":
                raise BadInput(f"{key} is missing", str(path), f"add a line {key}: …") from error
            case kind:
                raise BadInput(f"{key} {_MUST_BE.get(kind, first['msg'])}", where, _CORRECT) from error


def _check(site: SiteKeys, lines: Mapping[tuple[str, ...], int], path: Path) -> None:
    """Refuse what has the right type and cannot be right."""
    for keys, what, fix in (*_wrong_numbers(site), *_wrong_texts(site)):
        raise BadInput(f"{'.'.join(keys)} {what}", _where(path, lines, keys), fix)


def _wrong_numbers(site: SiteKeys) -> Iterator[_Fault]:
    if not _MEMORY.fullmatch(site.memory):
        yield ("memory",), f"is {site.memory!r}, which is no amount of memory", "write it like 120GB or 64GiB"
    if not _WALLTIME.fullmatch(site.walltime):
        yield ("walltime",), f"is {site.walltime!r}, which is no time", "write hours, minutes and seconds: 01:00:00"
    if site.processes > site.cores:
        yield ("processes",), f"is {site.processes}, more than the {site.cores} cores", "give each process a core"


def _wrong_texts(site: SiteKeys) -> Iterator[_Fault]:
    if site.submit == "ssh" and not site.submit_host:
        yield ("submit",), "is ssh, and submit_host is missing", "add a line submit_host: NAME"
    for index, directive in enumerate(site.directives):
        if _DIRECTIVE.match(directive):
            yield ("directives", str(index)), "has #SBATCH or #PBS, which is added", "write what follows it"
    for name in site.environ:
        if not _VARIABLE.fullmatch(name):
            yield ("environ", name), "cannot be the name of a variable", "use letters, digits and _"
    for key, value in _one_liners(site):
        if not value or value != value.strip() or not value.isprintable():
            yield key, "must be one line of text, without space around it", "leave the key out, or give it a value"


def _one_liners(site: SiteKeys) -> list[tuple[tuple[str, ...], str]]:
    """Return what becomes part of a line that a scheduler reads, or of a path."""
    named: Sequence[tuple[str, str | None]] = (
        ("queue", site.queue),
        ("account", site.account),
        ("interface", site.interface),
        ("submit_host", site.submit_host),
        ("scratch", site.scratch),
        ("local_directory", site.local_directory),
    )
    found: list[tuple[tuple[str, ...], str]] = [((key,), value) for key, value in named if value is not None]
    found += [(("binds", str(index)), value) for index, value in enumerate(site.binds)]
    found += [(("directives", str(index)), value) for index, value in enumerate(site.directives)]
    found += [(("no_proxy", str(index)), value) for index, value in enumerate(site.no_proxy)]
    found += [(("singularity", "command"), site.singularity.command)]
    found += [(("singularity", "options", str(index)), value) for index, value in enumerate(site.singularity.options)]
    if site.singularity.module is not None:
        found += [(("singularity", "module"), site.singularity.module)]
    return found


def _where(path: Path, lines: Mapping[tuple[str, ...], int], keys: Sequence[str]) -> str:
    for end in range(len(keys), 0, -1):
        if (line := lines.get(tuple(keys[:end]))) is not None:
            return f"{path}:{line}"
    return str(path)


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=2)
    return f"did you mean {' or '.join(near)}?" if near else ""
