"""The command line: one file per group of commands.

Data goes to stdout, messages to stderr. Exit codes: 0 success, 1 failure, 2 invalid usage.
"""

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import httpx
import typer

from casbah import __version__
from casbah.cli import (
    activities,
    backup,
    copy,
    counts,
    demo,
    doctor,
    enrich,
    export,
    ingest,
    pull,
    push,
    ranges,
    rejects,
    retention,
    serve,
    session,
    settings,
    sources,
    tail,
    token,
)
from casbah.errors import CasbahError

app = typer.Typer(
    name="casbah",
    help="The open, self-hosted activity log for cloud apps.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("ingest")(ingest.ingest)
app.command("doctor")(doctor.doctor)
app.command("settings")(settings.show)
app.command("pull")(pull.pull)
app.command("enrich")(enrich.enrich)
app.command("sources")(sources.sources)
app.command("list")(activities.list_activities)
app.command("show")(activities.show)
app.command("top")(counts.top)
app.command("histogram")(counts.histogram)
app.command("tail")(tail.tail)
app.command("export")(export.export)
app.command("feedback")(activities.feedback)
app.add_typer(push.app, name="push")
app.add_typer(backup.app, name="backup")
app.command("copy")(copy.copy)
app.command("delete")(retention.delete)
app.add_typer(retention.app, name="retention")
app.add_typer(ranges.app, name="ranges")
app.add_typer(rejects.app, name="rejects")
app.add_typer(token.app, name="token")
app.add_typer(session.app, name="session")


@app.callback(invoke_without_command=True)
def root(
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
        app(prog_name="casbah")
    except CasbahError as error:
        _fail(str(error))
    except httpx.HTTPError as error:
        _fail(f"the server did not answer: {str(error) or type(error).__name__}")
    except UnicodeEncodeError:
        _fail("an argument holds bytes that are not UTF-8")
    except BrokenPipeError:  # The reader of our output has exited, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(message: str) -> None:
    sys.stderr.write(f"casbah: {message}\n")
    sys.exit(1)
