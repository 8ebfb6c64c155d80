"""Turns a page of events into new activities: connectors' drafts get their ids and become the bytes of records.

Make one call per file or page: identical events without an id are distinguished by their count within it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, TypeGuard

from casbah.activity import forms
from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_event
from casbah.ingest.contract import Connector, Draft, Event, Recognized, Refusal, UnusableEventError
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.reserved import require_unreserved
from casbah.ingest.times import within_bounds

ADDED_LATER = ("_id", "uid", "created")


def new_activities(
    items: Iterable[Recognized | Refusal],
    enrichment: Enrichment | None = None,
    *,
    reserved: bool = False,
) -> Iterator[NewActivity | Refusal]:
    """The new activities of one file or page, in order, enriched if there is an Enrichment. Refusals pass through.

    `reserved` allows activities that only the server may store, for its own audit trail.
    """
    return (item for _, item in with_lines(items, enrichment, reserved=reserved))


def with_lines(
    items: Iterable[Recognized | Refusal],
    enrichment: Enrichment | None = None,
    *,
    reserved: bool = False,
) -> Iterator[tuple[int, NewActivity | Refusal]]:
    """Like `new_activities`, each with the line of its event: one event may become several activities."""
    seen = RepeatCounter()
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
        except (UnusableEventError, jsontext.InvalidJsonError) as error:
            yield event.line, event.refused(str(error))


def events_at(items: Iterable[Recognized | Refusal], places: Collection[int]) -> Iterator[tuple[int, Event]]:
    """The events of the new activities at these places, from 0, among what `with_lines` yields for the same items."""
    latest: list[Event] = []

    def noted() -> Iterator[Recognized | Refusal]:
        for item in items:
            if isinstance(item, Recognized):
                latest[:] = [item.event]
            yield item

    for place, _ in enumerate(islice(with_lines(noted()), max(places, default=-1) + 1)):
        if place in places:
            yield place, latest[0]


@dataclass(frozen=True, slots=True)
class RepeatCounter:
    """Counts identical events without an id."""

    _counts: Counter[bytes] = field(default_factory=Counter)

    def numbered(self, name: str) -> str:
        """`name` for the first call, `name-<n>` for the n-th call after it."""
        key = sha256(name.encode("utf-8", "surrogatepass")).digest()
        count = self._counts[key]
        self._counts[key] = count + 1
        return f"{name}-{count}" if count else name


def _of_event(item: Recognized, seen: RepeatCounter, enrichment: Enrichment | None) -> list[NewActivity]:
    """All activities of an event at once, so that an event is refused as a whole."""
    event = item.event
    drafts = list(item.connector.drafts(event))
    for draft in drafts:
        if not within_bounds(draft.timestamp):
            raise UnusableEventError(f"no usable time: {draft.timestamp} ms is outside 0 to 2^43 - 1")
        if _needs_record(draft) and not _operation(draft):
            raise UnusableEventError("no operation: the event does not say what was done")
    digest = digest_of_event(event.parsed) if any(map(_needs_record, drafts)) else ""
    return [_new_activity(item, draft, digest, seen, enrichment) for draft in drafts]


def _needs_record(draft: Draft | NewActivity) -> TypeGuard[Draft]:
    return isinstance(draft, Draft) and not draft.is_record


def _operation(draft: Draft) -> str:
    """The operation, or "". It is required: an activity without one is useless in searches and policies."""
    main = draft.keys.get("mainInfo")
    operation = main.get("rawOperationName") if isinstance(main, Mapping) else None
    return operation.strip() if isinstance(operation, str) else ""


def _new_activity(
    item: Recognized, draft: Draft | NewActivity, digest: str, seen: RepeatCounter, enrichment: Enrichment | None
) -> NewActivity:
    if _needs_record(draft):
        return _with_record(item, draft, digest, seen, enrichment)
    new_activity = _with_own_record(item.event, draft, seen) if isinstance(draft, Draft) else draft
    return new_activity if enrichment is None else enrichment.enriched(new_activity)


def _with_record(
    item: Recognized, draft: Draft, digest: str, seen: RepeatCounter, enrichment: Enrichment | None
) -> NewActivity:
    """The new activity of a draft: its record is made of the draft's keys and the event's own bytes."""
    event = item.event
    form = draft.form or event.form
    keys = {
        **derived_keys(item.connector, draft),
        **({} if form is None else {forms.KEY: form.name}),
        "timestamp": draft.timestamp,
        "timestampRaw": draft.timestamp,
    }
    if enrichment is not None:
        keys = enrichment.extended(keys)
    return NewActivity(
        id=draft.id if draft.id is not None else seen.numbered(f"{draft.scope}{digest}{draft.part}"),
        timestamp=draft.timestamp,
        record=jsontext.joined(keys, last="rawDataJson", raw=event.raw),
        activity={**keys, "rawDataJson": event.parsed},
        digest=digest,
        adds=ADDED_LATER,
    )


def derived_keys(connector: Connector, draft: Draft) -> dict[str, Any]:
    """The keys of a record that its event alone decides, without its times."""
    verb = connector.verb(draft.keys) if connector.verb else ""
    return {**draft.keys, **({"verb": verb} if verb else {}), **_source_id(draft)}


def _source_id(draft: Draft) -> dict[str, str]:
    """The id that the source gave the event, which other forms of the activity name, too."""
    if not draft.id or not draft.scope or not draft.id.startswith(draft.scope):
        return {}
    return {"sourceId": draft.id.removeprefix(draft.scope)}


def _with_own_record(event: Event, draft: Draft, seen: RepeatCounter) -> NewActivity:
    """The new activity of an event that is a record. Empty ids are filled in place, and an empty `created` is removed, so
    that no key occurs twice once it is added.
    """
    identity = draft.id if draft.id is not None else seen.numbered(digest_of_event(event.parsed))
    record = event.raw
    activity: Mapping[str, Any] = event.parsed
    empty = {key for key in ADDED_LATER if key in activity and activity[key] in (None, "")}
    if "created" in empty:
        record = jsontext.without(record, {"created"})
        activity = {key: value for key, value in activity.items() if key != "created"}
    filled: dict[str, Any] = dict.fromkeys(sorted(empty - {"created"}), identity)
    record, activity = _mended(record, activity, filled)
    adds = tuple(key for key in ADDED_LATER if key not in activity)
    return NewActivity(identity, draft.timestamp, record, activity, created=draft.created, adds=adds)


def _mended(record: bytes, activity: Mapping[str, Any], filled: Mapping[str, Any]) -> tuple[bytes, Mapping[str, Any]]:
    """A record with these keys filled, and with `entityData` as an object if it is a list or null."""
    values = dict(filled)
    changes = {key: jsontext.dump(value) for key, value in filled.items()}
    if "entityData" in activity and (activity["entityData"] is None or type(activity["entityData"]) is list):
        entities = activity["entityData"] or []
        raw = jsontext.raw_values(record, ["entityData"])["entityData"]
        changes["entityData"] = jsontext.numbered(raw) if entities else b"{}"
        values["entityData"] = {str(index): entity for index, entity in enumerate(entities)}
    return (jsontext.replaced(record, changes), {**activity, **values}) if values else (record, activity)
