"""The variables that packages set when they are activated, worked out for a place where the prefix is not.

conda sources ``etc/conda/activate.d/*.sh`` in the user's shell. An image has no such moment that its entrypoint, a
program started in its container, a kernel and a worker share, so what the scripts set must be known before. Each script
runs in two shells that agree in nothing but the prefix: what both set alike follows from the prefix alone. They have an
empty environment, no terminal, and a few programs that read; a script that does more is refused by its name.

Source: conda's documentation, "Managing environments", and its activate.py, for the order.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, run_process
from bindery.prefixes.environ import parse_variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.prefixes.contents import PackageContents
    from bindery.prefixes.tree import ExpectedTree

SHELL = Path(__file__).with_name("activation.bash")
TIMEOUT_S = 30.0
_SCRIPT = re.compile(r"etc/conda/activate\.d/[^/]+\.sh")
_VARIABLES = re.compile(r"etc/conda/env_vars\.d/[^/]+\.json")
# What a script may run: programs that read, and say the same everywhere.
_PROGRAMS = ("basename", "cat", "cut", "dirname", "expr", "grep", "head", "ls", "readlink", "sed", "tail", "tr")
_OWN = frozenset({"_", "OLDPWD", "PWD", "SHLVL"})
# What bash knows of the moment, the user and the machine, whatever its environment.
_ASKED = re.compile(
    r"\$\{?(BASHPID|BASH_SOURCE|E?UID|EPOCHREALTIME|EPOCHSECONDS|GROUPS|HOSTTYPE|MACHTYPE|OSTYPE|S?RANDOM|SECONDS)\b"
)
_REDIRECTION = re.compile(r"(?<![-=<])&?>(?!\s*(?:/dev/null|&\s*[12-]))")
_NETWORK = re.compile(r"/dev/(?:tcp|udp)/")


@dataclass(frozen=True, slots=True)
class _Place:
    """One of the shells: the folder of its own, and what the shell is told about the world."""

    folder: Path
    told: Mapping[str, str]

    @property
    def prefix(self) -> str:
        return str(self.folder / "prefix")


def compute_variables(tree: ExpectedTree, contents: Sequence[PackageContents], root: Path) -> dict[str, str]:
    """Return what the packages of the tree, which lies at ``root``, set when it is activated at its prefix.

    Raises:
        BadInput: a script cannot be computed, or a file of variables is damaged.
        ToolFailed: bash cannot be started.

    """
    variables: dict[str, str] = {}
    for path in sorted(filter(_VARIABLES.fullmatch, tree.entries)):
        variables |= parse_variables((root / path).read_bytes(), root / path)
    scripts = sorted(filter(_SCRIPT.fullmatch, tree.entries))
    if not scripts:
        return variables
    urls = {package.locked.name: package.locked.url for package in contents}
    with TemporaryDirectory(prefix="bindery-") as one, TemporaryDirectory(prefix="bindery.other-") as other:
        places = (
            _place(Path(one), root, {"HOSTNAME": "one", "LANG": "C", "TERM": "dumb", "TZ": "UTC", "USER": "one"}),
            _place(
                Path(other), root, {"HOSTNAME": "two", "LANG": "C.UTF-8", "TERM": "vt100", "TZ": "EST5EDT", "USER": "b"}
            ),
        )
        found = [dict(variables), dict(variables)]
        for script in scripts:
            package = tree.entries[script].package
            url = urls.get(package, package)
            text = (root / script).read_text(encoding="utf-8", errors="surrogateescape")
            before = _times(root) if _REDIRECTION.search(text) else {}
            found = [
                _Script(script, package, url).run(text, place, set_before, tree.prefix)
                for place, set_before in zip(places, found, strict=True)
            ]
            mine = _Script(script, package, url)
            if before and _times(root) != before:
                raise mine.refused("it writes into the prefix")
            differing = sorted(name for name in found[0].keys() | found[1].keys() if _differs(name, found))
            if differing:
                raise mine.refused(f"{differing[0]} depends on who activates it, when or where")
            leak = next((name for name, value in found[0].items() if str(root.resolve()) in value), None)
            if leak:
                raise mine.refused(f"{leak} names the folder where the prefix lies now")
    return dict(sorted(found[0].items()))


def _differs(name: str, found: Sequence[Mapping[str, str]]) -> bool:
    return found[0].get(name) != found[1].get(name)


def _place(folder: Path, root: Path, told: Mapping[str, str]) -> _Place:
    (folder / "home").mkdir()
    (folder / "programs").mkdir()
    (folder / "prefix").symlink_to(root.resolve())
    for program in _PROGRAMS:
        where = shutil.which(program, path="/usr/bin:/bin")
        if where:
            (folder / "programs" / program).symlink_to(where)
    return _Place(folder, {**told, "LOGNAME": told["USER"], "HOME": str(folder / "home")})


def _times(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in root.rglob("*")}


@dataclass(frozen=True, slots=True)
class _Script:
    """A script, by its path in the prefix, its package and the package's URL."""

    path: str
    package: str
    url: str

    def refused(self, why: str) -> BadInput:
        return BadInput(
            f"{self.path} cannot be worked out before it runs: {why}",
            self.url,
            f"leave {self.package} out, or take a version of it whose script only sets variables",
        )

    def run(self, text: str, place: _Place, variables: Mapping[str, str], target: str) -> dict[str, str]:
        """Return the variables after the script, with the target for the place's own name of the prefix."""
        if _NETWORK.search(text):
            raise self.refused("it asks the network")
        asked = _ASKED.search(text)
        if asked:
            raise self.refused(f"it asks for {asked[1]}")
        script = place.folder / "script.sh"
        script.write_text(text.replace(target, place.prefix), encoding="utf-8", errors="surrogateescape")
        before = {name: value.replace(target, place.prefix) for name, value in variables.items()}
        told = {
            **place.told,
            **before,
            "PATH": str(place.folder / "programs"),
            "CONDA_PREFIX": place.prefix,
            "CONDA_DEFAULT_ENV": place.prefix,
            "CONDA_SHLVL": "1",
        }
        try:
            finished = run_process(
                ["/bin/bash", "--noprofile", "--norc", SHELL, script],
                env=told,
                cwd=place.folder / "home",
                timeout_s=TIMEOUT_S,
                check=False,
            )
        except ToolFailed as error:
            if "took longer" not in error.what:
                raise
            raise self.refused(f"it takes longer than {TIMEOUT_S:g} s") from error
        complaints, mark, rest = finished.stdout.decode(errors="surrogateescape").partition("\0\0")
        if complaints:
            raise self.refused(complaints.splitlines()[0])
        if not mark:
            raise self.refused("it does not come to its end")
        after = dict(pair.split("=", 1) for pair in rest.split("\0") if "=" in pair)
        if after.get("PATH") != told["PATH"]:
            raise self.refused("it changes PATH")
        if any((place.folder / "home").iterdir()):
            raise self.refused("it writes files")
        exported = next((name for name in after if name.startswith("BASH_FUNC_")), None)
        if exported:
            raise self.refused("it exports a function")
        kept = {name for name in after if name not in _OWN and (name in before or told.get(name) != after[name])}
        return {name: after[name].replace(place.prefix, target) for name in kept}
