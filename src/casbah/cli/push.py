"""casbah push status | replay."""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from casbah import compose
from casbah.cli import options
from casbah.cli.connection import running
from casbah.cli.printable import cell, plain
from casbah.errors import OperatorError
from casbah.push import build
from casbah.push.config import read
from casbah.push.deliver import DeliveryRefusedError, RetryLaterError
from casbah.push.pusher import Outbox

app = typer.Typer(
    help="What a server sends on: how it is doing, and what was refused (docs/push.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class PushError(OperatorError):
    """What was to be sent again could not be."""


@app.command()
def status(*, as_json: options.AsJson = False, store: options.Store = None) -> None:
    """How each destination is doing, and its dead letters: what it refused for good.

    Example: casbah push status
    """
    with closing(Outbox(options.existing(store=store).store)) as letters:
        found, dead = letters.all(), letters.dead()
    if as_json:
        rows = [{"name": name, "reached": reached, "status": said} for name, reached, said in found]
        kept = [
            {"id": each.id, "name": each.name, "count": each.count, "at": each.at, "reason": each.reason}
            for each in dead
        ]
        typer.echo(json.dumps({"destinations": rows, "deadLetters": kept}))
        return
    table = Table("destination", "sent up to number", "status", "dead letters")
    for name, reached, said in found:
        lost = sum(each.count for each in dead if each.name == name)
        table.add_row(cell(name), f"{reached:,}", cell(said or "well"), f"{lost:,} activities" if lost else "")
    Console().print(table)
    for each in dead:
        moment = datetime.fromtimestamp(each.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        typer.echo(f"{each.id}: {plain(each.name)}, {moment}, {each.count} activities: {plain(each.reason)}")


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="The destination.")],
    *,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Send a destination's dead letters again. To be called while no server runs on the store.

    Example: casbah push replay soar
    """
    settings = options.existing(store=store)
    if running(settings.store) is not None:
        raise PushError("a server runs on the store; stop it first: two would send at the same time")
    entries = read(settings.push) if settings.push else {}
    if name not in entries:
        raise PushError(
            f"no destination {name!r} in the file that CASBAH_PUSH names; there: {', '.join(entries) or 'none'}"
        )
    sent = letters_sent = 0
    with compose.build(settings) as house, closing(Outbox(settings.store)) as letters:
        pushers = build.pushers(
            {name: entries[name]}, store=house.services.store, letters=letters, clock=house.services.clock
        )
        with closing(pushers[name]) as pusher:
            for letter in letters.dead(name):
                try:
                    sent += pusher.replay(letter)
                except (RetryLaterError, DeliveryRefusedError) as error:
                    raise PushError(f"{name}: {error}; {letters_sent} letters were sent, the others are kept") from None
                letters_sent += 1
    said = {"letters": letters_sent, "activities": sent}
    typer.echo(json.dumps(said) if as_json else f"sent {letters_sent} letters, {sent} activities")
