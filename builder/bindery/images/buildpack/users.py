"""The user of the image, in ``/etc/passwd`` and ``/etc/group``, as repo2docker's template makes it with ``useradd``.

Source: passwd(5), group(5). There is no entry in ``/etc/shadow``, so the password is ``*``: nobody logs in with one.
"""

from __future__ import annotations

from dataclasses import dataclass

from bindery.core import BadInput

NAME, UID = "jovyan", 1000
"""As repo2docker's documentation and BinderHub have it."""
_NAME, _ID = 0, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Who owns the repository and starts the server; the group has the same name and number."""

    name: str = NAME
    uid: int = UID

    @property
    def home(self) -> str:
        """The user's folder."""
        return f"/home/{self.name}"


def add_user(passwd: str, group: str, user: User) -> tuple[str, str]:
    """Return both files with the user in them; an entry that had the user's number is replaced.

    Raises:
        BadInput: the base has a user or a group of that name with another number.

    """
    entry = f"{user.name}:*:{user.uid}:{user.uid}:Default user:{user.home}:/bin/bash"
    users = _replace(passwd, entry, user, "user")
    groups = _replace(group, f"{user.name}:*:{user.uid}:", user, "group")
    return users, groups


def _replace(text: str, entry: str, user: User, what: str) -> str:
    kept = []
    for line in text.splitlines():
        fields = line.split(":")
        number = fields[_ID] if len(fields) > _ID else ""
        if fields[_NAME] == user.name and number != str(user.uid):
            raise BadInput(
                f"has a {what} {user.name} with the number {number}, and {user.uid} was asked for",
                "the base",
                f"--user-id {number}, or another base",
            )
        if number != str(user.uid):
            kept.append(line)
    return "".join(f"{line}\n" for line in (*kept, entry))
