"""Reads an ingest body, which holds events of a source or encoded new activities."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from typing import BinaryIO

from casbah.activity.new_activity import NewActivity
from casbah.activity.record import identifier, integer
from casbah.errors import MalformedBodyError
from casbah.ingest import wire_encoding
from casbah.ingest.activity_builder import ADDED_LATER, with_lines
from casbah.ingest.contract import Connector, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import page_of
from casbah.ingest.reserved import require_unreserved
from casbah.ingest.times import within_bounds


def items(
    text: bytes | BinaryIO,
    source: str | None,
    *,
    connectors: Mapping[str, Connector],
    limits: InputLimits,
    zone: tzinfo | None = None,
    enrichment: Enrichment | None = None,
) -> Iterable[tuple[int, NewActivity | Refusal]]:
    """The items of a body, each with its line, produced lazily. Raises MalformedBodyError, possibly only on reaching the
    invalid item.
    """
    if source == wire_encoding.SOURCE:
        activities = _decoded(text if isinstance(text, bytes) else text.read())
        return enumerate(activities if enrichment is None else map(enrichment.enriched, activities), 1)
    page = page_of(text, origin="body", connectors=connectors, source=source, limits=limits, zone=zone)
    return with_lines(page.items, enrichment)


def _decoded(text: bytes) -> Iterator[NewActivity]:
    for line in text.splitlines():
        try:
            new = wire_encoding.unpack(line)
            require_unreserved(new)
        except ValueError as error:
            raise MalformedBodyError(f"source {wire_encoding.SOURCE}: {error}") from None
        if not _is_consistent(new):
            raise MalformedBodyError(f"source {wire_encoding.SOURCE}: the fields of a line contradict its record")
        yield new


def _is_consistent(new: NewActivity) -> bool:
    """Whether the fields agree with the record and name what it lacks. Any client may send them, so they are not trusted.

    A record with its own `_id` must have no digest: otherwise two activities with the same `_id` could be stored.
    """
    activity = new.activity
    times = [(new.timestamp, activity.get("timestamp"))]
    if new.created is not None:
        times.append((new.created, activity.get("created")))
    lacking = {key for key in ADDED_LATER if key not in activity}
    return (
        all(within_bounds(field) and integer(value) == field for field, value in times)
        and set(new.adds) == lacking
        and (new.created is None) == ("created" in lacking)
        and ("_id" in lacking or (identifier(activity["_id"]) == new.id and new.digest is None))
    )
