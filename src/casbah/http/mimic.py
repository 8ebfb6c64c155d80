"""Being another server for those who test clients: what befalls a request, and how a test asks for it.

`POST /api/ext/v1/mimic/answers` says what the tenant's next requests to the Activities API meet, and
`POST /api/ext/v1/mimic/arrivals` which events come in the midst of them.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from casbah.activity.query import count_of
from casbah.errors import MalformedBodyError, NotMimickingError, ThrottledError, describe
from casbah.http.body import read_body, read_parameters
from casbah.http.context import RequestContext, json_response
from casbah.http.emulation import DelayedArrival, Interruption
from casbah.http.encoding import decoded
from casbah.http.ingest import SETTING, read_source, refusals, store_events
from casbah.http.problems import answer

_MOST_SLOW = 600_000
_MOST_SECONDS = 86_400
_MOST_ANSWERS = 1_000
_MOST_AFTER = 1_000_000
_STATUSES = range(400, 600)
_THROTTLED, _UNAVAILABLE = 429, 503
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_NAMES = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


async def interrupted(context: RequestContext) -> Response | None:
    """What befalls this request before it is answered; the answer, where it is a failure."""
    emulation, tenant = context.emulation, context.scope.tenant
    for each in emulation.arrived(tenant):
        await context.ingest(store_events, context, each.body, each.source)
    met = emulation.interruption(tenant)
    if met.slow:
        await asyncio.sleep(met.slow / 1_000)
    return None if met.status is None else failure(met.status, met.retry_after)


def failure(status: int, retry_after: int) -> Response:
    """A failure as it looks from outside: 429 comes from the application, the rest from a gateway that knows no JSON."""
    if status == _THROTTLED:
        return answer(ThrottledError(retry_after))
    headers = {"Retry-After": str(retry_after)} if status == _UNAVAILABLE else {}
    title = f"{status} {_NAMES.get(status, 'Error')}"
    return Response(_PAGE.format(title), status, headers, "text/html")


async def expect_answers(context: RequestContext) -> Response:
    """Let the tenant's next requests meet `{"answers": [{"status"?, "slow"?, "retryAfter"?}]}`, one each."""
    _require_mimic(context)
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    asked = body.get("answers")
    if not isinstance(asked, list) or not 0 < len(asked) <= _MOST_ANSWERS:
        raise MalformedBodyError(f"answers: expected a list of 1 to {_MOST_ANSWERS} objects, got {describe(asked)}")
    interruptions = [_interruption(each) for each in asked]
    return json_response({"waiting": context.services.emulation.expect(context.scope.tenant, interruptions)})


async def expect_arrivals(context: RequestContext) -> Response:
    """Store the events of the body once `?after=N` more requests to the Activities API have been answered."""
    _require_mimic(context)
    source = read_source(context)
    after = _number(context.request.query_params, "after", most=_MOST_AFTER)
    body = await read_body(context.request, limit=context.services.settings.max_ingest_body, setting=SETTING)
    encodings = ", ".join(context.request.headers.getlist("content-encoding"))
    text = decoded(body, encodings, limit=context.services.settings.max_ingest_body, setting=SETTING)
    refused = await context.ingest(refusals, context, text, source)
    if refused:  # Nobody would be told when they arrive.
        raise MalformedBodyError(f"body: line {refused[0].line} cannot be stored: {refused[0].reason}")
    context.services.emulation.arrive(context.scope.tenant, DelayedArrival(after, text, source))
    return json_response({"after": after})


async def forget(context: RequestContext) -> Response:
    """Nothing is to befall the tenant's requests any more."""
    _require_mimic(context)
    context.services.emulation.forget(context.scope.tenant)
    return json_response({"waiting": 0})


def _require_mimic(context: RequestContext) -> None:
    if not context.services.emulation.any:
        raise NotMimickingError


def _interruption(asked: Any) -> Interruption:
    if not isinstance(asked, dict):
        raise MalformedBodyError(f"answers: expected objects with status, slow or retryAfter, got {describe(asked)}")
    status = _number(asked, "status", most=_STATUSES[-1])
    if status and status < _STATUSES[0]:
        raise MalformedBodyError(f"status: expected {_STATUSES[0]} to {_STATUSES[-1]}, got {status}")
    retry_after = _number(asked, "retryAfter", most=_MOST_SECONDS)
    return Interruption(_number(asked, "slow", most=_MOST_SLOW), status or None, retry_after or 1)


def _number(asked: Mapping[str, Any], name: str, *, most: int) -> int:
    number = count_of(asked, name)
    if number > most:
        raise MalformedBodyError(f"{name}: expected at most {most}, got {number}")
    return number
