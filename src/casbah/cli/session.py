"""casbah session list | end."""

import json
from typing import Annotated
from urllib.parse import quote

import typer
from rich.table import Column

from casbah.cli import options
from casbah.cli.connection import connected
from casbah.cli.printable import moment, plain
from casbah.cli.table import show_rows

app = options.group("List and end web sessions.")
_PATH = "/api/ext/v1/sessions"
_ABOUT, _MOMENTS = ("name", "tenant", "caller"), ("created", "expires")


@app.command("list")
def list_sessions(*, as_json: options.AsJson = False, store: options.Store = None, url: options.Url = None) -> None:
    """List the active sessions and who signed in.

    Example: casbah session list
    """
    with connected(options.target(store=store, url=url), tenant=options.TENANT) as api:
        sessions = api.ask("GET", _PATH).json()["data"]
    if as_json:
        typer.echo(json.dumps(sessions))
        return
    show_rows(
        (Column("id", min_width=12), *_ABOUT, *_MOMENTS),
        (
            (session["id"], *map(session.get, _ABOUT), *(moment(session[key], seconds=False) for key in _MOMENTS))
            for session in sessions
        ),
        least=("created", "caller", "tenant"),
    )


@app.command()
def end(
    session: Annotated[str, typer.Argument(help="The session's id, as `casbah session list` shows it.")],
    *,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """End a session at once. The token or the person may sign in again.

    Example: casbah session end 5f1c0a9d2b7e
    """
    with connected(options.target(store=store, url=url), tenant=options.TENANT) as api:
        missing = f"no session {session!r}; `casbah session list` shows them"
        ended = api.ask("DELETE", f"{_PATH}/{quote(session, safe='')}", missing=missing).json()
    typer.echo(json.dumps(ended) if as_json else f"ended the session of {plain(ended['name'])} ({ended['id']})")
