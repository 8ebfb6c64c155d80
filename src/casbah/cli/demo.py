"""casbah demo."""

import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console

from casbah import compose
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.cli import options
from casbah.cli.activities import table_of
from casbah.cli.connection import announced
from casbah.cli.migrate import migrate_first
from casbah.cli.printable import plain
from casbah.cli.progress import progress_of
from casbah.cli.serve import Stopping
from casbah.compose import Application
from casbah.demo.load import COUNT, generated_activities, sample_activities
from casbah.serving.server import AddressTakenError, address, listening, server_of, settle
from casbah.settings import SETTINGS, Settings

_FOLDER = "demo-store"
_DAY_MS = 86_400_000
_SHOWN_RECORDS = 3
_SHOWN_CHARACTERS = 400
_TENANT = TenantId(options.TENANT)

FAILED = {
    "filters": {"activity.eventActionType": {"eq": "EVENT_CATEGORY_FAILED_LOGIN"}, "location.country": {"neq": "US"}}
}


def demo(
    *,
    count: Annotated[
        int, typer.Option(min=0, max=COUNT, help="Number of generated activities, in addition to the real samples.")
    ] = COUNT,
    port: Annotated[str | None, typer.Option(help="The port to listen on; if taken, a free one is used.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after showing the requests.")] = False,
    store: options.Store = None,
) -> None:
    """Fill a new store with sample activities, serve it, and show curl requests with their responses.

    Example: casbah demo --count 5000
    """
    folder = store or os.environ.get(SETTINGS["store"].variable) or _FOLDER
    settings = options.chosen(store=str(Path(folder).resolve()), port=port)
    migrate_first(settings)
    with compose.build(settings) as application:
        _fill(application, count)
        key, _ = application.services.tokens.create(f"demo {secrets.token_hex(3)}", tenant=options.TENANT)
        with _listening_somewhere(settings) as listener:
            url = address(listener)
            answering = server_of(application.app, settings)
            Stopping(answering, application.services.leaving, drain=None).on_signals()
            failures: list[Exception] = []

            def present() -> None:
                try:
                    _present(url, key, settings.store)
                except (httpx.HTTPError, OSError) as error:
                    failures.append(error)
                if once or failures:
                    answering.should_exit = True

            with announced(settings.store, url=url, key=application.local_key):
                threading.Thread(target=present, daemon=True).start()
                settle()
                answering.run(sockets=[listener])
    if failures:
        raise failures[0]


def _listening_somewhere(settings: Settings) -> Any:
    try:
        return listening(settings)
    except AddressTakenError:
        return listening(options.chosen(store=str(settings.store), port="0"))


def _fill(application: Application, count: int) -> None:
    """Store the samples and generated activities, unless the store already has activities."""
    existing = application.services.store.tenant(_TENANT).count(Everything())
    if existing:
        _say(
            f"the store at {application.services.settings.store} already has {existing:,} activities; nothing was added"
        )
        return
    end = application.services.clock() // _DAY_MS * _DAY_MS
    # The samples last: they are in many partitions, and each is checked for duplicate ids.
    activities = chain(generated_activities(count, until_ms=end), sample_activities())
    started = time.monotonic()
    stored = _stored(application, activities, count)
    seconds = time.monotonic() - started
    _say(f"stored {stored:,} activities in {seconds:.0f} s ({stored / max(seconds, 0.001):,.0f} per second)")


def _stored(application: Application, activities: Iterable[NewActivity], count: int) -> int:
    stored, remaining = 0, iter(activities)
    with progress_of("storing activities") as progress:
        progress(0, count)
        while batch := list(islice(remaining, application.services.settings.batch)):
            stored += application.services.store.tenant(_TENANT).insert(batch).stored
            progress(stored, count)
    return stored


def _present(url: str, key: str, store: Path) -> None:
    """Three typical requests, and their responses."""
    out = Console()
    out.print(f"\nCasbah serves {url} from {store}", markup=False, highlight=False)
    out.print(f"A token for it:\n  TOKEN={key}\n", markup=False, highlight=False, soft_wrap=True)
    headers = {"Authorization": f"Token {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        newest = _show_request(out, client, "the newest activities", "/api/v1/activities/", {"limit": _SHOWN_RECORDS})
        _show_request(
            out,
            client,
            "failed sign-ins from outside the US",
            "/api/v1/activities/",
            {**FAILED, "limit": _SHOWN_RECORDS},
        )
        identity = newest["data"][0]["_id"] if newest["data"] else ""
        _show_request(out, client, "one activity", f"/api/v1/activities/{quote(identity, safe='')}/", None)
    pages = f"The activity log (asks before it signs you in):\n  {url}/#token={key}\n"
    pages += f"API documentation: {url}/docs\nCtrl-C stops.\n"
    out.print(pages, markup=False, highlight=False, soft_wrap=True)


def _show_request(
    out: Console, client: httpx.Client, title: str, path: str, body: dict[str, Any] | None
) -> dict[str, Any]:
    sent = "" if body is None else f" -d '{json.dumps(body)}'"
    curl = f'curl -s -H "Authorization: {client.headers["Authorization"]}" {client.base_url.join(path)}{sent}'
    answer = client.get(path) if body is None else client.post(path, json=body)
    answer.raise_for_status()
    result: dict[str, Any] = answer.json()
    out.print(f"# {title}\n{curl}", markup=False, highlight=False, soft_wrap=True)
    if body is None:
        out.print(f"{plain(answer.text[:_SHOWN_CHARACTERS])} ...\n", markup=False, highlight=False, soft_wrap=True)
    else:
        out.print(table_of(result["data"], width=out.width))
        out.print(f"{len(result['data'])} of {result['total']:,}\n", markup=False, highlight=False)
    return result


def _say(message: str) -> None:
    sys.stderr.write(f"casbah: {message}\n")
