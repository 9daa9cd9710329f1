"""The files that say who is who, with the one user whom images run as.

Source: passwd(5), shadow(5), group(5), gshadow(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from bindery.core import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A user with a group of the same name and number, who cannot log in with a password."""

    name: str
    number: int
    home: str
    shell: str = "/bin/bash"


# repo2docker's and BinderHub's user.
JOVYAN = Account(name="jovyan", number=1000, home="/home/jovyan")


def add_account(path: str, text: str, account: Account, where: str) -> str:
    """Return the file with the account in it, if it is one that lists accounts; any other as it is.

    Raises:
        BadInput: the name or the number is taken.

    """
    name, number = account.name, account.number
    line = {
        "etc/passwd": f"{name}:x:{number}:{number}::{account.home}:{account.shell}",
        "etc/group": f"{name}:x:{number}:",
        # No day of the last change: a password that is from day 0 would have to be changed at once.
        "etc/shadow": f"{name}:!::0:99999:7:::",
        "etc/gshadow": f"{name}:!::",
    }.get(path)
    if line is None:
        return text
    lines = [_without_date(one) if path == "etc/shadow" else one for one in text.splitlines() if one]
    for one in lines:
        fields = one.split(":")
        if fields[0] == name or (path in {"etc/passwd", "etc/group"} and fields[2] == str(number)):
            raise BadInput(
                f"a package makes {fields[0]} with the name or number of {name} ({number})",
                f"{where}: /{path}",
                "leave that package out of apt.txt, or build with --engine docker",
            )
    return "".join(f"{one}\n" for one in (*lines, line))


def _without_date(line: str) -> str:
    fields = line.split(":")
    return ":".join((*fields[:2], "", *fields[3:]))
