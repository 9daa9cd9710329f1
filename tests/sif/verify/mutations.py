"""Ways to spoil the files of a SIF. Each returns the spoiled parts, and the paths one of which must be found."""

from __future__ import annotations

import copy
import random
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.images.verify.small import BASE, BASE_ABOVE
from tests.sif.verify.made import Parts, Piece

if TYPE_CHECKING:
    from collections.abc import Callable

Dice = random.Random
Spoiled = tuple[Parts, frozenset[str]]
OF_BASE = frozenset(member.path for member in (*BASE, *BASE_ABOVE))
NEW_PLACES = (
    "srv/conda/envs/notebook/lib/python3.12/site-packages/sitecustomize.py",
    "srv/conda/envs/notebook/bin/python3.13",
    "usr/bin/sudo",
    "etc/ld.so.preload",
    "home/jovyan/.bashrc",
    ".singularity.d/env/98-other.sh",
    ".singularity.d/actions/other",
    "scif/apps/other/scif/runscript",
    "etc/profile.d/zzz.sh",
)


def changed(piece: Piece, data: bytes | None = None, **fields: object) -> Piece:
    """Return the piece with other fields in its header."""
    info = copy.copy(piece.info)
    for name, value in fields.items():
        setattr(info, name, value)
    return replace(piece, info=info, data=piece.data if data is None else data)


def pick(parts: Parts, dice: Dice, wanted: Callable[[Piece], bool]) -> Piece:
    """Return one of the pieces that are wanted."""
    return dice.choice([piece for piece in parts.pieces if wanted(piece) and piece.info.name])


def is_file(piece: Piece) -> bool:
    """Answer whether there is a byte to change."""
    return bool(piece.data)


def is_link(piece: Piece) -> bool:
    """Answer whether it is a symbolic link."""
    return piece.info.issym()


def one_bit(parts: Parts, dice: Dice) -> Spoiled:
    """Turn a bit of a file."""
    piece = pick(parts, dice, is_file)
    data = bytearray(piece.data)
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return parts.exchange(piece, changed(piece, bytes(data))), frozenset({piece.path})


def shorter(parts: Parts, dice: Dice) -> Spoiled:
    """Cut a file."""
    piece = pick(parts, dice, is_file)
    return parts.exchange(piece, changed(piece, piece.data[:-1])), frozenset({piece.path})


def longer(parts: Parts, dice: Dice) -> Spoiled:
    """Lengthen a file."""
    piece = pick(parts, dice, lambda one: one.info.isreg())
    return parts.exchange(piece, changed(piece, piece.data + b"\n")), frozenset({piece.path})


def gone(parts: Parts, dice: Dice) -> Spoiled:
    """Take a file or a link away."""
    piece = pick(parts, dice, lambda one: not one.info.isdir())
    return parts.exchange(piece), frozenset({piece.path})


def new(parts: Parts, dice: Dice) -> Spoiled:
    """Add a file where it would be run, read, or imported."""
    path = dice.choice(NEW_PLACES)
    info = tarfile.TarInfo(path)
    info.mode = 0o755
    return parts.with_pieces(*parts.pieces, Piece(info=info, data=b"#!/bin/sh\n")), frozenset({f"/{path}"})


def new_folder(parts: Parts, dice: Dice) -> Spoiled:
    """Add an empty folder."""
    path = f"{dice.choice(('srv', 'usr/lib', 'home/jovyan', 'opt'))}/empty"
    info = tarfile.TarInfo(path)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return parts.with_pieces(*parts.pieces, Piece(info=info)), frozenset({f"/{path}"})


def other_mode(parts: Parts, dice: Dice) -> Spoiled:
    """Change who may read, write or execute."""
    piece = pick(parts, dice, lambda one: not one.info.issym())
    mode = piece.info.mode ^ dice.choice((0o002, 0o020, 0o111, 0o444))
    return parts.exchange(piece, changed(piece, mode=mode)), frozenset({piece.path})


def privileged(parts: Parts, dice: Dice) -> Spoiled:
    """Make a file run as its owner."""
    piece = pick(parts, dice, is_file)
    return parts.exchange(piece, changed(piece, mode=piece.info.mode | 0o4000)), frozenset({piece.path})


def other_owner(parts: Parts, dice: Dice) -> Spoiled:
    """Give something away."""
    piece = pick(parts, dice, lambda _: True)
    fields = {dice.choice(("uid", "gid")): 1000}
    return parts.exchange(piece, changed(piece, **fields)), frozenset({piece.path})


def other_time(parts: Parts, dice: Dice) -> Spoiled:
    """Change the time of what is not the base's."""
    piece = pick(parts, dice, lambda one: one.path not in OF_BASE and one.info.isreg())
    return parts.exchange(piece, changed(piece, mtime=dice.randrange(1, 1 << 31))), frozenset({piece.path})


def other_target(parts: Parts, dice: Dice) -> Spoiled:
    """Lead a link elsewhere."""
    piece = pick(parts, dice, is_link)
    return parts.exchange(piece, changed(piece, linkname=f"{piece.info.linkname}2")), frozenset({piece.path})


def link_for_file(parts: Parts, dice: Dice) -> Spoiled:
    """Put a link in the place of a file."""
    piece = pick(parts, dice, is_file)
    other = changed(piece, b"", type=tarfile.SYMTYPE, linkname="/tmp/evil")  # noqa: S108 - where an evil one lies
    return parts.exchange(piece, other), frozenset({piece.path})


def file_for_link(parts: Parts, dice: Dice) -> Spoiled:
    """Put a file in the place of a link."""
    piece = pick(parts, dice, is_link)
    other = changed(piece, b"x", type=tarfile.REGTYPE, linkname="")
    return parts.exchange(piece, other), frozenset({piece.path})


def swapped(parts: Parts, dice: Dice) -> Spoiled:
    """Exchange what is in two files."""
    first = pick(parts, dice, is_file)
    second = pick(parts, dice, lambda one: is_file(one) and one.data != first.data)
    spoiled = parts.exchange(first, changed(first, second.data)).exchange(second, changed(second, first.data))
    return spoiled, frozenset({first.path})


def renamed(parts: Parts, dice: Dice) -> Spoiled:
    """Give a file a name that looks the same."""
    piece = pick(parts, dice, lambda one: one.info.isreg() and "e" in one.info.name.rpartition("/")[2])
    folder, _, name = piece.info.name.rpartition("/")
    other = changed(piece, name=f"{folder}/{name.replace('e', chr(0x435), 1)}".lstrip("/"))
    return parts.exchange(piece, other), frozenset({piece.path})


def device(parts: Parts, dice: Dice) -> Spoiled:
    """Add a device or a pipe."""
    info = tarfile.TarInfo("usr/lib/null")
    info.type = dice.choice((tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE))
    info.devmajor, info.devminor, info.mode = 1, 3, 0o666
    return parts.with_pieces(*parts.pieces, Piece(info=info)), frozenset({"/usr/lib/null"})


def attribute(parts: Parts, dice: Dice) -> Spoiled:
    """Add an extended attribute, such as a capability."""
    piece = pick(parts, dice, is_file)
    headers = {"SCHILY.xattr.user.bindery": "1"}
    return parts.exchange(piece, changed(piece, pax_headers=headers)), frozenset({piece.path})


def one_file_twice(parts: Parts, dice: Dice) -> Spoiled:
    """Make one file another name of another one."""
    first = pick(parts, dice, is_file)
    second = pick(parts, dice, lambda one: is_file(one) and one.data != first.data)
    linked = changed(second, b"", type=tarfile.LNKTYPE, linkname=first.info.name)
    rest = [piece for piece in parts.pieces if piece is not second]
    return parts.with_pieces(*rest, linked), frozenset({second.path})


FILES = (
    one_bit,
    shorter,
    longer,
    gone,
    new,
    new_folder,
    other_mode,
    privileged,
    other_owner,
    other_time,
    other_target,
    link_for_file,
    file_for_link,
    swapped,
    renamed,
    device,
    attribute,
    one_file_twice,
)
