"""Refused events: list them with their reasons, replay them, remove them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from casbah.activity.query import count_of, limit_of
from casbah.errors import LimitExceededError, MalformedBodyError, NoSuchRejectError, describe
from casbah.http.answers import Answer, Count, DeletedAnswer, Moment
from casbah.http.context import WriterContext
from casbah.http.ingest import Duplicates, named_source, store_each
from casbah.http.irreversible import read_irreversible
from casbah.http.request_schemas import BLANK, Schema, either, strict_body
from casbah.http.search_parameters import ZONES, named_zone_of
from casbah.ingest.rejects import Reject

MAX_LISTED, LISTED = 1_000, 100
MAX_REPLAYED = 10_000
"""Maximum events that one request replays."""

_SOURCE: Schema = {
    "type": ["string", "null"],
    "description": 'The source to use instead of the original one; "" to detect each by its content',
}
_ZONE: Schema = {
    "anyOf": [ZONES, BLANK],
    "description": "The zone of times in rows of CSV exports that have none. Default: they are refused again",
}
_IDS: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": MAX_REPLAYED,
    "description": "Ids of the events to replay",
}
_SKIP: Schema = {
    "type": "integer",
    "minimum": 0,
    "default": 0,
    "description": "How many of the newest to skip, such as those that were refused again",
}
_EVERYTHING: Schema = {"const": True, "description": f"Replay all, without ids: the newest {MAX_REPLAYED:,}"}
_READ_AS = {"source": _SOURCE, "zone": _ZONE}
BODIES: Mapping[str, Schema] = {
    "ReplayQuery": either(
        strict_body({**_READ_AS, "ids": _IDS, "everything": {"const": False}}, required=("ids",)),
        strict_body({**_READ_AS, "everything": _EVERYTHING, "skip": _SKIP}, required=("everything",)),
    )
}


class RejectAnswer(Answer):
    id: str
    at: Moment
    source: Annotated[str | None, Meta(description="The source that its request named")]
    sender: Annotated[str, Meta(description="The name of who sent it")]
    line: Annotated[int, Meta(ge=1)]
    reason: str
    event: Annotated[str, Meta(description="The event as it came; bytes that are not UTF-8 are escaped")]
    bytes: Annotated[Count, Meta(description="How large it was")]
    whole: Annotated[bool, Meta(description="Whether all of it is kept")]


class RejectPage(Answer):
    data: Sequence[RejectAnswer]
    has_next: bool
    total: Count


class RefusedAgain(Answer):
    id: str
    reason: str


class Replayed(Answer):
    stored: Count
    duplicates: Duplicates
    refused: Annotated[Sequence[RefusedAgain], Meta(description="Those that are refused again, and stay")]
    remaining: Annotated[Count, Meta(description="Older ones that were not tried: send the request again, with `skip`")]


@dataclass(frozen=True, slots=True)
class _ReadAs:
    """How a replay reads events: `zone` is that of times without one. With None as the source, each event keeps its own;
    with "", each is detected.
    """

    source: str | None
    zone: tzinfo | None

    def source_of(self, reject: Reject) -> str | None:
        """The source to read an event as; None to detect it."""
        return reject.source if self.source is None else self.source or None


async def list_rejects(context: WriterContext) -> RejectPage:
    parameters = context.request.query_params
    skip, limit = count_of(parameters, "skip"), limit_of(parameters, usual=LISTED, most=MAX_LISTED)

    def page() -> tuple[Sequence[Reject], int]:
        return context.services.rejects.page(context.tenant_id, skip=skip, limit=limit)

    rejects, total = await context.quick(page)
    return RejectPage(list(map(_shown, rejects)), has_next=skip + limit < total, total=total)


async def replay_rejects(context: WriterContext) -> Replayed:
    body = await read_irreversible(context, known=("ids", "skip", "source", "zone"), flags=("everything",))
    ids, skip = body.get("ids"), body.get("skip", 0)
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise MalformedBodyError(f"skip: expected 0 or more, got {describe(skip)}")
    named = named_source(context, body.get("source"))
    read_as = _ReadAs("" if body.get("source") == "" else named, named_zone_of(body))
    if body.get("everything"):
        if "ids" in body:
            raise MalformedBodyError("everything: true goes without ids; leave one of the two out")
        return await context.ingest(_replay_newest, context, skip, read_as)
    if not isinstance(ids, list) or not ids or not all(isinstance(item_id, str) for item_id in ids):
        raise MalformedBodyError(f'ids: expected a list of ids, or "everything": true, got {describe(ids)}')
    if "skip" in body:
        raise MalformedBodyError("skip: goes with everything: true, not with ids; leave one of the two out")
    if len(ids) > MAX_REPLAYED:
        raise LimitExceededError(f"ids: expected up to {MAX_REPLAYED:,}, got {len(ids):,}")
    return await context.ingest(_replay_named, context, ids, read_as)


async def remove_reject(context: WriterContext) -> DeletedAnswer:
    reject_id = context.path["reject"]

    def remove() -> None:
        if not context.services.rejects.remove([reject_id], context.tenant_id):
            raise NoSuchRejectError

    await context.quick(remove)
    return DeletedAnswer(reject_id)


def _replay_newest(context: WriterContext, skip: int, read_as: _ReadAs) -> Replayed:
    rejects, total = context.services.rejects.page(context.tenant_id, skip=skip, limit=MAX_REPLAYED)
    return replace(_replayed(context, rejects, read_as), remaining=max(0, total - skip - len(rejects)))


def _replay_named(context: WriterContext, ids: list[str], read_as: _ReadAs) -> Replayed:
    ids = list(dict.fromkeys(ids))
    known = context.services.rejects.named(ids, context.tenant_id)
    result = _replayed(context, list(known.values()), read_as)
    unknown = [RefusedAgain(item_id, "no refused event has this id") for item_id in ids if item_id not in known]
    return replace(result, refused=[*unknown, *result.refused])


def _replayed(context: WriterContext, rejects: Sequence[Reject], read_as: _ReadAs) -> Replayed:
    """Replay rejects in batches. The events of a batch stay rejects until it is stored."""
    stored = duplicates = 0
    refused: list[RefusedAgain] = []
    size = context.services.settings.batch

    for batch in (rejects[start : start + size] for start in range(0, len(rejects), size)):
        reasons = {reject.id: _unusable(reject, read_as.source_of(reject), context) for reject in batch}
        usable = [reject for reject in batch if not reasons[reject.id]]
        inserted, refusals = store_each(
            context, [(reject.raw, read_as.source_of(reject)) for reject in usable], read_as.zone
        )
        reasons |= {reject.id: "; ".join(texts) for reject, texts in zip(usable, refusals, strict=True)}
        context.services.rejects.remove(
            [reject_id for reject_id, reason in reasons.items() if not reason], context.tenant_id
        )
        stored += inserted.stored
        duplicates += inserted.duplicates
        refused += [RefusedAgain(reject_id, reason) for reject_id, reason in reasons.items() if reason]
    return Replayed(stored, duplicates, refused, remaining=0)


def _unusable(reject: Reject, source: str | None, context: WriterContext) -> str:
    """Why a reject cannot be replayed, or ""."""
    if not reject.raw:
        return "only the reason is kept; send the event again"
    if not reject.whole:
        return f"only the first {len(reject.raw)} of {reject.size} bytes are kept; send it again"
    if source is not None and source not in context.services.connectors:
        return f"its source {source!r} is no longer known; replay it with another source"
    return ""


def _shown(reject: Reject) -> RejectAnswer:
    return RejectAnswer(
        id=reject.id,
        at=reject.at,
        source=reject.source,
        sender=reject.sender,
        line=reject.line,
        reason=reject.reason,
        event=reject.raw.decode("utf-8", "backslashreplace"),
        bytes=reject.size,
        whole=reject.whole,
    )
