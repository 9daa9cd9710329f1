"""Help in groups and colours. rich-click is imported when help is shown: importing it takes longer than most calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 100


class HelpContext(click.Context):
    """A context whose help is drawn by rich-click."""

    def get_help(self) -> str:
        """Return the help of the command."""
        return _draw(self)


def _draw(context: click.Context) -> str:
    import rich_click  # noqa: PLC0415 - see the module

    plain = context.command
    command: rich_click.RichCommand
    if isinstance(plain, click.Group):
        found = {name: plain.get_command(context, name) for name in plain.list_commands(context)}
        command = rich_click.RichGroup(
            name=plain.name,
            params=plain.params,
            help=plain.help,
            commands={name: one for name, one in found.items() if one is not None},
            context_settings=plain.context_settings,
        )
    else:
        command = rich_click.RichCommand(
            name=plain.name, params=plain.params, help=plain.help, context_settings=plain.context_settings
        )
    groups: Mapping[str, Sequence[str]] = getattr(plain, "groups", {})
    drawn = rich_click.RichContext(
        command,
        info_name=context.info_name,
        parent=context.parent,
        help_option_names=context.help_option_names,
        rich_help_config=rich_click.RichHelpConfiguration(
            command_groups={
                context.command_path: [{"name": name, "commands": list(names)} for name, names in groups.items()]
            },
            style_commands_table_column_width_ratio=(1, 6),
            max_width=WIDTH,
        ),
    )
    return command.get_help(drawn)
