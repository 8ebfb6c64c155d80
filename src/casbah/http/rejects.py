"""Refused events: list them with their reasons, replay them, remove them."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from casbah.activity.query import count_of
from casbah.errors import LimitExceededError, MalformedBodyError, NoSuchRejectError, describe
from casbah.http.answers import Answer, Count, DeletedAnswer, Moment
from casbah.http.context import WriterContext
from casbah.http.ingest import Duplicates, named_source, store_each
from casbah.http.irreversible import read_irreversible
from casbah.http.request_schemas import Schema, either, strict_body
from casbah.ingest.rejects import Reject

MAX_LISTED, LISTED = 1_000, 100
MAX_REPLAYED = 10_000
"""Maximum events that one request replays."""

_SOURCE: Schema = {
    "type": ["string", "null"],
    "description": 'The source to use instead of the original one; "" to detect each by its content',
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
BODIES: Mapping[str, Schema] = {
    "ReplayQuery": either(
        strict_body({"source": _SOURCE, "ids": _IDS, "everything": {"const": False}}, required=("ids",)),
        strict_body({"source": _SOURCE, "everything": _EVERYTHING, "skip": _SKIP}, required=("everything",)),
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


async def list_rejects(context: WriterContext) -> RejectPage:
    parameters = context.request.query_params
    skip, limit = count_of(parameters, "skip"), min(count_of(parameters, "limit") or LISTED, MAX_LISTED)

    def page() -> tuple[Sequence[Reject], int]:
        return context.services.rejects.page(context.tenant_id, skip=skip, limit=limit)

    rejects, total = await context.quick(page)
    return RejectPage(list(map(_shown, rejects)), has_next=skip + limit < total, total=total)


async def replay_rejects(context: WriterContext) -> Replayed:
    body = await read_irreversible(context, known=("ids", "skip", "source"), flags=("everything",))
    ids, skip = body.get("ids"), body.get("skip", 0)
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise MalformedBodyError(f"skip: expected 0 or more, got {describe(skip)}")
    named = named_source(context, body.get("source"))
    source = "" if body.get("source") == "" else named
    if body.get("everything"):
        if "ids" in body:
            raise MalformedBodyError("everything: true goes without ids; leave one of the two out")
        return await context.ingest(_replay_newest, context, skip, source)
    if not isinstance(ids, list) or not ids or not all(isinstance(item_id, str) for item_id in ids):
        raise MalformedBodyError(f'ids: expected a list of ids, or "everything": true, got {describe(ids)}')
    if "skip" in body:
        raise MalformedBodyError("skip: goes with everything: true, not with ids; leave one of the two out")
    if len(ids) > MAX_REPLAYED:
        raise LimitExceededError(f"ids: expected up to {MAX_REPLAYED:,}, got {len(ids):,}")
    return await context.ingest(_replay_named, context, ids, source)


async def remove_reject(context: WriterContext) -> DeletedAnswer:
    reject_id = context.path["reject"]

    def remove() -> None:
        if not context.services.rejects.remove([reject_id], context.tenant_id):
            raise NoSuchRejectError

    await context.quick(remove)
    return DeletedAnswer(reject_id)


def _replay_newest(context: WriterContext, skip: int, source: str | None) -> Replayed:
    rejects, total = context.services.rejects.page(context.tenant_id, skip=skip, limit=MAX_REPLAYED)
    return replace(_replayed(context, rejects, source), remaining=max(0, total - skip - len(rejects)))


def _replay_named(context: WriterContext, ids: list[str], source: str | None) -> Replayed:
    ids = list(dict.fromkeys(ids))
    known = context.services.rejects.named(ids, context.tenant_id)
    result = _replayed(context, list(known.values()), source)
    unknown = [RefusedAgain(item_id, "no refused event has this id") for item_id in ids if item_id not in known]
    return replace(result, refused=[*unknown, *result.refused])


def _replayed(context: WriterContext, rejects: Sequence[Reject], source: str | None) -> Replayed:
    """Replay rejects in batches. The events of a batch stay rejects until it is stored.

    With None as the source, each keeps its own; with "", each is detected.
    """
    stored = duplicates = 0
    refused: list[RefusedAgain] = []
    size = context.services.settings.batch

    def source_of(reject: Reject) -> str | None:
        return reject.source if source is None else source or None

    for batch in (rejects[start : start + size] for start in range(0, len(rejects), size)):
        reasons = {reject.id: _unusable(reject, source_of(reject), context) for reject in batch}
        usable = [reject for reject in batch if not reasons[reject.id]]
        inserted, refusals = store_each(context, [(reject.raw, source_of(reject)) for reject in usable])
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
