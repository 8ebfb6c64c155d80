"""The Activities API: list, scan, fetch, feedback, count, metadata (`wire.md`, sections 1, 4, 5 and 8)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS
from casbah.activity.language import FILTERS
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query, continuation, parse, where
from casbah.errors import ActivityNotFoundError, LimitExceededError, MalformedBodyError, describe
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext, WriterContext, json_response
from casbah.ingest import jsontext
from casbah.store.contract import FeedbackEntry, Page

_CHUNK = 500
_FEEDBACK_TEXTS = ("feedback", "feedbackValue", "feedbackText", "contactEmail")
_FEEDBACK_NEEDS = ("feedback", "feedbackValue", "feedbackText")


async def list_activities(context: RequestContext) -> Response:
    """One page of a list, or with `isScan` of a scan."""
    body = await _parameters(context.request, context)
    emulation = context.emulation
    query = emulation.bounded(parse(body, now=context.services.clock(), bounds=context.services.bounds))
    if query.scan:
        return await context.search(_scan_page, query, context, context.deadline)
    page = await context.search(_find_page, query, context, context.deadline)
    more = query.skip + len(page.records) < page.total and bool(page.records)
    total = emulation.total(page.total)
    context.services.metrics.read(len(page.records))
    text = _page(page.records, more=more, total=total)
    return Response(text, 200, _total_headers(total, exact=page.total), "application/json")


async def count_activities(context: RequestContext) -> Response:
    """How many activities match the same `filters`."""
    body = await _parameters(context.request, context)
    filters = body.get("filters")
    predicate = where(
        {} if filters in (None, "") else filters, now=context.services.clock(), bounds=context.services.bounds
    )
    emulation = context.emulation
    exact = await context.search(_count_matches, emulation.narrowed(predicate), context, context.deadline)
    total = emulation.total(exact)
    answer = {"total": total, "moreThanTotal": total < exact}
    return Response(jsontext.dump(answer), 200, _total_headers(total, exact=exact), "application/json")


async def fetch_activity(context: RequestContext) -> Response:
    """One activity: the bare record. A request body is ignored (`wire.md`, 1)."""
    record = await context.quick(lambda: context.tenant.fetch(context.path["pk"]))
    if record is None or not await _is_settled(context, context.path["pk"]):
        raise ActivityNotFoundError
    return Response(record, media_type="application/json")


async def give_feedback(context: WriterContext) -> Response:
    """Append one feedback entry. Returns the activity as a list of one."""
    sent = _feedback(await _parameters(context.request, context))
    activity_id = context.path["pk"]
    caller = context.caller
    entry = FeedbackEntry(context.services.clock(), caller.name, jsontext.dump({**sent, "whoId": caller.id}))
    longest, most = context.services.settings.max_feedback_length, context.services.settings.max_feedback
    if (length := len(entry.what.decode())) > longest:
        raise LimitExceededError(
            f"feedback: at most {longest} characters as JSON, got {length} (setting CASBAH_MAX_FEEDBACK_LENGTH)"
        )
    if not await context.quick(lambda: context.tenant.add_feedback(activity_id, entry, most=most)):
        raise LimitExceededError(f"feedback: at most {most} entries for one activity (setting CASBAH_MAX_FEEDBACK)")
    record = await context.quick(lambda: context.tenant.fetch(activity_id))
    return Response(_page([record or b""], more=False, total=1), media_type="application/json")


async def list_feedback(context: WriterContext) -> Response:
    """The feedback on one activity, oldest first."""
    entries = await context.quick(lambda: context.tenant.feedback(context.path["pk"]))
    data = [{"at": entry.at, "who": entry.who, **jsontext.parse_object(entry.what)} for entry in entries]
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def list_metadata(_: RequestContext) -> Response:
    """The filters and their operators, from the table."""
    return json_response({"filters": [_filter_metadata(name) for name in FILTERS]})


async def threat_scores(_: RequestContext) -> Response:
    """Always empty: Casbah does not score activities. The portal requests scores with each list."""
    return json_response({})


async def _parameters(request: Request, context: RequestContext) -> dict[str, Any]:
    return await read_parameters(request, limit=context.services.settings.max_body)


async def _is_settled(context: RequestContext, activity_id: str) -> bool:
    """Whether an activity is old enough to be visible; always true unless `mimic_late` delays visibility."""
    settled = context.emulation.settled
    if settled is None:
        return True
    this = p.both(p.Terms(FIELDS["id"], (activity_id,)), settled)
    return await context.quick(lambda: context.tenant.count(this)) > 0


def _find_page(query: Query, context: RequestContext, deadline: Deadline) -> Page:
    return context.tenant.find(query, deadline=deadline)


def _count_matches(predicate: Predicate, context: RequestContext, deadline: Deadline) -> int:
    return context.tenant.count(predicate, deadline=deadline)


def _scan_page(query: Query, context: RequestContext, deadline: Deadline) -> Response:
    page, emulation = context.tenant.scan(query, deadline=deadline), context.emulation
    more = page.boundary is not None
    following = continuation(query, page.boundary) if page.boundary is not None else None
    total = emulation.total(page.total)
    tail = _tail(more=more, total=total if emulation.scan_total else None, following=following)
    headers = _total_headers(total, exact=page.total) if emulation.scan_total else None
    pieces = _stream(page.records, tail, read=context.services.metrics.read)
    if context.request.scope["http_version"] == "1.0":
        # HTTP/1.0 has no chunked encoding (RFC 9112, 6.1), which the server uses for responses of unknown length.
        return Response(b"".join(pieces), 200, headers, "application/json")
    return StreamingResponse(pieces, 200, headers, "application/json")


def _total_headers(total: int, *, exact: int) -> dict[str, str]:
    """The header that marks a total as inexact (`wire.md`, 4)."""
    return {} if total == exact else {"Casbah-Total": "approximate"}


def _stream(records: Iterator[bytes], tail: bytes, *, read: Callable[[int], None]) -> Iterator[bytes]:
    """A page in chunks, since it may be larger than memory."""
    lead = b'{"data":['
    while chunk := list(islice(records, _CHUNK)):
        read(len(chunk))
        yield lead + b",".join(chunk)
        lead = b","
    yield (b"" if lead == b"," else lead) + tail


def _page(records: Sequence[bytes], *, more: bool, total: int) -> bytes:
    """The response body, joined once: at some 400 KB every copy costs measurable time."""
    pieces = [b'{"data":[']
    for record in records:
        pieces += (record, b",")
    if records:
        pieces.pop()
    return b"".join((*pieces, _tail(more=more, total=total)))


def _tail(*, more: bool, total: int | None, following: dict[str, Any] | None = None) -> bytes:
    tail: dict[str, Any] = {"hasNext": more} if total is None else {"hasNext": more, "total": total}
    if following is not None:
        tail["nextQueryFilters"] = following
    return b"]," + jsontext.dump(tail)[1:]


def _feedback(body: dict[str, Any]) -> dict[str, Any]:
    """The feedback keys of a body, validated. Raises MalformedBodyError if all of `_FEEDBACK_NEEDS` are missing."""
    sent = {key: body[key] for key in (*_FEEDBACK_TEXTS, "allowContact") if body.get(key) is not None}
    for key in _FEEDBACK_TEXTS:
        if key in sent and type(sent[key]) not in (str, int):
            raise MalformedBodyError(f"{key}: expected a string, got {describe(sent[key])}")
    allowed = sent.get("allowContact")
    if isinstance(allowed, str) and allowed.lower() in ("true", "false"):
        sent["allowContact"] = allowed.lower() == "true"
    elif allowed is not None and not isinstance(allowed, bool):
        raise MalformedBodyError(f"allowContact: expected true or false, got {describe(allowed)}")
    if not any(key in sent for key in _FEEDBACK_NEEDS):
        raise MalformedBodyError(f"feedback needs at least one of {', '.join(_FEEDBACK_NEEDS)}")
    return sent


def _filter_metadata(name: str) -> dict[str, Any]:
    row = FILTERS[name]
    return {
        "name": row.name,
        "operators": [{"id": operator, "documented": operator in row.documented} for operator in row.operators],
        "inputType": {"type": row.field.kind.value},
        "deprecated": False,
    }
