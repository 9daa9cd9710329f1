"""Run by the prefix's own Python, alone, without anything of Bindery: compiles files, or checks what is compiled.

One JSON line on stdin: {"root", "prefix", "check", "sources"}. One JSON line per source on stdout: [source, state],
where the state is "compiled", "not compilable", "same", "different" or "missing". ``root`` is where the tree is,
``prefix`` where it will be: the code objects name that place. The form is unchecked-hash (PEP 552): the store's files
are read-only, so Python need not look at a source again.
"""

import importlib.util
import json
import marshal
import os
import sys
import warnings

HEAD = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")


def main() -> None:
    """Answer one order."""
    order = json.loads(sys.stdin.readline())
    root, prefix, check = order["root"], order["prefix"], order["check"]
    # What a source warns of has nothing to do with whoever installs it.
    warnings.simplefilter("ignore")
    for source in order["sources"]:
        state = handle(root, prefix, source, check=check)
        sys.stdout.write(json.dumps([source, state]) + "\n")
        sys.stdout.flush()


def handle(root: str, prefix: str, source: str, *, check: bool) -> str:
    """Compile the source and write it, or compare it with what is there; return the state."""
    path = os.path.join(root, source)  # noqa: PTH118 - pathlib doubles the time to start, on many cores at once
    name = os.path.basename(importlib.util.cache_from_source(path, optimization=""))  # noqa: PTH119
    # Beside the source, whatever folder `-X pycache_prefix` names.
    target = os.path.join(os.path.dirname(path), "__pycache__", name)  # noqa: PTH118, PTH120
    data = encode(path, f"{prefix}/{source}")
    if data is None:
        return "different" if check and os.path.lexists(target) else "not compilable"
    if not check:
        write(target, data)
        return "compiled"
    try:
        with open(target, "rb") as stream:  # noqa: PTH123
            found = stream.read()
    except FileNotFoundError:
        return "missing"
    return "same" if found == data or is_equal(found, data) else "different"


def encode(path: str, name: str) -> "bytes | None":
    """Return the bytecode file of the source at the path; None if it is not Python of this version."""
    with open(path, "rb") as stream:  # noqa: PTH123
        source = stream.read()
    try:
        code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    return HEAD + importlib.util.source_hash(source) + marshal.dumps(code)


def write(target: str, data: bytes) -> None:
    """Put the data there, in a file of its own: what was there may be a hard link to a cache."""
    os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    if os.path.lexists(target):
        os.unlink(target)  # noqa: PTH108
    with open(target, "wb") as stream:  # noqa: PTH123
        stream.write(data)


def is_equal(found: bytes, data: bytes) -> bool:
    """Answer whether two files differ only in which of their constants are shared, which varies between processes."""
    if found[:16] != data[:16]:
        return False
    try:
        # A second trip makes the sharing of both depend on the values alone.
        return marshal.dumps(marshal.loads(found[16:])) == marshal.dumps(marshal.loads(data[16:]))  # noqa: S302
    except (EOFError, TypeError, ValueError):
        return False


if __name__ == "__main__":
    main()
