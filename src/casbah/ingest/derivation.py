"""What the connectors of today derive from the raw event in a stored record, for records that older versions stored."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from casbah.activity.record import identifier
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record
from casbah.ingest.activity_builder import derived_keys
from casbah.ingest.contract import Connector, Draft, Event, UnusableEventError
from casbah.ingest.detection import Detector
from casbah.ingest.enrich.enrichment import DERIVED
from casbah.ingest.mapping.paths import fold
from casbah.ingest.stored_record import source_id

_COUNT = re.compile(r"(?:-\d+)?", re.ASCII)


class Derivation:
    """Derives the keys of stored records again. A record that no connector made, such as one of Defender for Cloud Apps, has
    none: its id is not what a connector makes of its event.
    """

    def __init__(self, sources: Mapping[str, Connector]) -> None:
        self._detector = Detector.of(sources)

    def __call__(self, record: bytes, activity: Mapping[str, Any]) -> Mapping[str, Any]:
        """The keys of DERIVED that a record would have if its event were ingested now; an empty object or None for those that
        it would no longer have; nothing if that cannot be told.
        """
        parsed = activity.get("rawDataJson")
        stored_id = identifier(activity.get("_id"))
        if type(parsed) is not dict or stored_id is None:
            return {}
        digest = digest_of_record(activity)
        event = Event(jsontext.raw_values(record, ("rawDataJson",))["rawDataJson"], parsed)
        for source, draft in self._drafts(event):
            if _is_id_of(draft, source_id(stored_id, digest), digest or ""):
                keys = derived_keys(source, draft)
                return {
                    key: keys.get(key, _nothing_like(activity.get(key)))
                    for key in DERIVED
                    if key in keys or key in activity
                }
        return {}

    def _drafts(self, event: Event) -> Iterator[tuple[Connector, Draft]]:
        """Every reading of an event by a connector, also by those that only read it if the caller names them."""
        folded = fold(event.parsed)
        recognizing = self._detector.connectors_of(event.parsed)
        accepting = [source for source in self._detector.values() if source.accepts and source.accepts(folded)]
        for source in (*recognizing, *accepting):
            try:
                drafts = [draft for draft in source.drafts(event) if isinstance(draft, Draft)]
            except UnusableEventError:
                continue
            yield from ((source, draft) for draft in drafts if not draft.is_record)


def _nothing_like(value: Any) -> Any:
    """What a key becomes that a record no longer has: readers of a `user` expect an object."""
    return {} if type(value) is dict else None


def _is_id_of(draft: Draft, stored_id: str, digest: str) -> bool:
    """Whether an activity of this id was made of the draft; identical events without an id have a count at the end."""
    if draft.id is not None:
        return stored_id == draft.id
    derived = f"{draft.scope}{digest}{draft.part}"
    return stored_id.startswith(derived) and _COUNT.fullmatch(stored_id, len(derived)) is not None
