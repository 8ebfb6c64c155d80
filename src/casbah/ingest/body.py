"""What an ingest body holds: events of a source, or envelopes, as items at the store's door."""

from collections.abc import Iterable, Iterator, Mapping

from casbah.activity.new_activity import NewActivity
from casbah.activity.record import identifier, integer
from casbah.errors import MalformedBodyError
from casbah.ingest import wire_encoding
from casbah.ingest.contract import Connector, Refusal
from casbah.ingest.decompress import Limits
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import page_of
from casbah.ingest.pipeline import with_lines
from casbah.ingest.reserved import require_unreserved
from casbah.ingest.times import within_bounds

_ADDED = ("_id", "uid", "created")


def items(
    text: bytes,
    source: str | None,
    *,
    connectors: Mapping[str, Connector],
    limits: Limits,
    enrichment: Enrichment | None = None,
) -> Iterable[tuple[int, NewActivity | Refusal]]:
    """The items of a body, each with its line and made when it is asked for. Raises MalformedBodyError, perhaps only at the
    item concerned.
    """
    if source == wire_encoding.SOURCE:
        found = _envelopes(text)
        return enumerate(found if enrichment is None else map(enrichment.enriched, found), 1)
    page = page_of(text, origin="body", connectors=connectors, source=source, limits=limits)
    return with_lines(page.items, enrichment)


def _envelopes(text: bytes) -> Iterator[NewActivity]:
    for line in text.splitlines():
        try:
            arrival = wire_encoding.unpack(line)
            require_unreserved(arrival)
        except ValueError as error:
            raise MalformedBodyError(f"source {wire_encoding.SOURCE}: {error}") from None
        if not _is_whole(arrival):
            raise MalformedBodyError(
                f"source {wire_encoding.SOURCE}: a line says of its record what the record does not say"
            )
        yield arrival


def _is_whole(arrival: NewActivity) -> bool:
    """Whether the record has what the arrival says of it, and what it lacks is named: anybody may send an envelope.

    A record with an `_id` of its own is known by that alone: with a digest, two could be stored that show the same.
    """
    activity = arrival.activity
    moments = [(arrival.timestamp, activity.get("timestamp"))]
    if arrival.created is not None:
        moments.append((arrival.created, activity.get("created")))
    lacking = {key for key in _ADDED if key not in activity}
    return (
        all(within_bounds(said) and integer(held) == said for said, held in moments)
        and set(arrival.adds) == lacking
        and (arrival.created is None) == ("created" in lacking)
        and ("_id" in lacking or (identifier(activity["_id"]) == arrival.id and arrival.digest is None))
    )
