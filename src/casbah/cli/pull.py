"""casbah pull."""

import json
import signal
import sys
import threading
import time
from contextlib import closing
from typing import Annotated, Any

import httpx
import msgspec
import typer

from casbah.cli import options
from casbah.cli.connection import connected
from casbah.cli.printable import moment, plain
from casbah.cli.table import show_rows
from casbah.compose import wall_clock
from casbah.errors import OperatorError, nearest
from casbah.identity.permissions import TENANT_HEADER
from casbah.ingest.pull.config import read
from casbah.ingest.pull.contract import PullError
from casbah.ingest.pull.entry import BadPullFileError, PullEntry
from casbah.ingest.pull.report import Pull, report
from casbah.ingest.pull.running import Job, Pulling
from casbah.ingest.pull.sinks import Send, sink
from casbah.settings import Settings

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000


class UnknownPullerError(OperatorError):
    """The file has no pull source of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no pull source {name!r}{nearest(name, known)}; the file has {', '.join(known) or 'none'}")


def pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Which sources; default all.")] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Fetch what is available now, then stop.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Only show the status of each.")] = False,
    file: Annotated[str | None, typer.Option(help="The pull configuration (CASBAH_PULL).", show_default=False)] = None,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Fetch activities from hosted apps as configured (docs/pull.md), until interrupted, or once with --once.

    A running server pulls by itself if CASBAH_PULL names the file.

    Example: casbah pull okta --once --file pull.toml
    """
    settings = (options.existing if listed else options.read_settings)(store=store, pull=file)
    if settings.pull is None:
        raise BadPullFileError("no pull configuration: name a file with --file or CASBAH_PULL (docs/pull.md)")
    entries = read(settings.pull)
    chosen = {name: _entry(name, entries) for name in names or entries}
    failed = not listed and _pulled(settings, chosen, once=once)
    if listed or once:
        _show(settings, chosen, as_json=as_json)
    raise typer.Exit(1 if failed else 0)


def _entry(name: str, entries: dict[str, PullEntry]) -> PullEntry:
    if name not in entries:
        raise UnknownPullerError(name, list(entries))
    return entries[name]


def _pulled(settings: Settings, chosen: dict[str, PullEntry], *, once: bool) -> bool:
    """Run them. Returns whether one failed."""
    with connected(settings, tenant=options.TENANT) as api:
        lock = threading.Lock()
        jobs = [
            Job(name, entry, sink(_of(api.send, entry.into, lock), name=name, rejects=settings.store / "rejects"))
            for name, entry in chosen.items()
        ]
        with closing(Pulling(jobs, folder=settings.store, clock=wall_clock)) as pulling:
            return _ran(pulling, once=once)


def _ran(pulling: Pulling, *, once: bool) -> bool:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: pulling.stop())
    if once:
        results = pulling.once()
        for name, result in results.items():
            if isinstance(result, PullError):
                sys.stderr.write(f"casbah: {name}: {plain(str(result))}\n")
        return any(isinstance(result, PullError) for result in results.values())
    pulling.start()
    sys.stderr.write(f"casbah: pulling {', '.join(pulling.names)}\n")
    pulling.wait()
    return False


def _of(send: Send, tenant: str, lock: threading.Lock) -> Send:
    """`send` for a tenant and one thread at a time: without a server, requests run in this process on one event loop."""

    def sent(method: str, path: str, /, **kwargs: Any) -> httpx.Response:
        with lock:
            return send(method, path, headers={TENANT_HEADER: tenant}, **kwargs)

    return sent


def _show(settings: Settings, chosen: dict[str, PullEntry], *, as_json: bool) -> None:
    rows = report(chosen, folder=settings.store, now=time.time_ns() // 1_000_000)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(rows)))
        return
    columns = ("name", "kind", "tenant", "lag", "last success", "events", "stored", "refused", "gaps", "error")
    show_rows(columns, map(_row, rows), least=("events", "stored", "kind", "last success", "refused", "tenant"))


def _row(pull: Pull) -> tuple[object, ...]:
    lag = "never ran" if pull.lag_ms is None else _span(pull.lag_ms)
    counts = (f"{count:,}" for count in (pull.events, pull.stored, pull.refused))
    about = (pull.name, pull.kind, pull.tenant, lag, moment(pull.last_success))
    return (*about, *counts, len(pull.gaps), pull.error)


def _span(span: int) -> str:
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if span >= 2 * unit:
            return f"{span // unit}{letter}"
    return f"{span // _SECOND}s"
