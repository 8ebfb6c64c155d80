"""Emulation of another server, for tests of clients: schedule failures, delays and late events.

`POST /api/ext/v1/mimic/answers` schedules what happens to the tenant's next requests to the Activities API, and
`POST /api/ext/v1/mimic/arrivals` which events are stored between them.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta
from starlette.responses import Response

from casbah.activity.query import count_of
from casbah.errors import (
    CasbahError,
    MalformedBodyError,
    NotMimickingError,
    RequestError,
    ThrottledError,
    clip,
    describe,
    nearest,
)
from casbah.http.answers import Answer, Count, encoded
from casbah.http.context import RequestContext, WriterContext
from casbah.http.emulation import DelayedArrival, Emulation, Interruption
from casbah.http.encoding import EncodedBody
from casbah.http.error_answers import answer
from casbah.http.ingest import SETTING, read_source, refusals, store_events
from casbah.http.request_body import read_body
from casbah.http.request_schemas import Schema, either, open_body

_MAX_SLOW = 600_000
_MAX_SECONDS = 86_400
_MAX_ANSWERS = 1_000
MAX_AFTER = 1_000_000
"""The most requests that events may wait for."""

_STATUSES = range(400, 600)
_BAD_REQUEST, _THROTTLED, _UNAVAILABLE = 400, 429, 503
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_NAMES = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


_INTERRUPTION: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "status": either(
            {"enum": [None, 0, *_STATUSES]},
            {"type": "string", "pattern": "^0*(?:[45][0-9]{2})?$"},
            description="What the request is answered with: 400 to 599; if left out, it is answered as usual",
        ),
        "slow": either(
            {"type": ["integer", "null"], "minimum": 0, "maximum": _MAX_SLOW},
            {"type": "string", "pattern": "^0*(?:[0-9]{1,5}|[1-5][0-9]{5}|600000)?$"},
            description="ms to wait before",
        ),
        "retryAfter": either(
            {"type": ["integer", "null"], "minimum": 0, "maximum": _MAX_SECONDS},
            {"type": "string", "pattern": "^0*(?:[0-9]{1,4}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)?$"},
            description="What a 429 or 503 says of it, in seconds",
        ),
    },
}
_ANSWERS: Schema = {
    "type": "array",
    "minItems": 1,
    "maxItems": _MAX_ANSWERS,
    "items": _INTERRUPTION,
    "description": "What the next requests to the Activities API meet, one each",
}
BODIES: Mapping[str, Schema] = {"Interruptions": open_body({"answers": _ANSWERS}, required=("answers",))}


_FIELD = re.compile(r"(?P<name>[A-Za-z]+)(?P<lacks> needs |: )")
_FILTERS = "filters"
"""The field of errors whose text begins with no field's name."""


class FormError(Answer):
    """An error of one field, in MDCA's shape. `CONSOLE_FORMS_FIELD_REQUIRED` and its text are the only ones that are public."""

    error: str
    error_message_code: str


class Waiting(Answer):
    waiting: Annotated[Count, Meta(description="How many requests something awaits")]


class Arriving(Answer):
    after: Count


async def interrupted(context: RequestContext) -> Response | None:
    """Apply scheduled events and delays to this request. Returns the response if it is to fail, else None."""
    emulation, tenant = context.emulation, context.tenant_id.name
    for event in emulation.arrived(tenant):
        await context.ingest(store_events, context, event.body, event.source)
    interruption = emulation.interruption(tenant)
    if interruption.slow:
        await asyncio.sleep(interruption.slow / 1_000)
    return None if interruption.status is None else failure(interruption.status, interruption.retry_after)


def failure(status: int, retry_after: int) -> Response:
    """A failure as clients see it: 429 comes from the application, the rest as HTML from a gateway."""
    if status == _THROTTLED:
        return answer(ThrottledError(retry_after))
    headers = {"Retry-After": str(retry_after)} if status == _UNAVAILABLE else {}
    title = f"{status} {_NAMES.get(status, 'Error')}"
    return Response(_PAGE.format(title), status, headers, "text/html")


def refusal(error: CasbahError, emulation: Emulation) -> Response:
    """The response to an error of the Activities API. A 400 has MDCA's shape if the server emulates that."""
    if not (emulation.form_errors and isinstance(error, RequestError) and error.status == _BAD_REQUEST):
        return answer(error)
    field = _FIELD.match(str(error))
    lacks = field is not None and field["lacks"] == " needs "
    item = _REQUIRED if lacks else FormError(str(error), "CONSOLE_FORMS_FIELD_INVALID")
    body = {field["name"] if field else _FILTERS: [item], "error": True}
    return Response(encoded(body), _BAD_REQUEST, media_type="application/json")


_REQUIRED = FormError("This field is required", "CONSOLE_FORMS_FIELD_REQUIRED")


async def expect_answers(context: WriterContext) -> Waiting:
    _require_mimic(context)
    body = await context.parameters()
    answers = body.get("answers")
    if not isinstance(answers, list) or not 0 < len(answers) <= _MAX_ANSWERS:
        raise MalformedBodyError(f"answers: expected a list of 1 to {_MAX_ANSWERS} objects, got {describe(answers)}")
    interruptions = [_interruption(item) for item in answers]
    return Waiting(context.services.emulation.expect(context.tenant_id.name, interruptions))


async def expect_arrivals(context: WriterContext) -> Arriving:
    _require_mimic(context)
    source = read_source(context)
    after = _number(context.request.query_params, "after", maximum=MAX_AFTER)
    body = await read_body(context.request, limit=context.services.settings.max_ingest_body, setting=SETTING)
    encodings = ", ".join(context.request.headers.getlist("content-encoding"))
    text = EncodedBody(body, encodings).text(limit=context.services.settings.max_ingest_body, setting=SETTING)
    refused = await context.ingest(refusals, context, text, source)
    if refused:  # Nobody would see a refusal later.
        raise MalformedBodyError(f"body: line {refused[0].line} cannot be stored: {refused[0].reason}")
    context.services.emulation.arrive(context.tenant_id.name, DelayedArrival(after, text, source))
    return Arriving(after)


async def forget(context: WriterContext) -> Waiting:
    _require_mimic(context)
    context.services.emulation.forget(context.tenant_id.name)
    return Waiting(0)


def _require_mimic(context: WriterContext) -> None:
    if not context.services.emulation.any:
        raise NotMimickingError


def _interruption(body: Any) -> Interruption:
    if not isinstance(body, dict):
        raise MalformedBodyError(f"answers: expected objects with status, slow or retryAfter, got {describe(body)}")
    _refuse_unknown(body)
    status = _number(body, "status", maximum=_STATUSES[-1])
    if status and status < _STATUSES[0]:
        raise MalformedBodyError(f"status: expected {_STATUSES[0]} to {_STATUSES[-1]}, got {status}")
    retry_after = _number(body, "retryAfter", maximum=_MAX_SECONDS)
    return Interruption(_number(body, "slow", maximum=_MAX_SLOW), status or None, retry_after or 1)


def _refuse_unknown(interruption: Mapping[str, Any]) -> None:
    """Raise MalformedBodyError for a key that is not one: a test whose failure never happens would pass."""
    known = tuple(_INTERRUPTION["properties"])
    unknown = next((key for key in interruption if key not in known), None)
    if unknown is not None:
        raise MalformedBodyError(f"answers: unknown key {clip(unknown)}{nearest(unknown, known)}")


def _number(parameters: Mapping[str, Any], name: str, *, maximum: int) -> int:
    number = count_of(parameters, name)
    if number > maximum:
        raise MalformedBodyError(f"{name}: expected at most {maximum}, got {number}")
    return number
