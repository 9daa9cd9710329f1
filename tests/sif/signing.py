"""A PGP key of nobody's, with which Apptainer signs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User


def make_key(apptainer: Apptainer, folder: Path, user: User | None = None) -> dict[str, str]:
    """Make the folder, with a key of a tester in it; return the variables by which Apptainer finds it."""
    folder.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(folder, user.uid, user.gid)
    environ = {"APPTAINER_CONFIGDIR": str(folder)}
    who = ["--name", "Tester", "--email", "tester@example.org", "--comment", "", "--password", "", "--push=false"]
    apptainer.run("key", "newpair", *who, user=user, env=environ)
    return environ
