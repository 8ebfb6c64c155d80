"""casbah push status | replay."""

import json
from collections import Counter
from contextlib import closing
from typing import Annotated

import typer

from casbah import compose
from casbah.cli import options
from casbah.cli.connection import running
from casbah.cli.printable import moment, plain
from casbah.cli.table import show_rows
from casbah.errors import OperatorError, nearest
from casbah.outputs.push import build
from casbah.outputs.push.config import read
from casbah.outputs.push.deliver import DeliveryRefusedError, RetryLaterError
from casbah.outputs.push.pusher import Outbox

app = options.group("Status and dead letters of push destinations (docs/push.md).")


class PushError(OperatorError):
    """Dead letters could not be sent again."""


@app.command()
def status(*, as_json: options.AsJson = False, store: options.Store = None) -> None:
    """Show the status of each destination, and its dead letters: activities it refused permanently.

    Example: casbah push status
    """
    with closing(Outbox(options.existing(store=store).store)) as outbox:
        destinations, dead = outbox.all(), outbox.dead()
    if as_json:
        rows = [{"name": name, "reached": reached, "status": state} for name, reached, state in destinations]
        kept = [
            {"id": letter.id, "name": letter.name, "count": letter.count, "at": letter.at, "reason": letter.reason}
            for letter in dead
        ]
        typer.echo(json.dumps({"destinations": rows, "deadLetters": kept}))
        return
    lost = Counter[str]()
    for letter in dead:
        lost[letter.name] += letter.count
    shown = (
        (name, f"{reached:,}", state or "OK", f"{lost[name]:,} activities" if lost[name] else "")
        for name, reached, state in destinations
    )
    columns = ("destination", "sent up to sequence number", "status", "dead letters")
    show_rows(columns, shown, least=("sent up to sequence number",))
    for letter in dead:
        when = f"{moment(letter.at)} UTC"
        typer.echo(f"{letter.id}: {plain(letter.name)}, {when}, {letter.count} activities: {plain(letter.reason)}")


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="The destination.")],
    *,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Send a destination's dead letters again. The server on the store must be stopped.

    Example: casbah push replay soar
    """
    settings = options.existing(store=store)
    if running(settings.store) is not None:
        raise PushError("a server runs on the store; stop it first, or both would send")
    entries = read(settings.push) if settings.push else {}
    if name not in entries:
        known = f"it has: {', '.join(entries) or 'none'}"
        raise PushError(f"no destination {name!r} in the file of CASBAH_PUSH{nearest(name, tuple(entries))}; {known}")
    sent = letters_sent = 0
    with compose.build(settings) as application, closing(Outbox(settings.store)) as outbox:
        pushers = build.pushers(
            {name: entries[name]}, store=application.writer.store, outbox=outbox, clock=application.services.clock
        )
        with closing(pushers[name]) as pusher:
            for letter in outbox.dead(name):
                try:
                    sent += pusher.replay(letter)
                except (RetryLaterError, DeliveryRefusedError) as error:
                    raise PushError(f"{name}: {error}; {letters_sent} letters were sent, the others are kept") from None
                letters_sent += 1
    result = {"letters": letters_sent, "activities": sent}
    typer.echo(json.dumps(result) if as_json else f"sent {letters_sent} letters, {sent} activities")
