"""Errors say what, where and what to do, and survive a trip between processes."""

from __future__ import annotations

import pickle

import pytest

from bindery.core import BadInput, BinderyError, CheckFailed, ToolFailed, WrongUse

STATUSES = {BinderyError: 70, CheckFailed: 1, WrongUse: 2, BadInput: 3, ToolFailed: 4}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("is stale",), "is stale"),
        (("is stale", "conda-lock.yml"), "conda-lock.yml: is stale"),
        (("is stale", "", "bindery lock"), "is stale\n  fix: bindery lock"),
        (("is stale", "conda-lock.yml", "bindery lock"), "conda-lock.yml: is stale\n  fix: bindery lock"),
    ],
)
def test_the_text_says_where_what_and_fix(arguments: tuple[str, ...], text: str) -> None:
    assert str(BinderyError(*arguments)) == text


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_every_kind_has_its_status_and_survives_pickling(kind: type[BinderyError], status: int) -> None:
    error = kind("is stale", "conda-lock.yml", "bindery lock")
    again: object = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(again, kind)
    assert type(again) is kind
    assert (again.what, again.where, again.fix) == ("is stale", "conda-lock.yml", "bindery lock")
    assert again.exit_code == status


def test_no_kind_is_left_out_here() -> None:
    assert set(BinderyError.__subclasses__()) == set(STATUSES) - {BinderyError}
