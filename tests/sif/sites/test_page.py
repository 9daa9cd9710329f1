"""docs/sites.md says what is true: every key, every default, every variable, every file, every command."""

from __future__ import annotations

import re
import shlex
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bindery.cli.main import LazyGroup
from bindery.sif.sites import Singularity, Site, read_site, site_environ
from bindery.sif.sites.read import KEYS, SINGULARITY_KEYS
from bindery.sif.sites.render import render_site_files

if TYPE_CHECKING:
    from tests.sif.sites.conftest import MakeSite

    from bindery.sif.sites.contents import SifContents

PAGE = (Path(__file__).parents[3] / "docs/sites.md").read_text(encoding="utf-8")
DEFAULTS = {"": "empty", "()": "none", "{}": "none"}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below the line that begins so."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_table_has_every_key_in_their_order() -> None:
    keys = [*KEYS, *(f"singularity.{key}" for key in SINGULARITY_KEYS)]
    assert [row[0] for row in rows("key")] == [f"`{key}`" for key in keys]


def test_the_table_has_every_default() -> None:
    own = {f"`{one.name}`": one for one in fields(Site)}
    own |= {f"`singularity.{one.name}`": one for one in fields(Singularity)}
    for key, _, shown in rows("key"):
        default = default_of(own[key])
        if (isinstance(default, str) and default) or isinstance(default, int):
            assert shown == f"`{default}`", key
        elif default is MISSING:
            assert shown == "", key
        elif default is not None and not isinstance(default, Singularity):
            assert shown == DEFAULTS[str(default)], key


def default_of(one: Field[object]) -> object:
    """Return what the key is if it is left out; MISSING if it must be there."""
    return one.default if one.default_factory is MISSING else one.default_factory()


def test_the_example_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "ours.yaml"
    path.write_text(example[1], encoding="utf-8")
    site = read_site(path, tmp_path)
    assert (site.walltime, site.environ, site.placeholders) == ("01:00:00", {"GDAL_NUM_THREADS": "1"}, ())


def test_the_table_has_every_variable(make_site: MakeSite) -> None:
    listed = [name for row in rows("variable") for name in re.findall(r"`(\w+)`", row[0])]
    assert listed == list(site_environ(make_site("pbs", "local_directory: /disk\n")))


def test_the_table_has_every_file(make_site: MakeSite, contents: SifContents, tmp_path: Path) -> None:
    listed = [path for row in rows("file") for path in re.findall(r"`([^`]+)`", row[0])]
    named = [path.replace("<environment>", contents.name).replace("<release>", contents.version) for path in listed]
    for file in render_site_files(make_site("pbs", "submit: ssh\nsubmit_host: a\n"), contents, tmp_path):
        assert any(str(file.path) == one or str(file.path).startswith(f"{one.rstrip('/')}/") for one in named), (
            file.path
        )


def test_the_commands_exist() -> None:
    command = LazyGroup("bindery").get_command(click.Context(click.Command("bindery")), "site")
    assert command is not None
    known = {option for one in command.params for option in one.opts}
    shown = [line.split("#")[0] for line in re.findall(r"^bindery .*", PAGE, re.MULTILINE)]
    assert len(shown) == 5
    for line in shown:
        assert {word for word in shlex.split(line) if word.startswith("-")} <= known, line
