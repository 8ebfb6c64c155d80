"""The command line: one file per group of commands.

Data goes to stdout, messages to stderr. Exit codes: 0 success, 1 failure, 2 invalid usage.
"""

import gc
import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # typer lists no exports

from casbah import __version__
from casbah.cli.command_group import Commands
from casbah.errors import CasbahError

COMPLETE = "_CASBAH_COMPLETE"
"""The variable in which a shell's script asks for completions (`casbah completion`)."""
_GC_THRESHOLDS = (20_000, 50, 100)
_INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells have it."""


def application() -> typer.Typer:
    """The command line with all its commands, none of them imported yet."""
    app = typer.Typer(
        name="casbah",
        cls=Commands,
        help="The open, self-hosted activity log for cloud apps.",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    return app


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
    gc.set_threshold(*_GC_THRESHOLDS)  # What commands import stays; traversing it takes a twentieth of their time.
    os.umask(0o077)  # Stores, backups and exports are readable by their owner only.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # Replace characters that the console cannot show.
            stream.reconfigure(errors="replace")
    try:
        if COMPLETE in os.environ:
            completion_init()
        application()(prog_name="casbah")
    except CasbahError as error:
        _fail(str(error))
    except _http_errors() as error:
        _fail(f"{_server_of(error)} did not answer: {str(error) or type(error).__name__}")
    except KeyboardInterrupt:  # While modules are imported; a command handles its own.
        sys.exit(_INTERRUPTED)
    except UnicodeEncodeError:
        _fail("an argument holds bytes that are not UTF-8")
    except BrokenPipeError:  # The reader of our output has exited, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        reason = error.strerror or str(error)
        _fail(f"{error.filename}: {reason}" if error.filename else reason)


def _http_errors() -> tuple[type[Exception], ...]:
    """The errors of requests, if the command has loaded what makes requests: `casbah --help` does not wait for it."""
    httpx = sys.modules.get("httpx")
    return () if httpx is None else (httpx.HTTPError,)


def _server_of(error: Any) -> str:
    """The server of a failed request. httpx raises RuntimeError for an error that has none."""
    try:
        url = error.request.url
    except RuntimeError:
        return "the server"
    return f"the server at {url.scheme}://{url.netloc.decode()}"


def _fail(message: str) -> None:
    sys.stderr.write(f"casbah: {message}\n")
    sys.exit(1)
