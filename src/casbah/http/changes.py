"""The change feed: every stored activity exactly once, in the order of storing, as pages or as an event stream.

A cursor marks how far a caller has read. It encodes a sequence number of the tenant and is opaque, so that clients do no
arithmetic with it. It stays valid as long as the data exists: the server keeps no state for it.
"""

import asyncio
import binascii
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from zlib import crc32

from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from casbah.activity.predicate import Predicate
from casbah.activity.query import count_of, limit_of
from casbah.base import jsontext
from casbah.errors import CasbahError, LimitExceededError, MalformedBodyError, describe
from casbah.http.answers import Answer, Record, spliced
from casbah.http.context import WriterContext
from casbah.http.request_schemas import Parameter, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, predicate_of
from casbah.store.contract import Changes

DEFAULT_LIMIT, MAX_LIMIT = 500, 5_000
MAX_WAIT = 30
"""Seconds that a response may wait for new activities."""

STREAM_SECONDS = 300
"""How long one stream lasts. Clients then reconnect, and are authenticated again."""

NOW = "now"
_LOOK_SECONDS, _LOOK_FAR_SECONDS, _QUIET_SECONDS = 0.05, 0.5, 15.0
_EVENTS = 100
_VERSION = 1

_CURSOR = {"enum": [NOW], "description": f"{NOW}, or the cursor of an answer"}
CHANGE_PARAMETERS = (
    Parameter(
        "cursor",
        _CURSOR,
        "Where to continue: an answer's `cursor`, or `now` for new activities only. Default: the beginning",
    ),
    Parameter("limit", ref("Count"), f"Maximum number of activities: {DEFAULT_LIMIT} by default, {MAX_LIMIT} at most"),
    Parameter("wait", ref("Count"), f"Seconds to wait if there are no changes yet: 0 by default, {MAX_WAIT} at most"),
    *SEARCH_PARAMETERS,
)
TAIL_PARAMETERS = (
    Parameter("cursor", _CURSOR, "Where to begin. Default: new activities only"),
    *SEARCH_PARAMETERS,
)


class ChangePage(Answer):
    data: Annotated[Sequence[Record], Meta(description="In the order of storing")]
    cursor: Annotated[str, Meta(description="Where to continue, also after an empty answer")]
    has_next: Annotated[bool, Meta(description="Whether more is stored already")]


async def list_changes(context: WriterContext) -> Annotated[Response, ChangePage]:
    body = await context.parameters()
    predicate, after = await predicate_of(body, context), await _after(body.get("cursor"), context)
    limit = limit_of(body, usual=DEFAULT_LIMIT, most=MAX_LIMIT)
    end = time.monotonic() + min(count_of(body, "wait"), MAX_WAIT)
    page = await context.search(_changes, context, predicate, after, limit)
    while not page.changes and await _more(context, page.reached, end):
        page = await context.search(_changes, context, predicate, page.reached, limit)
    # An empty page never reports more: what was stored meanwhile is for the next request.
    more = bool(page.changes) and page.reached < await context.high_water_mark()
    answer = ChangePage((), cursor(page.reached, context), has_next=more)
    return Response(spliced(answer, [change.record for change in page.changes]), media_type="application/json")


async def tail(context: WriterContext) -> Response:
    body = await context.parameters()
    text = context.request.headers.get("last-event-id") or body.get("cursor") or NOW
    predicate, after = await predicate_of(body, context), await _after(text, context)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(context, predicate, after), 200, headers, "text/event-stream")


async def _events(context: WriterContext, predicate: Predicate, after: int) -> AsyncIterator[bytes]:
    end = time.monotonic() + STREAM_SECONDS
    # The first event has no data, so no handler is called, but a client that reconnects knows where to continue.
    yield f": casbah\nid: {cursor(after, context)}\n\n".encode()
    while time.monotonic() < end and not _leaving(context):
        try:
            page = await context.search(_changes, context, predicate, after, _EVENTS)
            quiet = min(end, time.monotonic() + _QUIET_SECONDS)
            more = bool(page.changes) or await _more(context, page.reached, quiet)
        except CasbahError:  # The stream ends; the client gets the error when it reconnects.
            return
        if page.changes:
            yield b"".join(_event(change.record, cursor(change.number, context)) for change in page.changes)
        elif not more:
            yield f": quiet\nid: {cursor(page.reached, context)}\n\n".encode()
        after = page.reached


def _event(record: bytes, identity: str) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (identity.encode(), jsontext.on_one_line(record))


async def _more(context: WriterContext, reached: int, end: float) -> bool:
    """Wait until something after sequence number `reached` is stored. False if `end` (monotonic, s) comes first."""
    pause = _LOOK_FAR_SECONDS if context.services.store.is_remote else _LOOK_SECONDS
    while await context.high_water_mark() <= reached:
        if time.monotonic() >= end or _leaving(context):
            return False
        await asyncio.sleep(pause)
    return True


def _leaving(context: WriterContext) -> bool:
    """Whether the server is stopping, or already waits for this request (`serving.StrictHttp.shutdown`)."""
    return context.services.leaving.is_set() or bool(getattr(context.request.state, "leaving", False))


def _changes(context: WriterContext, predicate: Predicate, after: int, limit: int) -> Changes:
    return context.tenant.changes(predicate, after=after, limit=limit, deadline=context.deadline)


def cursor(number: int, context: WriterContext) -> str:
    """A sequence number as an opaque cursor, marked with the tenant so that another tenant's cursor is refused."""
    text = f"{_VERSION}.{number}.{_mark(context)}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def _after(value: Any, context: WriterContext) -> int:
    """The sequence number of a cursor. Raises MalformedBodyError or LimitExceededError."""
    if value in (None, ""):
        return 0
    if value == NOW:
        return await context.high_water_mark()
    if not isinstance(value, str):
        raise MalformedBodyError(f"cursor: expected an answer's cursor, or {NOW}, got {describe(value)}")
    if len(value) > _MAX_CURSOR:
        raise LimitExceededError(f"cursor: at most {_MAX_CURSOR} characters, got {len(value)}")
    try:
        version, number, mark = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("ascii").split(".")
        after = int(number)
    except (ValueError, binascii.Error):
        raise MalformedBodyError(f"cursor: expected an answer's cursor, or {NOW}, got {describe(value)}") from None
    if version != str(_VERSION) or mark != _mark(context) or not number.isascii() or after < 0:
        raise MalformedBodyError(f"cursor: {value!r} is not one of this tenant's cursors")
    if after > await context.high_water_mark():
        raise MalformedBodyError(
            "cursor: newer than the store, which was restored from a backup; start again without a cursor"
        )
    return after


_MAX_CURSOR = 128


def _mark(context: WriterContext) -> str:
    return f"{crc32(context.tenant_id.name.encode()):08x}"
