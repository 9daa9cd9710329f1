"""A real Apptainer, for root and for ordinary users, that leaves the machine as it was.

Debian 12 has none, so it comes from the next release to be (``make testbed`` unpacks it where only tests look). Each
run of tests has a copy of its own that every user can reach; Apptainer finds its settings beside its programs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testbed.confined import open_folder
from tests.testbed.install import fetched_folder
from tests.testbed.symbol_versions import lower_version
from tests.testbed.users import run_as

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from tests.testbed.users import User

_PROGRAM = Path("usr/bin/apptainer")
_STARTER = "usr/lib/*/apptainer/bin/starter"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A machine that is itself confined does not have all of root's rights, and Apptainer would insist on each of them.
_ROOT_SETTING = ("root default capabilities = full", "root default capabilities = no")


@dataclass(frozen=True, kw_only=True, slots=True)
class Apptainer:
    """An Apptainer that can be called, also as ``singularity``; ``folder`` is open to all users."""

    folder: Path

    @property
    def program(self) -> Path:
        """Return the program."""
        return self.folder / _PROGRAM

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment in which whoever tests calls it; nothing of theirs is read or written."""
        state = self.folder / "state"
        return {
            "PATH": f"{self.program.parent}:{_SYSTEM_PATH}",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "APPTAINER_CONFIGDIR": str(state / "settings"),
            "APPTAINER_CACHEDIR": str(state / "cache"),
        }

    def environ_of(self, user: User | None) -> dict[str, str]:
        """Return the environment in which the user calls it."""
        if user is None:
            return self.environ
        return {"PATH": self.environ["PATH"], "LANG": "C.UTF-8", **user.environ}

    def run(
        self,
        *words: str | Path,
        user: User | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = True,
        timeout_s: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Return what it did for that user (whoever tests, if none is named), with these variables besides the usual.

        A failure that is not expected shows what it said.
        """
        environ = {**self.environ_of(user), **(env or {})}
        folder = cwd or (user.home if user else self.folder)
        done = run_as(user, [self.program, *words], env=environ, cwd=folder, timeout_s=timeout_s)
        shown = " ".join(map(str, words))
        assert done.returncode == 0 or not check, f"apptainer {shown}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def share(self, file: Path) -> Path:
        """Return a copy of the file that every user can read; it is a link where that can be had."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        folder.chmod(0o755)
        copy = folder / file.name
        if file.stat().st_mode & 0o004:
            try:
                copy.hardlink_to(file)
            except OSError:
                pass
            else:
                return copy
        shutil.copyfile(file, copy)
        copy.chmod(0o755)
        return copy


@contextmanager
def unpack_apptainer() -> Iterator[Apptainer]:
    """Give an Apptainer, one in a process, while the context lasts."""
    source = fetched_folder("apptainer")
    assert source.is_dir(), "apptainer is missing; fix: make testbed"
    with open_folder("apptainer") as folder:
        _copy(source, folder)
        yield Apptainer(folder=folder)


def _copy(source: Path, folder: Path) -> None:
    """Lay out the package as an Apptainer that was moved expects it: its settings and folders below ``usr``."""
    shutil.copytree(source / "etc/apptainer", folder / "usr/etc/apptainer")
    (folder / "usr/var/lib/apptainer/mnt/session").mkdir(parents=True)
    (folder / "state").mkdir()
    (starter,) = source.glob(_STARTER)
    for name in (_PROGRAM, starter.relative_to(source)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(lower_version((source / name).read_bytes()))
        (folder / name).chmod(0o755)
    (folder / "usr/bin/singularity").symlink_to("apptainer")
    # The starter takes the folder above its own library folder for the top.
    for state in ("etc", "var"):
        (folder / "usr/lib" / state).symlink_to(f"../{state}")
    settings = folder / "usr/etc/apptainer/apptainer.conf"
    text = settings.read_text(encoding="utf-8")
    assert _ROOT_SETTING[0] in text
    settings.write_text(text.replace(*_ROOT_SETTING), encoding="utf-8")
