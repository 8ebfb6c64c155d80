"""Turns a page of events into new activities: connectors' drafts get their ids and become the bytes of records.

Make one call per file or page: identical events without an id are distinguished by their count within it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from casbah.activity.new_activity import NewActivity
from casbah.ingest import json_patch, jsontext
from casbah.ingest.contract import Draft, Event, Ready, Recognised, Refusal, UnusableEventError
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.reserved import require_unreserved
from casbah.ingest.times import within_bounds

_ADDED_LATER = ("_id", "uid", "created")


def new_activities(
    items: Iterable[Recognised | Refusal],
    enrichment: Enrichment | None = None,
    *,
    reserved: bool = False,
) -> Iterator[NewActivity | Refusal]:
    """The new activities of one file or page, in order, enriched if there is an Enrichment. Refusals pass through.

    `reserved` allows activities that only the server may store, for its own audit trail.
    """
    return (item for _, item in with_lines(items, enrichment, reserved=reserved))


def with_lines(
    items: Iterable[Recognised | Refusal],
    enrichment: Enrichment | None = None,
    *,
    reserved: bool = False,
) -> Iterator[tuple[int, NewActivity | Refusal]]:
    """Like `new_activities`, each with the line of its event: one event may become several activities."""
    seen = Seen()
    for item in items:
        if isinstance(item, Refusal):
            yield item.line, item
            continue
        event = item.event
        try:
            activities = _of_event(item, seen, enrichment)
            for activity in () if reserved else activities:
                require_unreserved(activity)
            for activity in activities:
                yield event.line, activity
        except UnusableEventError as error:
            yield event.line, Refusal(event.origin, event.line, str(error), event.raw)


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts identical events without an id."""

    _counts: Counter[bytes] = field(default_factory=Counter)

    def numbered(self, name: str) -> str:
        """`name` for the first call, `name-<n>` for the n-th call after it."""
        key = sha256(name.encode("utf-8", "surrogatepass")).digest()
        count = self._counts[key]
        self._counts[key] = count + 1
        return f"{name}-{count}" if count else name


def digest_of(event: Event) -> str:
    """The hex SHA-256 of the event's canonical body."""
    return sha256(jsontext.canonical(event.parsed)).hexdigest()


def _of_event(item: Recognised, seen: Seen, enrichment: Enrichment | None) -> list[NewActivity]:
    """All activities of an event at once, so that an event is refused as a whole."""
    event = item.event
    drafts = list(item.connector.drafts(event))
    for draft in drafts:
        if not within_bounds(draft.timestamp):
            raise UnusableEventError(f"no usable time: {draft.timestamp} ms is outside 0 to 2^43 - 1")
        if isinstance(draft, Draft) and not _operation(draft):
            raise UnusableEventError("no operation: the event does not say what was done")
    digest = digest_of(event) if any(isinstance(draft, Draft) for draft in drafts) else ""
    return [_new_activity(event, draft, digest, seen, enrichment) for draft in drafts]


def _operation(draft: Draft) -> str:
    """The operation, or "". It is required: an activity without one is useless in searches and policies."""
    main = draft.keys.get("mainInfo")
    operation = main.get("rawOperationName") if isinstance(main, Mapping) else None
    return operation.strip() if isinstance(operation, str) else ""


def _new_activity(
    event: Event, draft: Draft | Ready | NewActivity, digest: str, seen: Seen, enrichment: Enrichment | None
) -> NewActivity:
    if isinstance(draft, Draft):
        return _drafted(event, draft, digest, seen, enrichment)
    activity = _ready(event, draft, seen) if isinstance(draft, Ready) else draft
    return activity if enrichment is None else enrichment.enriched(activity)


def _drafted(event: Event, draft: Draft, digest: str, seen: Seen, enrichment: Enrichment | None) -> NewActivity:
    keys = {**draft.keys, "timestamp": draft.timestamp, "timestampRaw": draft.timestamp}
    if enrichment is not None:
        keys = enrichment.extended(keys)
    return NewActivity(
        id=draft.id if draft.id is not None else seen.numbered(f"{draft.scope}{digest}{draft.part}"),
        timestamp=draft.timestamp,
        record=jsontext.joined(keys, last="rawDataJson", raw=event.raw),
        activity={**keys, "rawDataJson": event.parsed},
        digest=digest,
        adds=_ADDED_LATER,
    )


def _ready(event: Event, ready: Ready, seen: Seen) -> NewActivity:
    identity = ready.id if ready.id is not None else seen.numbered(digest_of(event))
    record = event.raw
    activity: Mapping[str, Any] = event.parsed
    filled: dict[str, str] = {key: identity for key in ("_id", "uid") if key in ready.nulls}
    removed = ready.nulls - filled.keys()
    if removed:
        record = json_patch.without(record, removed)
        activity = {key: value for key, value in activity.items() if key not in removed}
    if filled or ready.entities:
        record, activity = _mended(record, activity, filled, entities=ready.entities)
    return NewActivity(identity, ready.timestamp, record, activity, created=ready.created, adds=ready.adds)


def _mended(
    record: bytes, activity: Mapping[str, Any], filled: Mapping[str, str], *, entities: bool
) -> tuple[bytes, Mapping[str, Any]]:
    changes = {key: jsontext.dump(value) for key, value in filled.items()}
    values: dict[str, Any] = dict(filled)
    if entities:
        listed = activity["entityData"] or []
        spans = {member.key: member.value for member in json_patch.members(record)}
        at = spans["entityData"]
        changes["entityData"] = json_patch.numbered(record[at.start : at.end]) if listed else b"{}"
        values["entityData"] = {str(index): value for index, value in enumerate(listed)}
    return json_patch.replaced(record, changes), {**activity, **values}
