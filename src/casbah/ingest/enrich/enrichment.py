"""Adds what the source did not report to a record, with a note of where it comes from.

The source's own values are never overwritten. A key that it left empty (null, "", [], category 0) is filled; what an older
version derived from the source's event is replaced. The notes under `enrichment` list per origin the keys that it added, each
with the value it replaced (`true`: the key was absent; `[true]`: it was true), so that all additions can be undone:

    "enrichment": {"GeoLite2-City 2026-11-01": {"location": true, "location.countryCode": true, "location.city": true}}

Origins and paths are keys, because text search looks at values only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from casbah.activity.address import canonical
from casbah.activity.new_activity import NewActivity
from casbah.activity.record import first_string, part
from casbah.base import jsontext
from casbah.ingest.enrich import agents
from casbah.ingest.enrich.networks import CATEGORIES, IpRange, IpRanges, Networks
from casbah.ingest.enrich.people import People
from casbah.ingest.enrich.places import Places, agreeing
from casbah.ingest.stored_record import new_activity_of
from casbah.ingest.verbs import VERBS, VerbOf

NOTES = "enrichment"
"""The key of the notes on what was added to a record."""

_ABSENT = True
"""The value in a note for a key that was absent."""

_WAS_TRUE = [True]
"""The value in a note for a key that was true."""

DERIVED = (
    "eventTypeName", "genericEventType", "description", "description_id", "mainInfo", "isAdminOperation", "isImpersonated",
    "session", "sessionIds", "changes", "verb", "sourceId", "user", "failedUserData", "resolvedActor", "entityData",
)  # fmt: skip
"""The keys of a record that say who did what, to what, and how it ended, which re-enrichment derives from the raw event. Those
that say when and where stay as they were stored: orders and partitions depend on the time.
"""

_FILLED = frozenset({"userAgent", "location", *DERIVED})
"""The keys of a record that enrichment adds to. Notes with other keys are not ours and are ignored."""

_DERIVED = "raw event"
"""The origin of what re-enrichment derives from the source's own event."""

_VERBS = "verbs"
"""The origin of a verb that enrichment adds, to records of MDCA and of older versions; connectors give theirs at ingest."""

_REMEMBERED = 65_536
_MAX_TENANTS = 64
_NOTHING: Mapping[str, Any] = {}
Notes = dict[str, dict[str, Any]]
Derive = Callable[[bytes, Mapping[str, Any]], Mapping[str, Any]]
"""The keys of a record, as bytes and parsed, that its raw event decides."""


@dataclass(frozen=True, slots=True)
class EnrichmentConfig:
    """What enriches records, as configured: user agents, database files of places, a file of people, and what opens the
    verbs. Opened on demand; picklable if `verbs` is.
    """

    agents: bool = True
    places: tuple[Path, ...] = ()
    people: Path | None = None
    verbs: Callable[[], VerbOf] | None = None

    def describe(self) -> list[dict[str, str]]:
        """Describe each: what it adds, where from, and its contents. Raises BadSettingError."""
        rows = [{"what": "user agents", "from": "built in", "knows": agents.origin()}] if self.agents else []
        places = Places(self.places)
        origins = zip(self.places, places.origins, strict=True)
        rows += [{"what": "places", "from": str(path), "knows": origin} for path, origin in origins]
        places.close()
        if self.people:
            names = len(People(self.people))
            rows.append({"what": "groups and units", "from": str(self.people), "knows": f"names: {names:,}"})
        rows.append({"what": "verbs", "from": "built in", "knows": f"verbs: {len(VERBS)}"})
        return rows

    def opened(self) -> "Enrichment":
        """Open the files. Raises BadSettingError for an unusable file."""
        return Enrichment(
            agents=self.agents,
            places=Places(self.places),
            people=People(self.people) if self.people else None,
            verb=self.verbs() if self.verbs else None,
        )


@dataclass(frozen=True, slots=True)
class _Origin:
    """What is known about an address: keys of a record's `location`, and the origins of each."""

    location: Mapping[str, Any]
    origins: Mapping[str, tuple[str, ...]]


_NOWHERE = _Origin(_NOTHING, {})


class Enrichment:
    """Enriches records. Agents, places and people are per server; ranges are per tenant."""

    def __init__(
        self,
        *,
        agents: bool = True,
        places: Places | None = None,
        people: People | None = None,
        ranges: Iterable[IpRange] = (),
        verb: VerbOf | None = None,
    ) -> None:
        self._agents = agents
        self._verb = verb
        self._places = places if places is not None and places.origins else None
        self._people = people
        listed = tuple(ranges)
        self._networks = Networks(listed) if listed else None
        self._of_tenant = lru_cache(maxsize=_MAX_TENANTS)(self._for_tenant)
        self._where = lru_cache(maxsize=_REMEMBERED)(self._locate)

    def knowing(self, ranges: IpRanges | None) -> "Enrichment":
        """The enrichment for a tenant with these ranges. Raises OverlapError or ValueError."""
        return self if ranges is None or not ranges.ranges else self._of_tenant(ranges)

    def _for_tenant(self, known: IpRanges) -> "Enrichment":
        return Enrichment(
            agents=self._agents, places=self._places, people=self._people, ranges=known.ranges, verb=self._verb
        )

    def close(self) -> None:
        """Close the files. Enrichments for tenants share them."""
        if self._places is not None:
            self._places.close()

    def enriched(self, new: NewActivity) -> NewActivity:
        """The activity with additions. One that has notes already was enriched elsewhere and stays as it is."""
        if NOTES in new.activity:
            return new
        added = self._additions(new.activity)
        if not added.notes:
            return new
        record, activity = added.to(new.record, new.activity)
        return replace(new, record=record, activity=activity)

    def extended(self, keys: dict[str, Any]) -> dict[str, Any]:
        """Like `enriched`, for the keys of a future record."""
        added = self._additions(keys)
        return {**keys, **added.values(), NOTES: added.notes} if added.notes else keys

    def unenriched(self, record: bytes) -> bytes:
        """A new record as its source has it, without what this enrichment added. Additions of others stay."""
        activity = jsontext.parse_object(record)
        if not _is_ours(activity.get(NOTES)) or self.again(record) is not None:
            return record
        return _bare(record, activity)[0]

    def again(self, record: bytes, derive: Derive | None = None) -> NewActivity | None:
        """Re-enrich a stored record: replace earlier additions by current ones, and what an older version derived from the
        raw event by what `derive` does. None if nothing changes.
        """
        before = jsontext.parse_object(record)
        if NOTES in before and not _is_ours(before[NOTES]):
            return None
        bare, activity = _bare(record, before)
        added = self._additions(activity, derive(bare, activity) if derive is not None else _NOTHING)
        if added.notes:
            bare, activity = added.to(bare, activity)
        if jsontext.canonical(activity) == jsontext.canonical(before):
            return None
        return new_activity_of(bare, activity)

    def _additions(self, activity: Mapping[str, Any], derived: Mapping[str, Any] = _NOTHING) -> "_Additions":
        added = _Additions(activity)
        for key, value in derived.items():
            if key not in activity or activity[key] != value:
                added.whole(key, value, _DERIVED)
        device = part(activity, "device")
        raw = device.get("userAgent")
        if self._agents and raw and type(raw) is str and not activity.get("userAgent"):
            added.whole("userAgent", agents.classified(raw), agents.origin())
        if self._places is not None or self._networks is not None:
            client = device.get("clientIP")
            address = canonical(client) if type(client) is str else None
            if address is not None:
                self._add_place(added, self._where(address), device)
        if self._people is not None:
            self._add_person(added, self._people)
        known = activity.get("verb") or derived.get("verb")
        if self._verb is not None and not known and (verb := self._verb(activity)):
            added.whole("verb", verb, _VERBS)
        return added

    def _add_place(self, added: "_Additions", where: _Origin, device: Mapping[str, Any]) -> None:
        location = where.location
        if not location:
            return
        own = {key: value for key, value in part(added.activity, "location").items() if not _is_empty(key, value)}
        country = device.get("countryCode")
        if own or country:
            known = {"countryCode": country, **own} if country and type(country) is str else own
            location = agreeing(known, location)
            if own.get("category") or own.get("categoryValue"):
                location = {key: value for key, value in location.items() if key not in _CATEGORY}
        for key, value in location.items():
            for origin in where.origins.get(key, ()):
                added.inside("location", key, value, origin)

    def _add_person(self, added: "_Additions", people: People) -> None:
        activity = {**added.activity, **added.values()}
        user = part(activity, "user")
        name = first_string(
            user.get("userName"),
            part(activity, "failedUserData").get("userName"),
            part(activity, "resolvedActor").get("name"),
        )
        person = people.of(name) if name is not None else None
        if person is None:
            return
        for key, value in (("userTags", list(person.groups)), ("orgUnit", person.unit)):
            if value and not user.get(key):
                added.inside("user", key, value, people.origin)

    def _locate(self, address: str) -> _Origin:
        """A range takes precedence over files, which add only what does not contradict it."""
        held = self._networks.of(address) if self._networks is not None else None
        place = self._places.of(address) if self._places is not None else None
        own = _of_range(held) if held is not None else {}
        known: dict[str, Any] = {**own, **(agreeing(own, place.location) if place is not None else {})}
        mine = (f"range {held.id}",) if held is not None else ()
        theirs = place.origin if place is not None else ()
        origins = {key: mine if key in own else theirs for key in known}
        if place is not None and "ipTags" in own and "ipTags" in place.location:
            known["ipTags"] = list(dict.fromkeys([*own["ipTags"], *place.location["ipTags"]]))
            origins["ipTags"] = mine + theirs
        return _Origin(known, origins) if known else _NOWHERE


_CATEGORY = frozenset({"category", "categoryValue"})


class _Additions:
    """The additions to one record, and their notes."""

    def __init__(self, activity: Mapping[str, Any]) -> None:
        self.activity = activity
        self.notes: Notes = {}
        self._whole: dict[str, Any] = {}
        self._inside: dict[str, dict[str, Any]] = {}

    def whole(self, key: str, value: Any, origin: str) -> None:
        """Add a key, or replace its value."""
        held = self.activity.get(key)
        self._note(origin, key, _WAS_TRUE if held is True else self.activity.get(key, _ABSENT))
        self._whole[key] = value

    def inside(self, key: str, inner: str, value: Any, origin: str) -> None:
        """Add a key to an object of the record. The object may be absent or empty; other values are left alone."""
        if key in self._whole:
            self._note(origin, f"{key}.{inner}", _ABSENT)
            self._whole[key] = {**(self._whole[key] or {}), inner: value}
            return
        held = self.activity.get(key, _ABSENT)
        if type(held) is dict:
            was = held.get(inner, _ABSENT)
        elif held is _ABSENT or not held:
            if key not in self._inside:
                self._note(origin, key, held)
            was = _ABSENT
        else:
            return
        self._note(origin, f"{key}.{inner}", was)
        self._inside.setdefault(key, {})[inner] = value

    def values(self) -> dict[str, Any]:
        """The new values of the changed keys."""
        return self._whole | {key: {**part(self.activity, key), **inner} for key, inner in self._inside.items()}

    def to(self, record: bytes, activity: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
        """The record with the additions, in bytes and parsed."""
        values = self.values()
        existing = values.keys() & activity.keys()
        if existing:
            raw = jsontext.raw_values(record, existing)
            record = jsontext.replaced(record, {key: self._changed(key, text) for key, text in raw.items()})
        fresh = {key: value for key, value in values.items() if key not in existing} | {NOTES: self.notes}
        return jsontext.extended(record, jsontext.dump(fresh)), {**activity, **values, NOTES: self.notes}

    def _changed(self, key: str, text: bytes) -> bytes:
        """The new value of an existing key: replaced if empty, extended if an object."""
        if key in self._whole:
            return jsontext.dump(self._whole[key])
        inner = self._inside[key]
        return jsontext.filled(text, inner) if type(self.activity[key]) is dict else jsontext.dump(inner)

    def _note(self, origin: str, path: str, was: Any) -> None:
        self.notes.setdefault(origin, {})[path] = was


def _of_range(held: IpRange) -> dict[str, Any]:
    """A range as keys of a record's `location`."""
    organization = {"organizationSearchable": held.organization} if held.organization else {}
    tags = {"ipTags": list(held.tags)} if held.tags else {}
    return {
        **held.location,
        **organization,
        "category": held.category,
        "categoryValue": CATEGORIES[held.category],
        **tags,
    }


def _is_empty(key: str, value: Any) -> bool:
    """Whether a value means unknown: MDCA writes category 0, NONE, for an address in no range."""
    return value in (None, "", []) or (key == "category" and value == 0) or (key == "categoryValue" and value == "NONE")


def _is_ours(notes: Any) -> bool:
    """Whether these may be our notes. They are untrusted: any client may send a record with this key."""
    return type(notes) is dict and all(
        type(paths) is dict and all(path.partition(".")[0] in _FILLED for path in paths) for paths in notes.values()
    )


def _bare(record: bytes, activity: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """A record without its additions, in bytes and parsed; the source's own bytes are kept."""
    if NOTES not in activity:
        return record, activity
    undone: dict[str, Any] = {path: was for paths in activity[NOTES].values() for path, was in paths.items()}
    gone = {NOTES} | {key for key in _FILLED if undone.get(key) is _ABSENT}
    changes = {}
    for key, raw in jsontext.raw_values(record, _FILLED - gone).items():
        if key in undone:
            changes[key] = jsontext.dump(True if undone[key] == _WAS_TRUE else undone[key])
        elif type(activity[key]) is dict:
            inner = {path.partition(".")[2]: was for path, was in undone.items() if path.startswith(f"{key}.")}
            changes[key] = _undone(raw, inner)
    record = jsontext.without(jsontext.replaced(record, changes), gone)
    return record, jsontext.parse_object(record)


def _undone(text: bytes, inner: Mapping[str, Any]) -> bytes:
    """An object of a record with these keys restored."""
    text = jsontext.without(text, frozenset(key for key, was in inner.items() if was is _ABSENT))
    return jsontext.replaced(text, {key: jsontext.dump(was) for key, was in inner.items() if was is not _ABSENT})
