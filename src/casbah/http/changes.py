"""The change feed: every activity that is stored, once, in the order of storing, as answers or as a stream of events.

A cursor says how far a caller has read. It is a number in the tenant's order of storing, spelt so that nobody is led to count
with it, and is good for as long as the data lives: nothing is kept of it on the server.
"""

import asyncio
import binascii
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any
from zlib import crc32

from starlette.responses import Response, StreamingResponse

from casbah.activity.predicate import Predicate
from casbah.activity.query import count_of
from casbah.errors import CasbahError, LimitExceededError, MalformedBodyError, describe
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext
from casbah.http.facets import predicate_of
from casbah.http.schema import Parameter, ref
from casbah.ingest import jsontext
from casbah.store.contract import Changes

LIMIT, MOST = 500, 5_000
MOST_WAIT = 30
"""Seconds that an answer may wait for something to be stored."""

STREAM_SECONDS = 300
"""How long one stream lasts: whoever reads on comes again, and is asked anew who they are."""

NOW = "now"
_LOOK_SECONDS, _LOOK_FAR_SECONDS, _QUIET_SECONDS = 0.05, 0.5, 15.0
_EVENTS = 100
_VERSION = 1

_CURSOR = {"enum": [NOW], "description": f"{NOW}, or the cursor of an answer"}
CHANGE_PARAMETERS = (
    Parameter(
        "cursor", _CURSOR, "Where to go on: an answer's `cursor`; `now`: from now on; by default from the beginning"
    ),
    Parameter("limit", ref("Count"), f"How many activities at most: {LIMIT} by default, {MOST} at most"),
    Parameter(
        "wait", ref("Count"), f"How many seconds to wait where there is nothing yet: 0 by default, {MOST_WAIT} at most"
    ),
)
TAIL_PARAMETERS = (Parameter("cursor", _CURSOR, "Where to begin; by default with what is stored from now on"),)


async def list_changes(context: RequestContext) -> Response:
    """What was stored since a cursor: every activity once, in the order of storing, whenever it happened.

    The answer's `cursor` is where to go on, also where nothing was found. With `wait`, the answer comes once something is
    stored.
    """
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    predicate, after = predicate_of(body, context), await _after(body.get("cursor"), context)
    limit = min(count_of(body, "limit") or LIMIT, MOST)
    end = time.monotonic() + min(count_of(body, "wait"), MOST_WAIT)
    found = await context.search(_changes, context, predicate, after, limit)
    while not found.changes and await _more(context, found.reached, end):
        found = await context.search(_changes, context, predicate, found.reached, limit)
    # What was stored since is for the next request: an empty answer never says that there is more.
    more = bool(found.changes) and found.reached < await context.settled()
    tail = jsontext.dump({"cursor": cursor(found.reached, context), "hasNext": more})
    records = b",".join(change.record for change in found.changes)
    return Response(b"".join((b'{"data":[', records, b"],", tail[1:])), media_type="application/json")


async def tail(context: RequestContext) -> Response:
    """The same as server-sent events (WHATWG HTML, 9.2): `data` is a record, `id` the cursor behind it.

    A stream ends after some minutes, and browsers come again by themselves, with `Last-Event-ID`, from where they were; the
    first of all begins with what is stored from now on, unless there is a `cursor`.
    """
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    given = context.request.headers.get("last-event-id") or body.get("cursor") or NOW
    predicate, after = predicate_of(body, context), await _after(given, context)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(context, predicate, after), 200, headers, "text/event-stream")


async def _events(context: RequestContext, predicate: Predicate, after: int) -> AsyncIterator[bytes]:
    end = time.monotonic() + STREAM_SECONDS
    # The first event has no data, so that nobody's handler is called, but whoever comes again knows from where.
    yield f": casbah\nid: {cursor(after, context)}\n\n".encode()
    while time.monotonic() < end and not _leaving(context):
        try:
            found = await context.search(_changes, context, predicate, after, _EVENTS)
            quiet = min(end, time.monotonic() + _QUIET_SECONDS)
            more = bool(found.changes) or await _more(context, found.reached, quiet)
        except CasbahError:  # The stream ends, and whoever reads on is told why when they come again.
            return
        if found.changes:
            yield b"".join(_event(change.record, cursor(change.number, context)) for change in found.changes)
        elif not more:
            yield f": quiet\nid: {cursor(found.reached, context)}\n\n".encode()
        after = found.reached


def _event(record: bytes, identity: str) -> bytes:
    """One event. Line ends inside a record are blanks between its keys, since a JSON string cannot hold any."""
    data = record.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %b\ndata: %b\n\n" % (identity.encode(), data)


async def _more(context: RequestContext, reached: int, end: float) -> bool:
    """Whether anything is stored past a number before `end`; waits for it."""
    pause = _LOOK_FAR_SECONDS if context.store.is_remote else _LOOK_SECONDS
    while await context.settled() <= reached:
        if time.monotonic() >= end or _leaving(context):
            return False
        await asyncio.sleep(pause)
    return True


def _leaving(context: RequestContext) -> bool:
    """Whether the server is told to stop, or waits for this request already (`serving.PlainHttp.shutdown`)."""
    return context.services.leaving.is_set() or bool(getattr(context.request.state, "leaving", False))


def _changes(context: RequestContext, predicate: Predicate, after: int, limit: int) -> Changes:
    return context.store.changes(predicate, context.scope, after=after, limit=limit, deadline=context.deadline)


def cursor(number: int, context: RequestContext) -> str:
    """A number of storing as callers have it: with the tenant's mark, so that another's is not taken for it."""
    text = f"{_VERSION}.{number}.{_mark(context)}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def _after(given: Any, context: RequestContext) -> int:
    """The number of a cursor. Raises MalformedBodyError."""
    if given in (None, ""):
        return 0
    if given == NOW:
        return await context.settled()
    if not isinstance(given, str):
        raise MalformedBodyError(f"cursor: expected an answer's cursor, or {NOW}, got {describe(given)}")
    if len(given) > _MOST_CURSOR:
        raise LimitExceededError(f"cursor: at most {_MOST_CURSOR} characters, got {len(given)}")
    try:
        version, number, mark = urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode("ascii").split(".")
        found = int(number)
    except (ValueError, binascii.Error):
        raise MalformedBodyError(f"cursor: expected an answer's cursor, or {NOW}, got {describe(given)}") from None
    if version != str(_VERSION) or mark != _mark(context) or not number.isascii() or found < 0:
        raise MalformedBodyError(f"cursor: {given!r} is not one of this tenant's cursors")
    if found > await context.settled():
        raise MalformedBodyError(
            "cursor: from a later state than the store is in, which was restored; begin anew without one"
        )
    return found


_MOST_CURSOR = 128


def _mark(context: RequestContext) -> str:
    return f"{crc32(context.scope.tenant.encode()):08x}"
