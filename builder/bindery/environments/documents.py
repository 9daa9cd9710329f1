"""YAML that somebody else wrote: read whole, or refused before it can grow in memory or mean two things."""

from __future__ import annotations

from typing import NoReturn, Protocol, TypeAlias

import yaml

from bindery.core import BadInput

MIB = 1 << 20
MAX_DEPTH = 50
"""More than any lock or spec has, and few enough for the recursion of whoever walks through the values."""

Implicit: TypeAlias = "tuple[bool, bool] | bool"
"""Whether a tag is left to how the value looks: for a scalar written plainly and in quotes, for a collection at all."""


class _Parser(Protocol):
    """What is used of PyYAML's safe loaders, of which the one in C is there nearly always."""

    def get_event(self) -> yaml.Event: ...
    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Implicit) -> str: ...
    def construct_document(self, node: yaml.Node) -> object: ...
    def dispose(self) -> None: ...


def parse_document(text: str, where: str, fix: str = "", *, limit_mib: int) -> object:
    """Return the value that the YAML text is; ``where`` and ``fix`` are for errors.

    Aliases are refused: with them a short text is a value of any size, and nobody needs them in a lock or a spec.

    Raises:
        BadInput: it is longer than the limit, not YAML, nested deeply, has an alias, or a mapping has a key twice.

    """
    if len(text) > limit_mib * MIB:
        raise BadInput(f"is more than the {limit_mib} MiB of YAML that Bindery reads", where, fix)
    try:
        parser: _Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        try:
            root = _Composer(parser, where, fix).compose()
            return None if root is None else parser.construct_document(root)
        finally:
            parser.dispose()
    except yaml.YAMLError as error:
        number = getattr(getattr(error, "problem_mark", None), "line", None)
        line = f" at line {number + 1}" if isinstance(number, int) else ""
        raise BadInput(f"is not YAML{line}: {getattr(error, 'problem', None) or error}", where, fix) from error
    except (ValueError, LookupError, AttributeError) as error:
        # PyYAML's own constructors: a date of the 45th of January, a number without digits.
        raise BadInput(f"is not YAML: a value is not what it is marked as ({error})", where, fix) from error


class _Composer:
    """Events → nodes. PyYAML's own is recursive in C, where too deep a text ends the process."""

    def __init__(self, parser: _Parser, where: str, fix: str) -> None:
        self._parser, self._where, self._fix = parser, where, fix
        self._root: yaml.Node | None = None
        self._open: list[yaml.MappingNode | yaml.SequenceNode] = []
        self._keys: list[yaml.Node | None] = []
        """For each open node, the key whose value comes next; None where a key or an item comes next."""
        self._seen: list[set[tuple[str, str]]] = []

    def compose(self) -> yaml.Node | None:
        """Return the only document's root; None if there is no document."""
        while not isinstance(event := self._parser.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.AliasEvent):
                self._refuse("has an alias, which Bindery does not read", event)
            if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                self._refuse("has a second document", event)
            if isinstance(event, yaml.ScalarEvent):
                tag = self._tag(event, yaml.ScalarNode, event.value, event.implicit)
                self._place(yaml.ScalarNode(tag, event.value, _mark(event)))
            elif isinstance(event, yaml.CollectionStartEvent):
                self._enter(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
                self._keys.pop()
                self._seen.pop()
        return self._root

    def _enter(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) == MAX_DEPTH:
            self._refuse(f"is nested more than {MAX_DEPTH} deep", event)
        kind = yaml.MappingNode if isinstance(event, yaml.MappingStartEvent) else yaml.SequenceNode
        node = kind(self._tag(event, kind, None, event.implicit), [], _mark(event))
        self._place(node)
        self._open.append(node)
        self._keys.append(None)
        self._seen.append(set())

    def _tag(
        self,
        event: yaml.ScalarEvent | yaml.CollectionStartEvent,
        kind: type[yaml.Node],
        value: str | None,
        implicit: Implicit,
    ) -> str:
        written: str | None = event.tag
        return self._parser.resolve(kind, value, implicit) if written is None or written == "!" else written

    def _place(self, node: yaml.Node) -> None:
        if not self._open:
            self._root = node
            return
        parent, key = self._open[-1], self._keys[-1]
        if isinstance(parent, yaml.SequenceNode):
            parent.value.append(node)
        elif key is not None:
            parent.value.append((key, node))
            self._keys[-1] = None
        else:
            self._keys[-1] = node
            if isinstance(node, yaml.ScalarNode):
                if (node.tag, node.value) in self._seen[-1]:
                    self._refuse(f"the key {node.value!r} is there twice", node)
                self._seen[-1].add((node.tag, node.value))

    def _refuse(self, what: str, at: yaml.Event | yaml.Node) -> NoReturn:
        mark = at.start_mark
        raise BadInput(f"{what}, at line {mark.line + 1}" if mark else what, self._where, self._fix)


def _mark(event: yaml.Event) -> yaml.Mark | None:
    mark = event.start_mark
    return yaml.Mark("", mark.index, mark.line, mark.column, None, 0) if mark else None
