"""Ways to make an image another than it must be, and what they are made with; those in ``deceptions`` are worse.

Each takes the clean image and a source of chance, and returns the spoiled one with the words of which one must be in
a finding: a path, a key of the configuration, a layer.
"""

from __future__ import annotations

import random
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.images.verify.images import Made, Member, Members, Stored, folder, link, store
from tests.images.verify.small import BASE_LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable


ENVIRONMENT = range(BASE_LAYERS + 1, BASE_LAYERS + 5)
RUNTIME = BASE_LAYERS
CYRILLIC_S, CYRILLIC_I = "\u0455", "\u0456"
Dice = random.Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoiled:
    """A spoiled image; a finding must name one of ``names``."""

    stored: Stored
    names: frozenset[str]


def spoiled(made: Made, *names: str) -> Spoiled:
    """Return the image with digests that all agree."""
    return Spoiled(stored=store(made), names=frozenset(names))


def with_layer(made: Made, number: int, layer: Members) -> Made:
    """Return the image with this layer in the place of the other."""
    return replace(made, layers=(*made.layers[:number], layer, *made.layers[number + 1 :]))


def on_top(made: Made, *members: Member) -> Made:
    """Return the image with one more layer."""
    return replace(made, layers=(*made.layers, members))


def visible(made: Made) -> dict[str, tuple[int, Member]]:
    """Return every path with the layer that it comes from: what is hidden changes nothing."""
    return {member.path: (number, member) for number, layer in enumerate(made.layers) for member in layer}


def pick(made: Made, dice: Dice, wanted: Callable[[Member], bool], inside: str = "/") -> tuple[int, Member]:
    """Return a layer's number and a member of it that is seen."""
    found = [one for path, one in sorted(visible(made).items()) if path.startswith(inside) and wanted(one[1])]
    return dice.choice(found)


def exchange(made: Made, number: int, old: Member, *new: Member) -> Made:
    """Return the image with other members in the place of one."""
    layer = tuple(one for member in made.layers[number] for one in (new if member == old else (member,)))
    return with_layer(made, number, layer)


def is_file(member: Member) -> bool:
    """Answer whether there is a byte to change."""
    return member.is_file and bool(member.data)


def flipped(data: bytes, dice: Dice) -> bytes:
    """Return the data with one bit changed."""
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]


# Blunt


def flip_a_bit(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file)
    return spoiled(exchange(made, number, member, replace(member, data=flipped(member.data, dice))), member.path)


def change_a_length(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file)
    data = member.data[:-1] if dice.random() < 0.5 else member.data + b"\n"
    return spoiled(exchange(made, number, member, replace(member, data=data)), member.path)


def take_a_file_away(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: one.kind != tarfile.DIRTYPE)
    # With another copy of it in a lower layer, that one would be seen instead.
    return spoiled(exchange(made, number, member), member.path)


def add_a_file(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: one.kind == tarfile.DIRTYPE)
    new = Member(name=f"{member.name.rstrip('/')}/new.py", data=dice.randbytes(20), mode=dice.choice([0o644, 0o755]))
    return spoiled(with_layer(made, number, (*made.layers[number], new)), new.path.replace("/./", "/"))


def add_an_empty_folder(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: one.kind == tarfile.DIRTYPE)
    new = folder(f"{member.name.rstrip('/')}/empty")
    return spoiled(with_layer(made, number, (*made.layers[number], new)), new.path.replace("/./", "/"))


def change_a_mode(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: one.kind != tarfile.SYMTYPE)
    mode = member.mode ^ dice.choice([0o002, 0o020, 0o100, 0o4000, 0o2000, 0o040])
    return spoiled(exchange(made, number, member, replace(member, mode=mode)), member.path)


def change_an_owner(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: bool(one.name))
    owner = dice.choice([(member.owner[0] + 1, member.owner[1]), (member.owner[0], member.owner[1] + 1000)])
    return spoiled(exchange(made, number, member, replace(member, owner=owner)), member.path)


def turn_a_link(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: one.kind == tarfile.SYMTYPE)
    target = dice.choice(["/tmp/x", f"{member.link}.old", "../" + member.link])  # noqa: S108 - a text in a link
    return spoiled(exchange(made, number, member, replace(member, link=target)), member.path)


def make_a_file_a_link(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file)
    return spoiled(exchange(made, number, member, link(member.name, "elsewhere")), member.path)


def make_a_link_a_file(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, lambda one: one.kind == tarfile.SYMTYPE)
    return spoiled(exchange(made, number, member, Member(name=member.name, data=b"1", owner=member.owner)), member.path)


def make_a_file_a_folder(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file)
    return spoiled(exchange(made, number, member, folder(member.name)), member.path)


def rename_a_file(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file)
    return spoiled(exchange(made, number, member, replace(member, name=f"{member.name}.bak")), member.path)


def give_an_attribute(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file)
    capable = replace(member, attributes=(("security.capability", "all of them"),))
    return spoiled(exchange(made, number, member, capable), member.path)


def swap_two_files(made: Made, dice: Dice) -> Spoiled:
    number, one = pick(made, dice, is_file)
    others = [member for member in made.layers[number] if is_file(member) and member.data != one.data]
    other = dice.choice(others)
    swapped = exchange(exchange(made, number, one, replace(one, data=other.data)), number, other, other)
    return spoiled(swapped, one.path)


def replace_in_a_later_layer(made: Made, dice: Dice) -> Spoiled:
    _, member = pick(made, dice, is_file)
    return spoiled(on_top(made, replace(member, data=flipped(member.data, dice))), member.path)


def leave_a_layer_out(made: Made, dice: Dice) -> Spoiled:
    number = dice.randrange(len(made.layers))
    seen = {path for path, (at, member) in visible(made).items() if at == number and member.kind != tarfile.DIRTYPE}
    layers = (*made.layers[:number], *made.layers[number + 1 :])
    return spoiled(replace(made, layers=layers), *seen)


BLUNT: tuple[Callable[[Made, Dice], Spoiled], ...] = (
    flip_a_bit,
    change_a_length,
    take_a_file_away,
    add_a_file,
    add_an_empty_folder,
    change_a_mode,
    change_an_owner,
    turn_a_link,
    make_a_file_a_link,
    make_a_link_a_file,
    make_a_file_a_folder,
    rename_a_file,
    give_an_attribute,
    swap_two_files,
    replace_in_a_later_layer,
    leave_a_layer_out,
)
