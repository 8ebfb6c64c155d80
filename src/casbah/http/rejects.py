"""Events that ingest refused: listed with their reasons, replayed, removed."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from casbah.activity.query import count_of
from casbah.errors import MalformedBodyError, NoSuchRejectError, describe
from casbah.http.exchange import Exchange, json_response
from casbah.http.ingest import named_source, stored_alone
from casbah.http.irreversible import read_irreversible
from casbah.http.schema import Parameter, Schema
from casbah.ingest.rejects import Reject

MOST_LISTED, LISTED = 1_000, 100
MOST_REPLAYED = 10_000

SOURCE = Parameter(
    "source", {"type": ["string", "null"]}, "The source that they are from, in place of the one named before"
)
_IDS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "Which of them"}
REPLAY_FORMS: tuple[tuple[Mapping[str, Schema], Sequence[str]], ...] = (
    ({"ids": _IDS, "everything": {"const": False}}, ("ids",)),
    ({"everything": {"const": True, "description": "All of them, without ids"}}, ("everything",)),
)
"""What a replay names: some of them, or everything."""


async def list_rejects(exchange: Exchange) -> Response:
    """The events that were refused lately, with the reasons; the newest request first. `limit` is 100 unless it is said."""
    asked = exchange.request.query_params
    skip, limit = count_of(asked, "skip"), min(count_of(asked, "limit") or LISTED, MOST_LISTED)
    rejects = await exchange.quick(exchange.services.rejects.all, exchange.scope)
    data = list(map(_shown, rejects[skip : skip + limit]))
    return json_response({"data": data, "hasNext": skip + limit < len(rejects), "total": len(rejects)})


async def replay_rejects(exchange: Exchange) -> Response:
    """Ingest refused events again, such as with the `source` they are from. What is stored then is a reject no longer."""
    body = await read_irreversible(exchange, known=("ids", "source"), flags=("everything",))
    ids = body.get("ids")
    source = named_source(exchange, body.get("source"))
    if body.get("everything"):
        if "ids" in body:
            raise MalformedBodyError("everything: true goes without ids; leave one of the two out")
    elif not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        raise MalformedBodyError(f'ids: expected a list of ids, or "everything": true, got {describe(ids)}')
    return json_response(await exchange.ingest(_replayed, exchange, ids, source))


async def remove_reject(exchange: Exchange) -> Response:
    """Keep a refused event no longer."""
    reject_id = exchange.path["reject"]

    def remove() -> None:
        rejects = exchange.services.rejects
        if all(reject.id != reject_id for reject in rejects.all(exchange.scope)):
            raise NoSuchRejectError
        rejects.remove([reject_id], exchange.scope)

    await exchange.quick(remove)
    return json_response({"id": reject_id})


def _replayed(exchange: Exchange, ids: list[str] | None, source: str | None) -> dict[str, Any]:
    rejects, scope = exchange.services.rejects, exchange.scope
    known = {reject.id: reject for reject in rejects.all(scope)}
    wanted = list(known)[:MOST_REPLAYED] if ids is None else list(dict.fromkeys(ids))
    chosen = [known[reject_id] for reject_id in wanted if reject_id in known]
    stored = duplicates = 0
    refused: list[dict[str, Any]] = [
        {"id": reject_id, "reason": "no refused event has this id"} for reject_id in wanted if reject_id not in known
    ]
    done: list[str] = []
    for reject in chosen:
        if not reject.whole:
            reason = f"only the first {len(reject.raw)} of {reject.size} bytes are kept; send it again"
            refused.append({"id": reject.id, "reason": reason})
            continue
        inserted, reasons = stored_alone(exchange, reject.raw, source or reject.source)
        stored += inserted.stored
        duplicates += inserted.duplicates
        if reasons or not (inserted.stored or inserted.duplicates):
            refused.append({"id": reject.id, "reason": "; ".join(reasons) or "no event in it"})
        else:
            done.append(reject.id)
    rejects.remove(done, scope)
    return {"stored": stored, "duplicates": duplicates, "refused": refused}


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
