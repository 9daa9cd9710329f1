"""The interpreter of this machine, made into conda packages that run from any folder: python, python_abi, libstdcxx.

Its shared libraries but glibc come with it; they are found through RPATH, which unlike RUNPATH also counts for the
libraries that extension modules ask for.
"""

from __future__ import annotations

import re
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import ToolFailed, digest_bytes, parse_digest, run_process
from bindery.core.tarstreams import EXECUTABLE, PLAIN, bytes_member, file_member, link_member
from bindery.environments.wheels.archive import PLACEHOLDER, CondaPackage, PackageFile
from bindery.environments.wheels.convert import RECORD_NAME, write_package
from bindery.environments.wheels.debian import LEFT_OUT, SITECUSTOMIZE, is_changed, mend_debian
from bindery.environments.wheels.elf import is_elf, parse_needs
from bindery.environments.wheels.interpreters import Interpreter, clean_environ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bindery.core import Digest

# A new number packs every interpreter anew: raise it when a package's bytes change for the same interpreter.
FORMAT = 2
IDENTITY_NAME = "identity"
_LDD_S = 120.0
_LDD_LINE = re.compile(r"\s*(\S+) => (/\S+)")
# glibc belongs to the machine that runs the prefix.
_GLIBC = re.compile(
    r"(libc|libm|libpthread|libdl|librt|libutil|libresolv|libanl|libnss_\w+)\.so\.\d|libnsl\.so\.1|ld-linux.*"
)
_CXX = ("libstdc++.so.6", "libgcc_s.so.1")
# What nobody needs who does not develop CPython: its tests, its editor, its bundled pip, and what needs Tk or NIS.
_LEFT_OUT = frozenset(
    {"__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "idle_test", "turtledemo"}
    | {"ensurepip", "tkinter"}
)
_LEFT_OUT_FILE = re.compile(
    r".*\.(a|o|pyc)|(_tkinter|nis|_test\w*|_ctypes_test|_xx\w+|xx\w+)\.cpython-.*|EXTERNALLY-MANAGED|sitecustomize\.py"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedPackage:
    """A package and its files, ready to be written."""

    package: CondaPackage
    files: tuple[PackageFile, ...]


def source_files(interpreter: Interpreter) -> tuple[Path, ...]:
    """Return every file that the packages are made from, but for shared libraries of the system; sorted."""
    files = [interpreter.executable, *([interpreter.library] if interpreter.library else [])]
    files += [path for folder in (interpreter.stdlib, interpreter.include) for path in _walk(folder)]
    return tuple(files)


def write_python(interpreter: Interpreter, environ: Mapping[str, str], folder: Path) -> int:
    """Make a folder with a folder for each of the interpreter's packages, and return how many there are.

    Raises:
        ToolFailed: a shared library is missing, or patchelf failed.

    """
    scratch = folder.with_name("patched")
    planned = plan_python(interpreter, environ, scratch)
    folder.mkdir(parents=True)
    for item in planned:
        write_package(folder / item.package.name, item.package, item.files)
    described = [(folder / item.package.name / RECORD_NAME).read_bytes() for item in planned]
    (folder / IDENTITY_NAME).write_text(str(digest_bytes(b"\n".join(described))), encoding="ascii")
    return len(planned)


def read_identity(folder: Path) -> Digest:
    """Return what identifies the interpreter's packages, byte for byte."""
    return parse_digest((folder / IDENTITY_NAME).read_text(encoding="ascii"))


def plan_python(interpreter: Interpreter, environ: Mapping[str, str], scratch: Path) -> tuple[PlannedPackage, ...]:
    """Return the packages of the interpreter. ``scratch`` is a folder for files while they are patched.

    Raises:
        ToolFailed: a shared library is missing, or patchelf failed.

    """
    minor = interpreter.minor
    texts, binaries = _split(interpreter)
    bundled = _shared_libraries(list(binaries.values()), environ)
    cxx = {name: _system_library(name) for name in _CXX}
    for name, path in bundled.items():
        if name not in cxx and not name.startswith("libpython"):
            binaries[f"lib/{name}"] = path
    files = [*texts, *_patched(binaries, scratch / "python", environ), *_links(interpreter)]
    readme = b"Packages that were installed for this Python.\n"
    files.append(PackageFile(member=bytes_member(f"lib/python{minor}/site-packages/README.txt", readme)))
    if is_changed((interpreter.stdlib / "site.py").read_bytes()):
        files.append(PackageFile(member=bytes_member(f"lib/python{minor}/sitecustomize.py", SITECUSTOMIZE)))
    tag = minor.replace(".", "")
    python = CondaPackage(
        name="python",
        version=interpreter.version,
        build="0_cpython",
        subdir="linux-64",
        depends=(_glibc(files), "libstdcxx"),
        constrains=(f"python_abi {minor}.* *_cp{tag}",),
        license="Python-2.0",
        site_packages=f"lib/python{minor}/site-packages",
    )
    abi = CondaPackage(
        name="python_abi",
        version=minor,
        build=f"0_cp{tag}",
        subdir="noarch",
        constrains=(f"python {minor}.* *_cpython",),
        noarch="generic",
    )
    libraries = _patched({f"lib/{name}": path for name, path in cxx.items()}, scratch / "libstdcxx", environ)
    libstdcxx = CondaPackage(
        name="libstdcxx",
        version=cxx["libstdc++.so.6"].resolve().name.partition(".so.")[2],
        build="0",
        subdir="linux-64",
        depends=(_glibc(libraries),),
        license="GPL-3.0-only WITH GCC-exception-3.1",
    )
    return (
        PlannedPackage(package=python, files=tuple(files)),
        PlannedPackage(package=abi, files=()),
        PlannedPackage(package=libstdcxx, files=tuple(libraries)),
    )


def _split(interpreter: Interpreter) -> tuple[list[PackageFile], dict[str, Path]]:
    """Return the text files as they go into the package, and where the ELF files go and come from."""
    minor = interpreter.minor
    binaries = {f"bin/python{minor}": interpreter.executable}
    if interpreter.library:
        binaries[f"lib/{interpreter.library.name}"] = interpreter.library
    texts = []
    for folder, place in ((interpreter.stdlib, f"lib/python{minor}"), (interpreter.include, f"include/python{minor}")):
        for path in _walk(folder):
            inside = f"{place}/{path.relative_to(folder).as_posix()}"
            data = path.read_bytes()
            if is_elf(data[:8]):
                binaries[inside] = path
            else:
                texts.append(_text_file(inside, path, data, interpreter))
    return texts, binaries


def _text_file(inside: str, path: Path, data: bytes, interpreter: Interpreter) -> PackageFile:
    data = mend_debian(inside.removeprefix(f"lib/python{interpreter.minor}/"), data, str(path))
    mode = EXECUTABLE if path.stat().st_mode & 0o100 else PLAIN
    if not re.fullmatch(r"_sysconfigdata_.*\.py", path.name):
        return PackageFile(member=bytes_member(inside, data, mode))
    # Only here does CPython write down where it was installed. A prefix may be a part of another word: /usr, /usr/bin.
    built = re.compile(re.escape(str(interpreter.base_prefix).encode()) + rb"(?![\w.-])")
    return PackageFile(
        member=bytes_member(inside, built.sub(PLACEHOLDER.encode(), data), mode), placeholder=PLACEHOLDER
    )


def _walk(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return  # distributions keep the headers in a package of their own
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in _LEFT_OUT and not path.name.startswith("config-"):
                yield from _walk(path)
        elif path.is_file() and path.name not in LEFT_OUT and not _LEFT_OUT_FILE.fullmatch(path.name):
            yield path


def _links(interpreter: Interpreter) -> Iterator[PackageFile]:
    for name in ("python", "python3"):
        yield PackageFile(member=link_member(f"bin/{name}", f"python{interpreter.minor}"))
    if interpreter.library:
        plain = f"libpython{interpreter.minor}.so"
        if interpreter.library.name != plain:
            yield PackageFile(member=link_member(f"lib/{plain}", interpreter.library.name))


def _shared_libraries(binaries: Sequence[Path], environ: Mapping[str, str]) -> dict[str, Path]:
    """Return the libraries that the files load, but for glibc, by the names that they ask for."""
    done = run_process(["ldd", *binaries], env=_plain(environ), cwd=Path("/"), timeout_s=_LDD_S, check=False)
    output = done.stdout.decode(errors="replace")
    missing = re.search(r"(\S+) => not found", output)
    if missing:
        raise ToolFailed(f"{missing[1]}, which it needs, is not on this machine", str(binaries[0]))
    found = {match[1]: Path(match[2]) for match in map(_LDD_LINE.match, output.splitlines()) if match}
    return {name: found[name] for name in sorted(found) if not _GLIBC.fullmatch(name)}


def _system_library(name: str) -> Path:
    folders = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib"]
    for folder in folders:
        path = Path(folder) / name
        if path.is_file() and is_elf(path.read_bytes()[:8]):
            return path
    raise ToolFailed(f"{name} is not on this machine", fix="install your distribution's libstdc++6 and libgcc-s1")


def _patched(binaries: Mapping[str, Path], scratch: Path, environ: Mapping[str, str]) -> list[PackageFile]:
    """Return the ELF files, each of which looks for libraries in the prefix's lib, wherever the prefix is."""
    patchelf = shutil.which("patchelf", path=sysconfig.get_path("scripts")) or shutil.which("patchelf")
    if patchelf is None:
        raise ToolFailed("patchelf is not installed beside bindery", fix="install bindery anew: it is one of its needs")
    by_path: dict[str, list[Path]] = {}
    copies = {}
    for inside in sorted(binaries):
        copy = scratch / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(binaries[inside], copy)
        copy.chmod(EXECUTABLE)
        copies[inside] = copy
        by_path.setdefault(_run_path(inside), []).append(copy)
    for run_path, paths in sorted(by_path.items()):
        command: list[str | Path] = [patchelf, "--force-rpath", "--set-rpath", run_path, *paths]
        run_process(command, env=_plain(environ), cwd=scratch, timeout_s=_LDD_S)
    return [PackageFile(member=file_member(inside, copy)) for inside, copy in copies.items()]


def _run_path(inside: str) -> str:
    up = inside.count("/")
    return "$ORIGIN" if inside.startswith("lib/") and up == 1 else "$ORIGIN/" + "../" * up + "lib"


def _glibc(files: Sequence[PackageFile]) -> str:
    highest = (0, 0)
    for file in files:
        if file.member.open is not None:
            with file.member.open() as stream:
                start = stream.read(8)
                if is_elf(start):
                    highest = max(highest, parse_needs(start + stream.read()).glibc)
    return f"__glibc >={highest[0]}.{highest[1]}"


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    return clean_environ(environ) | {"LC_ALL": "C"}
