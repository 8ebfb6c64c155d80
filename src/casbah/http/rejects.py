"""Refused events: list them with their reasons, replay them, remove them."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from casbah.activity.query import count_of
from casbah.errors import LimitExceededError, MalformedBodyError, NoSuchRejectError, describe
from casbah.http.context import WriterContext, json_response
from casbah.http.ingest import named_source, store_each
from casbah.http.irreversible import read_irreversible
from casbah.http.schema import Parameter, Schema
from casbah.ingest.rejects import Reject

MOST_LISTED, LISTED = 1_000, 100
MOST_REPLAYED = 10_000
"""Maximum events that one request replays."""

SOURCE = Parameter(
    "source",
    {"type": ["string", "null"]},
    'The source to use instead of the original one; "" to detect each by its content',
)
_IDS: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": MOST_REPLAYED,
    "description": "Ids of the events to replay",
}
_SKIP: Schema = {
    "type": "integer",
    "minimum": 0,
    "default": 0,
    "description": "How many of the newest to skip, such as those that were refused again",
}
REPLAY_FORMS: tuple[tuple[Mapping[str, Schema], Sequence[str]], ...] = (
    ({"ids": _IDS, "everything": {"const": False}}, ("ids",)),
    (
        {
            "everything": {"const": True, "description": f"Replay all, without ids: the newest {MOST_REPLAYED:,}"},
            "skip": _SKIP,
        },
        ("everything",),
    ),
)
"""The forms of a replay request: by ids, or everything."""


async def list_rejects(context: WriterContext) -> Response:
    """The refused events that are kept, with reasons, newest request first. `limit` defaults to 100."""
    parameters = context.request.query_params
    skip, limit = count_of(parameters, "skip"), min(count_of(parameters, "limit") or LISTED, MOST_LISTED)

    def page() -> tuple[Sequence[Reject], int]:
        return context.services.rejects.page(context.tenant_id, skip=skip, limit=limit)

    rejects, total = await context.quick(page)
    return json_response({"data": list(map(_shown, rejects)), "hasNext": skip + limit < total, "total": total})


async def replay_rejects(context: WriterContext) -> Response:
    """Ingest refused events again, for example with another `source`. Events stored this time are removed from the rejects.

    With `everything`, `remaining` counts the older events left for further requests. In these, set `skip` to the number of
    events refused again so far.
    """
    body = await read_irreversible(context, known=("ids", "skip", "source"), flags=("everything",))
    ids, skip = body.get("ids"), body.get("skip", 0)
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise MalformedBodyError(f"skip: expected 0 or more, got {describe(skip)}")
    named = named_source(context, body.get("source"))
    source = "" if body.get("source") == "" else named
    if body.get("everything"):
        if "ids" in body:
            raise MalformedBodyError("everything: true goes without ids; leave one of the two out")
        return json_response(await context.ingest(_replay_newest, context, skip, source))
    if not isinstance(ids, list) or not ids or not all(isinstance(item_id, str) for item_id in ids):
        raise MalformedBodyError(f'ids: expected a list of ids, or "everything": true, got {describe(ids)}')
    if "skip" in body:
        raise MalformedBodyError("skip: goes with everything: true, not with ids; leave one of the two out")
    if len(ids) > MOST_REPLAYED:
        raise LimitExceededError(f"ids: expected up to {MOST_REPLAYED:,}, got {len(ids):,}")
    return json_response(await context.ingest(_replay_named, context, ids, source))


async def remove_reject(context: WriterContext) -> Response:
    """Remove a refused event."""
    reject_id = context.path["reject"]

    def remove() -> None:
        if not context.services.rejects.remove([reject_id], context.tenant_id):
            raise NoSuchRejectError

    await context.quick(remove)
    return json_response({"id": reject_id})


def _replay_newest(context: WriterContext, skip: int, source: str | None) -> dict[str, Any]:
    rejects, total = context.services.rejects.page(context.tenant_id, skip=skip, limit=MOST_REPLAYED)
    return {**_replayed(context, rejects, source), "remaining": max(0, total - skip - len(rejects))}


def _replay_named(context: WriterContext, ids: list[str], source: str | None) -> dict[str, Any]:
    ids = list(dict.fromkeys(ids))
    known = context.services.rejects.named(ids, context.tenant_id)
    result = _replayed(context, list(known.values()), source)
    unknown = [{"id": item_id, "reason": "no refused event has this id"} for item_id in ids if item_id not in known]
    return {**result, "refused": [*unknown, *result["refused"]], "remaining": 0}


def _replayed(context: WriterContext, rejects: Sequence[Reject], source: str | None) -> dict[str, Any]:
    """Replay rejects in batches. The events of a batch stay rejects until it is stored.

    With None as the source, each keeps its own; with "", each is detected.
    """
    stored = duplicates = 0
    refused: list[dict[str, Any]] = []
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
        refused += [{"id": reject_id, "reason": reason} for reject_id, reason in reasons.items() if reason]
    return {"stored": stored, "duplicates": duplicates, "refused": refused}


def _unusable(reject: Reject, source: str | None, context: WriterContext) -> str:
    """Why a reject cannot be replayed, or ""."""
    if not reject.whole:
        return f"only the first {len(reject.raw)} of {reject.size} bytes are kept; send it again"
    if source is not None and source not in context.services.connectors:
        return f"its source {source!r} is no longer known; replay it with another source"
    return ""


def _shown(reject: Reject) -> dict[str, Any]:
    return {
        "id": reject.id,
        "at": reject.at,
        "source": reject.source,
        "sender": reject.sender,
        "line": reject.line,
        "reason": reject.reason,
        "event": reject.raw.decode("utf-8", "backslashreplace"),
        "bytes": reject.size,
        "whole": reject.whole,
    }
