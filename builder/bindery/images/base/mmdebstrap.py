"""A fresh Debian as a tar file, made by mmdebstrap as root or as a user with subordinate ids.

Whatever ends it, nothing stays behind: it works in a temporary folder that is removed, and as root in a mount
namespace of its own, so that its mounts end with it.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, ToolFailed, disk_errors, remove_tree, run_process
from bindery.images.base.machine_apt import find_options, find_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# What every base has, beside Debian's essential packages.
CONTENTS = (
    "bash",
    "ca-certificates",
    "coreutils",
    "fonts-dejavu-core",
    "git",
    "less",
    "libc6",
    "locales",
    "openssh-client",
    "tini",
    "tzdata",
)
# Files by themselves, not the archive of locales, whose bytes depend on what was in it before. No user's word is in it.
_LOCALE_HOOK = 'chroot "$1" localedef --no-archive -i en_US -f UTF-8 en_US.UTF-8'
_TIMEOUT_S = 3600.0
_NEEDED = ("mmdebstrap", "apt-get", "dpkg")
_INHERITED = re.compile(r"APT_CONFIG|PATH|(?:https?|ftp|all|no)_proxy|SSL_CERT_FILE", re.IGNORECASE)
_SUBORDINATES = 65536
_LAST_LINES = 12
_TRIES, _PAUSE_S = 3, 1.0
_PREFIX, _LOCK = "bindery-base-", "lock"
_NO_PACKAGE = re.compile(
    r"^E: (?:Unable to locate package (?P<unknown>\S+)"
    r"|Version '(?P<version>[^']*)' for '(?P<name>[^']*)' was not found"
    r"|Package '(?P<virtual>[^']*)' has no installation candidate)",
    re.MULTILINE,
)
_NO_ANSWER = re.compile(
    r"Temporary failure resolving|Could not (?:connect|resolve)|Unable to connect"
    r"|Connection (?:failed|refused|timed out)|Cannot initiate the connection|Failed to fetch"
)
_NO_LISTS = re.compile(r"^E: apt-get update .* failed$", re.MULTILINE)
_FOREIGN = re.compile(r"can neither be executed natively nor")
_NO_NAMESPACE = re.compile(r"unshare(?:\(\))? failed|unshare: .*not permitted|newuidmap .*failed")
_NO_KEY = re.compile(r"NO_PUBKEY|keyring .*does not exist")
_FULL = re.compile(r"No space left on device|Disk quota exceeded|not enough free space")


@dataclass(frozen=True, kw_only=True, slots=True)
class DebianRecipe:
    """What a Debian is made of: ``arch`` is Debian's word, ``packages`` come on top of ``CONTENTS``."""

    suite: str
    arch: str
    packages: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """How errors call it."""
        return f"debian:{self.suite}"


def tool_version(environ: Mapping[str, str]) -> str:
    """Return the name and version of the tool that makes Debians.

    Raises:
        ToolFailed: it is not installed.

    """
    env = _environment(environ, Path(tempfile.gettempdir()))
    _check_tools(env["PATH"])
    done = run_process(["mmdebstrap", "--version"], env=env, cwd=Path("/"), timeout_s=60)
    return done.stdout.decode(errors="replace").strip()


@contextmanager
def debian_archive(recipe: DebianRecipe, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield a tar file of a fresh Debian, which is there while the context lasts.

    Raises:
        BadInput: there is no such suite or package.
        ToolFailed: mmdebstrap, the mirror or the disk failed, or this user cannot make one.

    """
    with _workplace(environ) as folder:
        env = _environment(environ, folder)
        _check_tools(env["PATH"])
        prefix = _start(env, folder)
        sources = find_sources(recipe.suite, env)
        options = folder / f"{secrets.token_hex(8)}.conf"  # may hold passwords of proxies: nobody can list the folder
        options.write_text(find_options(env), encoding="utf-8")
        options.chmod(0o644)
        made = folder / f"{secrets.token_hex(8)}.tar"
        words = [
            "--variant=essential",
            "--format=tar",
            f"--architectures={recipe.arch}",
            f"--aptopt={options}",
            f"--include={','.join((*CONTENTS, *recipe.packages))}",
            f"--customize-hook={_LOCALE_HOOK}",
            recipe.suite,
            str(made),
            *(["-"] if sources else []),
        ]
        for rehearsal in [["--simulate"]] * bool(recipe.packages) + [[]]:
            # Whether apt knows the packages that somebody asks for, it says in seconds; else after half of the work.
            _run(recipe, [*prefix, *rehearsal, *words], env, sources)
        yield made


def _run(recipe: DebianRecipe, command: Sequence[str], env: Mapping[str, str], sources: str) -> None:
    folder = Path(env["TMPDIR"])
    for left in reversed(range(_TRIES)):
        with disk_errors(folder):
            done = run_process(
                command, env=env, cwd=Path("/"), timeout_s=_TIMEOUT_S, stdin=sources.encode(), check=False
            )
        if done.status == 0:
            return
        said = done.stderr.decode(errors="replace")
        # Mirrors that are being updated, and proxies before them, give half an answer now and then.
        if not left or not _NO_LISTS.search(said):
            raise _failure(recipe, said, folder)
        time.sleep(_PAUSE_S)


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    inherited = {key: value for key, value in environ.items() if _INHERITED.fullmatch(key)}
    return {
        **inherited,
        # Ordinary users have no sbin on their path, and packages are set up with programs that lie there.
        "PATH": f"{inherited.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin",
        "DEBIAN_FRONTEND": "noninteractive",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "0",
        "TMPDIR": str(folder),
        "TZ": "UTC",
    }


def _check_tools(path: str) -> None:
    for name in _NEEDED:
        if shutil.which(name, path=path) is None:
            raise ToolFailed(
                "a base is made of Debian packages, and this program for it is missing",
                name,
                "sudo apt-get install mmdebstrap uidmap, or take a base from elsewhere: --base docker://…, oci:FOLDER",
            )


def _start(env: Mapping[str, str], folder: Path) -> Sequence[str]:
    # If this process is killed, mmdebstrap hears of it and removes what it made.
    leash = ("setpriv", "--pdeathsig", "TERM")
    if os.geteuid() == 0:
        # In an ordinary container not even root has mounts of its own; the tool does without, and gives the same.
        apart = ("unshare", "--mount")
        can = run_process([*apart, "true"], env=env, cwd=Path("/"), timeout_s=60, check=False).status == 0
        return [*leash, *(apart if can else ()), "mmdebstrap", "--mode=root"]
    name = _user_name()
    if shutil.which("newuidmap", path=env["PATH"]) is None:
        raise ToolFailed("is missing; it lets users make a base", "newuidmap", "sudo apt-get install uidmap")
    for file in ("/etc/subuid", "/etc/subgid"):
        if not _has_subordinates(Path(file), name):
            raise ToolFailed(
                f"{name} has no {_SUBORDINATES} subordinate ids, which making a base takes",
                file,
                f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}",
            )
    closed = [str(one) for one in folder.parents if not one.stat().st_mode & stat.S_IXOTH]
    if closed:
        raise ToolFailed("cannot be entered by the subordinate users", closed[0], "let TMPDIR be a folder such as /tmp")
    return [*leash, "mmdebstrap", "--mode=unshare"]


def _user_name() -> str:
    # Not what the environment says: mmdebstrap asks for the user whose rights it has.
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _has_subordinates(file: Path, name: str) -> bool:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    fields = [line.split(":") for line in lines]
    return any(one[0] in {name, str(os.geteuid())} and int(one[2]) >= _SUBORDINATES for one in fields if len(one) == 3)


@contextmanager
def _workplace(environ: Mapping[str, str]) -> Iterator[Path]:
    # Not in the store: the subordinate users must be able to come here.
    temporary = Path(environ.get("TMPDIR") or tempfile.gettempdir())
    with disk_errors(temporary):
        _remove_stale(temporary, environ)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=temporary))
    try:
        folder.chmod(0o711)
        with (folder / "lock.new").open("wb") as lock:
            # Locked before it has its name, so that nobody takes the folder for one that was left.
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "lock.new").rename(folder / _LOCK)
            yield folder
    finally:
        _remove(folder, environ)


def _remove_stale(temporary: Path, environ: Mapping[str, str]) -> None:
    """Remove what processes that were killed have left."""
    for folder in temporary.glob(f"{_PREFIX}*"):
        with suppress(OSError), (folder / _LOCK).open("rb") as lock:
            if folder.stat().st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder, environ)


def _remove(folder: Path, environ: Mapping[str, str]) -> None:
    if os.geteuid() != 0 and any(one.is_dir() for one in folder.iterdir()):
        # What was left by a tool that was killed belongs to the subordinate users.
        words = ["mmdebstrap", "--unshare-helper", "rm", "-rf", *(str(one) for one in folder.iterdir() if one.is_dir())]
        with suppress(ToolFailed):
            run_process(words, env=_environment(environ, folder), cwd=Path("/"), timeout_s=600)
    remove_tree(folder)


def _failure(recipe: DebianRecipe, said: str, folder: Path) -> BadInput | ToolFailed:
    missing = _NO_PACKAGE.search(said)
    if missing:
        name = missing["unknown"] or missing["virtual"] or f"{missing['name']} {missing['version']}"
        return BadInput(f"has no package {name}", recipe.where, "correct its name in apt.txt")
    if _FULL.search(said):
        return ToolFailed("the disk is full", str(folder.parent), "free some space, or set TMPDIR")
    if _FOREIGN.search(said):
        return ToolFailed(
            f"this machine cannot run programs for {recipe.arch}, which setting up its packages takes",
            recipe.where,
            "sudo apt-get install qemu-user-static binfmt-support arch-test, or --base docker://… or oci:FOLDER",
        )
    if _NO_NAMESPACE.search(said):
        return ToolFailed(
            "this system lets ordinary users make no namespaces",
            recipe.where,
            "run it as root, or take a base from elsewhere: --base docker://… or oci:FOLDER",
        )
    lines = said.rstrip().splitlines()[-_LAST_LINES:]
    fix = ""
    if _NO_KEY.search(said):
        fix = "sudo apt-get install debian-archive-keyring, and see that apt-get update works here"
    elif _NO_ANSWER.search(said):
        fix = "see that apt-get update works here, or give a base that was kept: --base oci:FOLDER"
    return ToolFailed("mmdebstrap could not make it" + "".join(f"\n  | {line}" for line in lines), recipe.where, fix)
