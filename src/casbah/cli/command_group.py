"""How commands are shown and loaded: in groups, with whole summaries, and each imported when it is called."""

import re
from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import CompletionItem, TyperCommand, TyperGroup  # type: ignore[attr-defined]  # typer lists no exports
from typer.main import get_group

from casbah.cli.commands import COMMANDS, GROUPS

_EXCLUDING = re.compile(r'-(?:[A-Za-z][A-Za-z0-9_.-]*:|"|\()')
_SENTENCE = 1_000
"""Longer than any summary, so that none is cut."""
_WIDTH = max(map(len, COMMANDS))


class Command(TyperCommand):
    """A command whose search may begin with a minus, as `-country:DE` does, which is no option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's context
        """Put a blank before such a search."""
        return super().parse_args(
            ctx, [f" {argument}" if _EXCLUDING.match(argument) else argument for argument in args]
        )


class Subgroup(TyperGroup):
    """A group such as `casbah token`, whose help shows summaries in full."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the base class passes it
        """Write each command with its whole summary."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(_SENTENCE)) for name, command in self.commands.items()]
            )


class Commands(TyperGroup):
    """All commands of `casbah`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Loaded(COMMANDS)  # The base class reads it as any mapping of commands.

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the base class passes it
        """Write the table of commands, a section for each group."""
        for heading, rows in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:{_WIDTH}}", row.summary) for name, row in rows.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands from the table; options as usual."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=row.summary) for name, row in COMMANDS.items() if name.startswith(incomplete)]


class _Loaded(UserDict[str, Any]):
    """Commands by name, each imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        """The command. Raises KeyError."""
        module, _, attribute = self.data[name].where.partition(".")
        command = getattr(import_module(f"casbah.cli.{module}"), attribute)
        holder = typer.Typer(rich_markup_mode=None)
        holder.callback()(_nothing)  # So that the holder is a group even with one command.
        if isinstance(command, typer.Typer):
            holder.add_typer(command, name=name, cls=Subgroup)
        else:
            holder.command(name, cls=Command)(command)
        return get_group(holder).commands[name]


def _nothing() -> None:
    pass
