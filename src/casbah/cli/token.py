"""casbah token create | list | revoke."""

import json
import re
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from casbah.cli import options
from casbah.cli.connection import connected
from casbah.cli.printable import moment, plain
from casbah.cli.profiles import KnownServer
from casbah.cli.table import show_rows
from casbah.errors import NoSuchTokenError, OperatorError, nearest
from casbah.identity.permissions import SCOPES
from casbah.identity.token import LAST_MS

app = options.group("Create, list and revoke API tokens.")
_PATH = "/api/ext/v1/tokens"
_SPAN = re.compile(r"([0-9]{1,6})([hd])")
_SPAN_MS = {"h": 3_600_000, "d": 86_400_000}


class AmbiguousTokenError(OperatorError):
    """Several tokens have the same name."""


@app.command()
def create(  # noqa: PLR0913  one parameter per option
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    *,
    tenant: options.Tenant = options.TENANT,
    scopes: Annotated[str, typer.Option(help=f"Some of {','.join(SCOPES)}.")] = ",".join(SCOPES),
    expires: Annotated[
        str | None,
        typer.Option(help="When it expires: after 30d or 12h, or at a date such as 2030-01-31.", show_default="never"),
    ] = None,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Create a token. It is shown once; only its hash is kept.

    Example: casbah token create dashboard --scopes Investigation.read --expires 30d
    """
    now = time.time_ns() // 1_000_000
    end = None if expires is None else _expiry(expires, now)
    if end is not None and not now < end <= LAST_MS:
        raise typer.BadParameter(
            f"{expires!r}: expected a time in the future and before the year 10000, such as 30d",
            param_hint="--expires",
        )
    requested = [scope for scope in scopes.split(",") if scope]
    unknown = [scope for scope in requested or [scopes] if scope not in SCOPES]
    if unknown:
        hint = nearest(unknown[0], tuple(SCOPES))
        raise typer.BadParameter(f"{unknown[0]!r}: expected some of {', '.join(SCOPES)}{hint}", param_hint="--scopes")
    target = options.target(store=store, url=url, new=True)
    with connected(target, tenant=tenant) as api:
        # A server's token creates tokens of its own tenant.
        own = {} if isinstance(target, KnownServer) else {"tenant": tenant}
        body = {"name": name, **own, "scopes": scopes, "expires": end}
        token = api.ask("POST", _PATH, json=body).json()
    if as_json:
        typer.echo(json.dumps(token))
    else:
        typer.echo(token["token"])
        sys.stderr.write("casbah: save it now, it is not shown again\n")


@app.command("list")
def list_tokens(*, as_json: options.AsJson = False, store: options.Store = None, url: options.Url = None) -> None:
    """List every token with its status.

    Example: casbah token list --json
    """
    with connected(options.target(store=store, url=url), tenant=options.TENANT) as api:
        tokens = api.ask("GET", _PATH).json()["data"]
    if as_json:
        typer.echo(json.dumps(tokens))
        return
    columns = ("id", "name", "tenant", "status", "created", "last used", "expires", "scopes")
    show_rows(columns, map(_row, tokens), least=("created", "tenant", "last used", "scopes"))


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(help="The token's name or id.")],
    *,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Revoke a token; it stops working at once.

    Example: casbah token revoke dashboard
    """
    with connected(options.target(store=store, url=url), tenant=options.TENANT) as api:
        tokens = api.ask("GET", _PATH).json()["data"]
        token = _one(tokens, which)
        revoked = api.ask("DELETE", f"{_PATH}/{token['id']}").json()
    typer.echo(json.dumps(revoked) if as_json else f"revoked {plain(revoked['name'])} ({revoked['id']})")


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    moments = (moment(token[key], seconds=False) for key in ("created", "used", "expires"))
    return token["id"], token["name"], token["tenant"], token["status"], *moments, ", ".join(token["scopes"])


def _one(tokens: list[dict[str, Any]], which: str) -> dict[str, Any]:
    usable = [token for token in tokens if token["status"] != "Revoked"]
    matching = [token for token in usable if which == token["id"]]
    matching = matching or [token for token in usable if which == token["name"] and token["status"] != "Expired"]
    if not matching:
        raise NoSuchTokenError(which)
    if len(matching) > 1:
        raise AmbiguousTokenError(f"{len(matching)} tokens have the name {which!r}; use an id (`casbah token list`)")
    return matching[0]


def _expiry(text: str, now: int) -> int:
    """The expiry in ms: a duration from now, or a date, in UTC unless it has an offset. Raises typer.BadParameter."""
    span = _SPAN.fullmatch(text.strip().lower())
    if span:
        return now + int(span.group(1)) * _SPAN_MS[span.group(2)]
    try:
        date = datetime.fromisoformat(text.strip())
        return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r}: expected a duration such as 30d or 12h, or a date such as 2030-01-31T12:00:00Z",
            param_hint="--expires",
        ) from None
