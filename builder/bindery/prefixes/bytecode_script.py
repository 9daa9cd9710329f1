"""Run by the prefix's own Python, alone, without anything of Bindery: compiles files, or checks what is compiled.

One JSON line on stdin: {"root", "prefix", "check", "packages"}, the last a list of sources per package. One JSON line
per source on stdout: [source, state]; the states are "compiled", "not compilable", "same", "different" and "missing".
``root`` is where the tree is, ``prefix`` where it will be: the code objects name that place. The form is unchecked-hash
(PEP 552): the store's files are read-only, so Python need not look at a source again.

The bytes depend on what the process has met before: which equal constants share one object follows from the strings
that happen to be interned (3.12 keeps those of every file that it ever compiled). So each package is compiled in a fork
of a process that has compiled nothing, in the order of its sources: the same package gives the same bytes.
"""

import sys

if not sys.flags.isolated:
    # This file's folder, whose modules are none of the standard library's. Only Python 3.11 has an option for that.
    sys.path.pop(0)

import importlib.util
import json
import marshal
import os
import warnings

HEAD = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")


def main() -> None:
    """Answer one order."""
    order = json.loads(sys.stdin.readline())
    # What a source warns of has nothing to do with whoever installs it.
    warnings.simplefilter("ignore")
    os.umask(0o022)
    for sources in order["packages"]:
        child = os.fork()
        if not child:
            handle_package(order["root"], order["prefix"], sources, check=order["check"])
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(1)


def handle_package(root: str, prefix: str, sources: "list[str]", *, check: bool) -> None:
    """Answer for the package's sources, and end this process, whatever happens."""
    status = 1
    try:
        for source in sources:
            state = handle(root, prefix, source, check=check)
            sys.stdout.write(json.dumps([source, state]) + "\n")
        sys.stdout.flush()
        status = 0
    except BaseException:  # noqa: BLE001 - said here, since the process ends without another chance
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(status)


def handle(root: str, prefix: str, source: str, *, check: bool) -> str:
    """Compile the source and write it, or compare it with what is there; return the state."""
    path = os.path.join(root, source)  # noqa: PTH118 - pathlib doubles the time to start, on many cores at once
    name = os.path.basename(importlib.util.cache_from_source(path, optimization=""))  # noqa: PTH119
    # Beside the source, whatever folder `-X pycache_prefix` names.
    target = os.path.join(os.path.dirname(path), "__pycache__", name)  # noqa: PTH118, PTH120
    try:
        data = encode(path, f"{prefix}/{source}")
    except OSError:
        if check:
            return "different"  # somebody took the source away
        raise
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
    return "same" if found == data else "different"


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
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


if __name__ == "__main__":
    main()
