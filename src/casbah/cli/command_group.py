"""How commands are shown and loaded: in groups, with whole summaries, and each imported when it is called."""

import re
from collections import UserDict
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer._click.exceptions import NoSuchOption
from typer.core import CompletionItem, TyperCommand, TyperGroup  # type: ignore[attr-defined]  # typer lists no exports
from typer.main import get_group

from casbah.cli.commands import COMMANDS, GROUPS
from casbah.errors.wording import nearest

_EXCLUDING = re.compile(r'-(?:[A-Za-z][A-Za-z0-9_.-]*:|"|\()')
_SENTENCE = 1_000
"""Longer than any summary, so that none is cut."""
_WIDTH = max(map(len, COMMANDS))


class _Suggesting:
    """Names the nearest option instead of an unknown one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. Raises NoSuchOption."""
        parse: Callable[[Any, list[str]], list[str]] = super().parse_args  # type: ignore[misc]  # of the class beside it
        try:
            return parse(ctx, args)
        except NoSuchOption as error:
            known = [option for parameter in ctx.command.params for option in parameter.opts]
            name = error.option_name
            raise NoSuchOption(name, f"no such option {name!r}{nearest(name, known)}", ctx=ctx) from None


class Command(_Suggesting, TyperCommand):
    """A command whose search may begin with a minus, as `-country:DE` does, which is no option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a blank before such a search."""
        return super().parse_args(
            ctx, [f" {argument}" if _EXCLUDING.match(argument) else argument for argument in args]
        )


class Subgroup(_Suggesting, TyperGroup):
    """A group such as `casbah token`, whose help shows summaries in full."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the base class passes it
        """Write each command with its whole summary."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(_SENTENCE)) for name, command in self.commands.items()]
            )


class Commands(_Suggesting, TyperGroup):
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
            for row in command.registered_commands:
                row.cls = Command
            holder.add_typer(command, name=name, cls=Subgroup)
        else:
            holder.command(name, cls=Command)(command)
        return get_group(holder).commands[name]


def _nothing() -> None:
    pass
