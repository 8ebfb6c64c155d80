"""The command line: one file per group of commands.

Data goes to stdout, messages to stderr. Exit codes: 0 success, 1 failure, 2 invalid usage.
"""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import httpx
import typer
from typer.core import TyperCommand

from casbah import __version__
from casbah.errors import CasbahError

_INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells have it."""

# fmt: off
COMMANDS = {
    "serve":     "serve.serve",
    "demo":      "demo.demo",
    "ingest":    "ingest.ingest",
    "reconcile": "reconcile.reconcile",
    "compare":   "compare.compare",
    "doctor":    "doctor.doctor",
    "verify":    "verify.verify",
    "salvage":   "salvage.salvage",
    "settings":  "settings.show",
    "pull":      "pull.pull",
    "enrich":    "enrich.enrich",
    "sources":   "sources.sources",
    "list":      "activities.list_activities",
    "show":      "activities.show",
    "top":       "counts.top",
    "histogram": "counts.histogram",
    "tail":      "tail.tail",
    "export":    "export.export",
    "feedback":  "activities.feedback",
    "copy":      "copy.copy",
    "delete":    "retention.delete",
    "push":      "push.app",
    "backup":    "backup.app",
    "migrate":   "migrate.migrate",
    "retention": "retention.app",
    "ranges":    "ranges.app",
    "rejects":   "rejects.app",
    "token":     "token.app",
    "session":   "session.app",
}
"""The module of `casbah.cli` and the function of a command, or the Typer application of a group of commands."""
# fmt: on


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands."""
    app = typer.Typer(
        name="casbah",
        help="The open, self-hosted activity log for cloud apps.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(".")
        command = getattr(import_module(f"casbah.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, cls=_Command)(command)
    return app


class _Command(TyperCommand):
    """A command whose search may begin with a minus, as `-country:DE` does, which is no option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's context
        """Put a blank before such a search."""
        return super().parse_args(
            ctx, [f" {argument}" if _EXCLUDING.match(argument) else argument for argument in args]
        )


_EXCLUDING = re.compile(r'-(?:[A-Za-z][A-Za-z0-9_.-]*:|"|\()')


def _root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """The open, self-hosted activity log for cloud apps.

    Example: casbah ingest exports/ && casbah serve
    """
    if version:
        typer.echo(f"casbah {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line. Expected errors are one line on stderr."""
    os.umask(0o077)  # Stores, backups and exports are readable by their owner only.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # Replace characters that the console cannot show.
            stream.reconfigure(errors="replace")
    try:
        application(_needed(sys.argv[1:]))(prog_name="casbah")
    except CasbahError as error:
        _fail(str(error))
    except httpx.HTTPError as error:
        _fail(f"the server did not answer: {str(error) or type(error).__name__}")
    except KeyboardInterrupt:  # While modules are imported; a command handles its own.
        sys.exit(_INTERRUPTED)
    except UnicodeEncodeError:
        _fail("an argument holds bytes that are not UTF-8")
    except BrokenPipeError:  # The reader of our output has exited, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _needed(arguments: Sequence[str]) -> Iterable[str]:
    """The commands that these arguments need: importing all of them takes a second."""
    first = arguments[0] if arguments else ""
    if first in COMMANDS:
        return [first]
    return [] if first == "--version" else COMMANDS


def _fail(message: str) -> None:
    sys.stderr.write(f"casbah: {message}\n")
    sys.exit(1)
