"""casbah demo."""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
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
from casbah.activity.value import MS_PER_DAY
from casbah.cli import options
from casbah.cli.activities import table_of
from casbah.cli.migrate import migrate_first
from casbah.cli.printable import plain
from casbah.cli.progress import progress_of
from casbah.cli.serve import GracefulShutdown
from casbah.cli.server_file import announced
from casbah.compose import Application
from casbah.demo.load import COUNT, activities_of, generated_events, sample_activities, story_events
from casbah.demo.names import give_names
from casbah.errors import CasbahError, StoreFolderError
from casbah.identity.permissions import Permission
from casbah.serving.server import AddressTakenError, address, listening, server_of, settle
from casbah.settings import SETTINGS, Settings

_FOLDER = "demo-store"
_FIRST = 5_000
"""So many activities are stored before the demo serves; the others while it does."""

_BATCH = 2_500
"""Activities per commit. A commit costs a segment of the index, whatever its size."""

_SPACE = 100_000_000
"""Bytes of disk space that the store takes, twice over."""

_SECONDS_BETWEEN_LINES = 2.0
"""Between lines of progress where stderr is no terminal."""

_TOKEN = "demo"  # noqa: S105  the token's name
_SHOWN_RECORDS = 3
_SHOWN_CHARACTERS = 400
_TENANT = TenantId(options.TENANT)

FAILED = {
    "filters": {"activity.eventActionType": {"eq": "EVENT_CATEGORY_FAILED_LOGIN"}, "location.country": {"neq": "US"}}
}


def demo(
    *,
    count: Annotated[
        int,
        typer.Option(min=0, max=COUNT, help="Number of generated activities, besides the story and the real samples."),
    ] = COUNT,
    port: Annotated[str | None, typer.Option(help="The port to listen on; if taken, a free one is used.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after showing the requests.")] = False,
    store: options.Store = None,
) -> None:
    """Fill a new store with sample activities, serve it, and show curl requests with their responses.

    Example: casbah demo --count 5000
    """
    folder = store or os.environ.get(SETTINGS["store"].variable) or _FOLDER
    settings = options.read_settings(store=str(Path(folder).resolve()), port=port)
    migrate_first(settings)
    _check_folder(settings.store)
    with compose.build(settings) as application:
        samples = _Samples(application, count)
        samples.store(_FIRST)
        key = _new_token(application)
        with _listening_somewhere(settings) as listener:
            url = address(listener)
            answering = server_of(application.app, settings)
            GracefulShutdown(answering, application.services.leaving, drain=None).on_signals(samples.stopped.set)
            failures: list[Exception] = []

            def present() -> None:
                try:
                    _present(url, key, settings.store)
                    samples.store(None)
                except (httpx.HTTPError, OSError, CasbahError) as error:
                    failures.append(error)
                if once or failures:
                    answering.should_exit = True

            presenting = threading.Thread(target=present, daemon=True)
            with announced(settings.store, url=url, key=application.local_key):
                presenting.start()
                settle()
                answering.run(sockets=[listener])
        stopped = samples.stopped.is_set()
        samples.stopped.set()
        presenting.join()  # It stores into the store that is closed next.
    if failures and not stopped:
        raise failures[0]


def _check_folder(store: Path) -> None:
    """Raises StoreFolderError if a new store cannot be made there. Of an existing one the store says itself what it lacks."""
    if store.exists():
        return
    parent = next(folder for folder in store.parents if folder.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StoreFolderError(parent, "the demo cannot write", "give your user write permission")
    free = shutil.disk_usage(parent).free
    if free < _SPACE:
        problem = f"the demo needs {_SPACE // 1_000_000} MB of disk space, and {free // 1_000_000} MB are free"
        raise StoreFolderError(parent, problem, "free some")


def _listening_somewhere(settings: Settings) -> Any:
    try:
        return listening(settings)
    except AddressTakenError:
        return listening(options.read_settings(store=str(settings.store), port="0"))


class _Samples:
    """The activities of the demo, the newest first. A store that already has activities gets none."""

    def __init__(self, application: Application, count: int) -> None:
        self.stopped = threading.Event()
        self._application = application
        self._tenant = application.services.store.tenant(_TENANT)
        self._count, self._stored = count, 0
        existing = self._tenant.count(Everything())
        if existing:
            folder = application.services.settings.store
            _say(f"the store at {folder} already has {existing:,} activities; nothing was added")
        else:
            give_names(application.services.names, _TENANT, now=application.services.clock())
        self._remaining = iter(()) if existing else self._activities()

    def _activities(self) -> Iterator[NewActivity]:
        """The story and the newest ones, as many as are stored first; then the others."""
        end = self._application.services.clock() // MS_PER_DAY * MS_PER_DAY
        story = list(story_events(until_ms=end))
        newest = _FIRST - len(story)
        parts = (slice(-newest, None), slice(None, -newest))
        generated = (generated_events(self._count, until_ms=end, part=part) for part in parts)
        yield from activities_of(chain(story, *generated))
        # The samples last: they are in many partitions, and each is checked for duplicate ids.
        yield from sample_activities()

    def store(self, most: int | None) -> None:
        """Store at most so many of the activities that are not stored yet, or all of them, until `stopped`."""
        started, last_line = time.monotonic(), time.monotonic()
        before = self._stored
        part = islice(self._remaining, most)
        with progress_of("storing activities") as progress:
            while not self.stopped.is_set() and (batch := list(islice(part, _BATCH))):
                self._stored += self._tenant.insert(batch).stored
                progress(self._stored, self._count)
                if not sys.stderr.isatty() and time.monotonic() - last_line > _SECONDS_BETWEEN_LINES:
                    last_line = time.monotonic()
                    _say(f"stored {self._stored:,} activities")
        if self._stored > before:
            seconds = time.monotonic() - started
            more = "; the others follow" if most is not None and self._stored < self._count else ""
            _say(f"stored {self._stored:,} activities in {seconds:.0f} s{more}")


def _new_token(application: Application) -> str:
    """A token that may only read and expires soon, in place of the one that the last demo made."""
    tokens = application.services.tokens
    for token in tokens.all():
        if token.name == _TOKEN and token.tenant == options.TENANT and token.revoked is None:
            tokens.revoke(token.id, governs=lambda tenant: tenant == options.TENANT)
    expires = application.services.clock() + MS_PER_DAY
    return tokens.create(_TOKEN, tenant=options.TENANT, scopes=Permission.READ.value[:1], expires=expires)[0]


def _present(url: str, key: str, store: Path) -> None:
    """Three typical requests, and their responses."""
    out = Console()
    out.print(f"\nCasbah serves {url} from {store}", markup=False, highlight=False)
    out.print(f"A token that may read, for 24 hours:\n  TOKEN={key}\n", markup=False, highlight=False, soft_wrap=True)
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
