"""The Activities API: list, scan, fetch, feedback, count, metadata (docs/compatibility.md, sections 1, 4, 5 and 8)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response, StreamingResponse

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS
from casbah.activity.language import FILTERS
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query, continuation, filters_of, is_scan, parse, where
from casbah.base import jsontext
from casbah.errors import ActivityNotFoundError, LimitExceededError, MalformedBodyError, describe
from casbah.http.answers import (
    BEFORE_RECORDS,
    Answer,
    Count,
    Filters,
    Moment,
    Record,
    WholeList,
    after_records,
    respond,
    spliced,
)
from casbah.http.context import RequestContext, WriterContext
from casbah.http.filter_metadata import Metadata, metadata
from casbah.http.request_schemas import Schema, either, open_body, ref
from casbah.store.contract import FeedbackEntry, Page

ARCHIVE = "archived_activities"
"""The last part of the path of activities from before the days that `activities` has, in MDCA."""
_CHUNK = 500
_FEEDBACK_TEXTS = {
    "feedback": "The text",
    "feedbackValue": 'A code, such as "0"',
    "feedbackText": "The text, under the name that some clients use",
    "contactEmail": "Where to reply",
}
_FEEDBACK_NEEDS = ("feedback", "feedbackValue", "feedbackText")


def _feedback_body(text: Schema, flag: Schema) -> Schema:
    texts = {name: {**text, "description": help_text} for name, help_text in _FEEDBACK_TEXTS.items()}
    types = {"type": ["string", "integer"]}
    return {
        **open_body({**texts, "allowContact": {**flag, "description": "Whether you may be contacted"}}),
        "anyOf": [{"required": [name], "properties": {name: types}} for name in _FEEDBACK_NEEDS],
        "description": f"At least one of {', '.join(_FEEDBACK_NEEDS[:-1])} and {_FEEDBACK_NEEDS[-1]} is required; "
        "1.0 is not taken for 1",
    }


BODIES: Mapping[str, Schema] = {
    "Feedback": _feedback_body({"type": ["string", "integer", "null"]}, either({"type": "null"}, ref("Flag"))),
    "FeedbackForm": _feedback_body({"type": ["string", "integer"]}, ref("Flag")),
}


_When = Meta(extra_json_schema=ref("Whole"))


class Activity(Answer, forbid_unknown_fields=False):
    """A record, which is never decoded: every one has the first four keys, others depend on the source."""

    activity_id: Annotated[str | int, Meta(description="Its id, as its source spelled it; opaque")] = msgspec.field(
        name="_id"
    )
    uid: Annotated[Any, Meta(description="The same as `_id`, unless the source said something else")]
    timestamp: Annotated[Any, _When, Meta(description="When it happened: the filter `date`")]
    created: Annotated[Any, _When, Meta(description="When it was stored: the filter `created`")]
    app_id: Annotated[Any, Meta(description="The app that it was done in: the filter `service`")] = UNSET
    app_name: Annotated[Any, Meta(description="The app's name")] = UNSET
    description: Annotated[Any, Meta(description="A sentence for people")] = UNSET
    event_type_name: Annotated[Any, Meta(description="Its category: the filter `activity.eventActionType`")] = UNSET
    entity_data: Annotated[Any, Meta(description="Who performed it, and who or what was acted on")] = UNSET
    raw_data_json: Annotated[Any, Meta(description="The event as its source wrote it")] = UNSET


_Data = Annotated[Sequence[Record], Meta(description="The activities of this page")]
_HasNext = Annotated[bool, Meta(description="Whether there is more; never with an empty page")]
_Following = (
    Annotated[Filters, Meta(description="In a scan, while there is more: send it back as `filters`")] | UnsetType
)


class PageAnswer(Answer):
    data: _Data
    has_next: _HasNext
    total: Annotated[Count, Meta(description="How many match in all; exact")]
    next_query_filters: _Following = UNSET
    maximum: Annotated[int, Meta(description="The page size; only where the server is told to say it")] | UnsetType = (
        msgspec.field(name="max", default=UNSET)
    )
    more_than_total: bool | UnsetType = UNSET


class UncountedPage(Answer):
    """A page of a scan that does not say how many match: see `Emulation.scan_total`."""

    data: _Data
    has_next: _HasNext
    next_query_filters: _Following = UNSET


class Total(Answer):
    total: Count
    more_than_total: Annotated[
        bool,
        Meta(description="Whether there are more than that: only where the server is told not to say the exact total"),
    ]


class FeedbackEntryAnswer(Answer, forbid_unknown_fields=False):
    """An entry with the keys that were sent. It is answered as it is stored, since older versions may have stored others."""

    at: Moment
    who: Annotated[str, Meta(description="The name of who gave it: for display, since names can be equal")]
    feedback: str | int | UnsetType | None = UNSET
    feedback_value: str | int | UnsetType | None = UNSET
    feedback_text: str | int | UnsetType | None = UNSET
    contact_email: str | int | UnsetType | None = UNSET
    allow_contact: bool | UnsetType | None = UNSET
    who_id: Annotated[str, Meta(description="The id of the token, or of the issuer and its subject")] | UnsetType = (
        UNSET
    )


class FeedbackPage(WholeList[FeedbackEntryAnswer]):
    """All of the feedback, oldest first."""


class ThreatScores(Answer):
    """No scores."""


async def list_activities(context: RequestContext) -> Annotated[Response, PageAnswer]:
    return await respond_with_page(await context.parameters(), context)


async def respond_with_page(body: Mapping[str, Any], context: RequestContext, *, groups: bool = False) -> Response:
    """The page that a request asks for; `groups` as for `query.where`."""
    emulation = context.emulation
    now = context.services.clock()
    query = parse(body, now=now, bounds=context.services.bounds, groups=groups)
    if is_scan(body):
        query = replace(query, predicate=emulation.narrowed(query.predicate, archive=_of_archive(context)))
        filters_after = partial(continuation, filters_of(body), query, now=now)
        return await context.search(_scan_page, query, filters_after, context, context.deadline)
    query = emulation.limited(query, archive=_of_archive(context))
    page = await context.search(_find_page, query, context, context.deadline)
    more = query.skip + len(page.records) < page.total and bool(page.records)
    total = emulation.total(page.total)
    context.services.metrics.read(len(page.records))
    answer = PageAnswer((), has_next=more, total=total)
    if emulation.list_totals:
        answer = msgspec.structs.replace(answer, maximum=query.limit, more_than_total=total < page.total)
    return Response(spliced(answer, page.records), 200, _total_headers(total, exact=page.total), "application/json")


async def count_activities(context: RequestContext) -> Annotated[Response, Total]:
    body = await context.parameters()
    predicate = where(filters_of(body), now=context.services.clock(), bounds=context.services.bounds)
    emulation = context.emulation
    visible = emulation.narrowed(predicate, archive=_of_archive(context))
    exact = await context.search(_count_matches, visible, context, context.deadline)
    total = emulation.total(exact)
    response = respond(Total(total, more_than_total=total < exact))
    response.headers.update(_total_headers(total, exact=exact))
    return response


async def fetch_activity(context: RequestContext) -> Annotated[Response, Record]:
    record = await context.quick(lambda: context.tenant.fetch(context.path["pk"]))
    if record is None or not await _is_settled(context, context.path["pk"]):
        raise ActivityNotFoundError
    return Response(record, media_type="application/json")


async def give_feedback(context: WriterContext) -> Annotated[Response, PageAnswer]:
    sent = _feedback(await context.parameters())
    activity_id = context.path["pk"]
    caller = context.caller
    entry = FeedbackEntry(context.services.clock(), caller.name, jsontext.dump({**sent, "whoId": caller.id}))
    longest, maximum = context.services.settings.max_feedback_length, context.services.settings.max_feedback
    if (length := len(entry.what.decode())) > longest:
        raise LimitExceededError(
            f"feedback: at most {longest} characters as JSON, got {length} (setting CASBAH_MAX_FEEDBACK_LENGTH)"
        )
    if not await context.quick(lambda: context.tenant.add_feedback(activity_id, entry, maximum=maximum)):
        raise LimitExceededError(f"feedback: at most {maximum} entries for one activity (setting CASBAH_MAX_FEEDBACK)")
    record = await context.quick(lambda: context.tenant.fetch(activity_id))
    text = spliced(PageAnswer((), has_next=False, total=1), [record or b""])
    return Response(text, media_type="application/json")


async def list_feedback(context: WriterContext) -> Annotated[Response, FeedbackPage]:
    entries = await context.quick(lambda: context.tenant.feedback(context.path["pk"]))
    return respond(WholeList.of(map(_feedback_entry, entries)))


async def list_metadata(_: RequestContext) -> Metadata:
    return Metadata(
        [metadata(row.name, row.operators, row.field.kind, documented=row.documented) for row in FILTERS.values()]
    )


async def threat_scores(_: RequestContext) -> ThreatScores:
    return ThreatScores()


def _of_archive(context: RequestContext) -> bool:
    return ARCHIVE in context.request.scope["path"].split("/")


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


def _scan_page(
    query: Query, filters_after: Callable[[int], dict[str, Any]], context: RequestContext, deadline: Deadline
) -> Response:
    page, emulation = context.tenant.scan(query, deadline=deadline), context.emulation
    more = page.boundary is not None
    following = filters_after(page.boundary) if page.boundary is not None else UNSET
    total = emulation.total(page.total)
    answer = PageAnswer((), more, total, following) if emulation.scan_total else UncountedPage((), more, following)
    headers = _total_headers(total, exact=page.total) if emulation.scan_total else None
    pieces = _stream(page.records, after_records(answer), read=context.services.metrics.read)
    if context.request.scope["http_version"] == "1.0":
        # HTTP/1.0 has no chunked encoding (RFC 9112, 6.1), which the server uses for responses of unknown length.
        return Response(b"".join(pieces), 200, headers, "application/json")
    return StreamingResponse(pieces, 200, headers, "application/json")


def _total_headers(total: int, *, exact: int) -> dict[str, str]:
    """The header that marks a total as inexact (docs/compatibility.md, 4)."""
    return {} if total == exact else {"Casbah-Total": "approximate"}


def _stream(records: Iterator[bytes], tail: bytes, *, read: Callable[[int], None]) -> Iterator[bytes]:
    """A page in chunks, since it may be larger than memory."""
    lead = BEFORE_RECORDS
    while chunk := list(islice(records, _CHUNK)):
        read(len(chunk))
        yield lead + b",".join(chunk)
        lead = b","
    yield (b"" if lead == b"," else lead) + tail


def _feedback_entry(entry: FeedbackEntry) -> Mapping[str, Any]:
    """The members of a `FeedbackEntryAnswer`."""
    return {"at": entry.at, "who": entry.who, **jsontext.parse_object(entry.what)}


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
