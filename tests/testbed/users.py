"""An ordinary user of the tests' own: whoever may not do what root may."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATTERN = re.compile(r"bindery-[a-z]+-(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Somebody who has an account here."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables that a login sets."""
        return {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name, "SHELL": "/bin/bash"}


def current_user() -> User:
    """Return whoever tests."""
    return _user(pwd.getpwuid(os.geteuid()))


@contextmanager
def make_user(called: str = "user") -> Iterator[User]:
    """Make an ordinary user for a while, one of that name in a process; it is whoever tests, if that is not root."""
    if os.geteuid() != 0:
        yield current_user()
        return
    remove_leftovers()
    name = f"bindery-{called}-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], capture_output=True, check=True)
    try:
        yield _user(pwd.getpwnam(name))
    finally:
        _remove(name)


def run_as(
    user: User | None,
    words: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout_s: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Return what a process of that user did, or of whoever tests; its status is not looked at."""
    changes = user is not None and user.uid != os.geteuid()
    return subprocess.run(
        words,
        env=env,
        cwd=cwd,
        user=user.uid if user and changes else None,
        group=user.gid if user and changes else None,
        extra_groups=[] if changes else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def remove_leftovers() -> None:
    """Remove the users of test runs that are no longer there."""
    for one in pwd.getpwall():
        found = _PATTERN.fullmatch(one.pw_name)
        if found and not Path("/proc", found[1]).exists():
            _remove(one.pw_name)


def _user(entry: pwd.struct_passwd) -> User:
    return User(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, home=Path(entry.pw_dir))


def _remove(name: str) -> None:
    # Forced: what it still runs has nowhere to write, and ends with the test that started it.
    subprocess.run(["userdel", "--force", "--remove", name], capture_output=True, check=False)
