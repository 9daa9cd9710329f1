"""The manual says what is true: every key, every command, every option, and no link that leads nowhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import click
import pytest

from bindery.cli.main import GROUPS, LazyGroup
from bindery.core import EnvironmentSettings, NotebookSettings, TestSettings, read_settings

ROOT = Path(__file__).parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TABLES = {"test": TestSettings, "notebooks.<name>": NotebookSettings, "environments.<name>": EnvironmentSettings}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "environments").rglob("*.md")])


def get_command(name: str) -> click.Command:
    command = LazyGroup("bindery").get_command(click.Context(click.Command("bindery")), name)
    assert command is not None
    return command


def test_the_page_lists_every_key_and_no_other() -> None:
    listed = re.findall(r"^\| `([a-z<>]+[a-z_.<>]*)` \|", CONFIGURATION, re.MULTILINE)
    keys = [f"{table}.{one.name}" for table, kind in TABLES.items() for one in fields(kind)]
    assert sorted(listed) == sorted(keys)


def test_the_page_gives_every_default() -> None:
    for one in fields(TestSettings):
        assert one.default is not MISSING
        shown = f'"{one.default}"' if isinstance(one.default, str) else str(one.default)
        assert re.search(rf"^\| `test\.{one.name}` \| [^|]+ \| `{re.escape(shown)}` \|", CONFIGURATION, re.MULTILINE)


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert example is not None
    (tmp_path / "bindery.toml").write_text(example[1], encoding="utf-8")
    assert read_settings(tmp_path).test.workers == tomllib.loads(example[1])["test"]["workers"]


def describe(name: str) -> str:
    """Return what the manual says of a command: its usage, its help, its arguments and options."""
    command = get_command(name)
    # click keeps the first help option that is asked for, so it has to be the one that people get.
    context = click.Context(command, info_name=f"bindery {name}", help_option_names=["-h", "--help"])
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    paragraphs = [" ".join(one.split()) for one in re.split(r"\n\s*\n", (command.help or "").replace("\b", "").strip())]
    records = [one.get_help_record(context) for one in command.params if isinstance(one, click.Option)]
    options = [
        f"| `{record[0].replace('|', chr(92) + '|')}` | {record[1].replace('|', chr(92) + '|')} |"
        for record in records
        if record
    ]
    table = ["| option | meaning |", "| --- | --- |", *options] if options else []
    return "\n".join([f"### `{usage}`", "", "\n\n".join(paragraphs), *([""] if table else []), *table, ""])


def describe_all() -> str:
    """Return the page of all commands."""
    head = "# Commands\n\n<!-- written by: pytest tests/test_docs.py --update-golden -->\n\n"
    exits = (
        "Every command exits with 0 when it did what it was asked, 1 when what it checked does not hold, 2 when it was "
        "called wrongly, 3 when a file or an answer is wrong, 4 when a tool, the network or the disk failed, 70 for a "
        "bug of Bindery's own, 130 when it was interrupted. Answers go to stdout, all else to stderr.\n"
    )
    parts = [f"## {group}\n\n" + "\n".join(describe(name) for name in names) for group, names in GROUPS.items()]
    return head + exits + "\n" + "\n".join(parts)


def test_the_page_of_commands_says_what_the_commands_say(*, update_golden: bool) -> None:
    page = ROOT / "docs" / "commands.md"
    if update_golden:
        page.write_text(describe_all(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == describe_all()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    inside = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def test_every_page_of_the_manual_is_found_from_the_readme() -> None:
    found: set[Path] = set()
    left = [ROOT / "README.md"]
    while left:
        page = left.pop()
        found.add(page)
        targets = re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        left += {(page.parent / target).resolve() for target in targets} - found
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if page not in found] == []


def test_the_page_of_releases_shows_commands_that_exist() -> None:
    page = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
    shown = [line.split("#")[0] for line in re.findall(r"^bindery .*", page, re.MULTILINE)]
    assert len(shown) >= 7
    for line in shown:
        _, name, *words = shlex.split(line)
        options = {option for one in get_command(name).params for option in one.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
