"""What the source did not say, added to a record with a note of who says it.

Nothing that the source said is overwritten. A key that it left empty (null, "", [], category 0) is filled, and the note keeps
what stood there, so that all additions can be taken away again: under `enrichment` stands, for each origin, what it added,
and with what it replaced, where `true` means that there was nothing.

    "enrichment": {"GeoLite2-City 2026-11-01": {"location": true, "location.countryCode": true, "location.city": true}}

All of that stands in keys, because a search for text looks at values alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from casbah.activity.address import canonical
from casbah.activity.new_activity import NewActivity
from casbah.activity.record import first_string, part
from casbah.ingest import json_patch, jsontext
from casbah.ingest.enrich import agents
from casbah.ingest.enrich.networks import CATEGORIES, IpRange, IpRanges, Networks
from casbah.ingest.enrich.people import People
from casbah.ingest.enrich.places import Places, agreeing
from casbah.ingest.stored import new_activity_of

NOTES = "enrichment"
"""The key under which a record says what was added to it."""

_ABSENT = True
"""What a note says of a key that was not there."""

_FILLED = frozenset({"userAgent", "location", "user"})
"""The keys of a record that are added to. A note that speaks of others is not ours, and nothing is done by it."""

_REMEMBERED = 65_536
_MOST_TENANTS = 64
_NOTHING: Mapping[str, Any] = {}
Notes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Sources:
    """What to ask, by name, to be opened where it is needed."""

    agents: bool = True
    places: tuple[Path, ...] = ()
    people: Path | None = None

    def told(self) -> list[dict[str, str]]:
        """What these are, for people: what is added, from where, and what it knows. Raises BadSettingError."""
        rows = [{"what": "user agents", "from": "built in", "knows": agents.origin()}] if self.agents else []
        places = Places(self.places)
        origins = zip(self.places, places.origins, strict=True)
        rows += [{"what": "places", "from": str(path), "knows": origin} for path, origin in origins]
        places.close()
        if self.people:
            names = len(People(self.people))
            rows.append({"what": "groups and units", "from": str(self.people), "knows": f"names: {names:,}"})
        return rows

    def opened(self) -> "Enrichment":
        """Raises BadSettingError for a file that cannot be used."""
        return Enrichment(
            agents=self.agents,
            places=Places(self.places),
            people=People(self.people) if self.people else None,
        )


@dataclass(frozen=True, slots=True)
class _Origin:
    """What is known of an address: keys of a record's `location`, and who says each."""

    location: Mapping[str, Any]
    origins: Mapping[str, tuple[str, ...]]


_NOWHERE = _Origin(_NOTHING, {})


class Enrichment:
    """Agents, places and people are the server's; ranges are a tenant's."""

    def __init__(
        self,
        *,
        agents: bool = True,
        places: Places | None = None,
        people: People | None = None,
        ranges: Iterable[IpRange] = (),
    ) -> None:
        self._agents = agents
        self._places = places if places is not None and places.origins else None
        self._people = people
        listed = tuple(ranges)
        self._networks = Networks(listed) if listed else None
        self._of_tenant = lru_cache(maxsize=_MOST_TENANTS)(self._knowing)
        self._where = lru_cache(maxsize=_REMEMBERED)(self._known_of)

    def knowing(self, ranges: IpRanges | None) -> "Enrichment":
        """The same for a tenant with these ranges. Raises OverlapError or ValueError."""
        return self if ranges is None or not ranges.ranges else self._of_tenant(ranges)

    def _knowing(self, known: IpRanges) -> "Enrichment":
        return Enrichment(agents=self._agents, places=self._places, people=self._people, ranges=known.ranges)

    def close(self) -> None:
        """Let go of the files, for everybody who knows the same."""
        if self._places is not None:
            self._places.close()

    def enriched(self, arrival: NewActivity) -> NewActivity:
        """The arrival with what is known beside what it says. One that brings a note was enriched where it comes from."""
        if NOTES in arrival.activity:
            return arrival
        added = self._additions(arrival.activity)
        if not added.notes:
            return arrival
        record, activity = added.to(arrival.record, arrival.activity)
        return replace(arrival, record=record, activity=activity)

    def extended(self, keys: dict[str, Any]) -> dict[str, Any]:
        """The same for keys that become a record."""
        added = self._additions(keys)
        return {**keys, **added.values(), NOTES: added.notes} if added.notes else keys

    def again(self, record: bytes) -> NewActivity | None:
        """A stored record with what is known of it now in place of what was added before; None if that is the same."""
        before = jsontext.parse_object(record)
        if NOTES in before and not _is_ours(before[NOTES]):
            return None
        bare, activity = _bare(record, before)
        added = self._additions(activity)
        if added.notes:
            bare, activity = added.to(bare, activity)
        if jsontext.canonical(activity) == jsontext.canonical(before):
            return None
        return new_activity_of(bare, activity)

    def _additions(self, activity: Mapping[str, Any]) -> "_Additions":
        added = _Additions(activity)
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
        return added

    def _add_place(self, added: "_Additions", where: _Origin, device: Mapping[str, Any]) -> None:
        location = where.location
        if not location:
            return
        said = {key: value for key, value in part(added.activity, "location").items() if not _says_nothing(key, value)}
        country = device.get("countryCode")
        if said or country:
            named = {"countryCode": country, **said} if country and type(country) is str else said
            location = agreeing(named, location)
            if said.get("category") or said.get("categoryValue"):
                location = {key: value for key, value in location.items() if key not in _CATEGORY}
        for key, value in location.items():
            for origin in where.origins.get(key, ()):
                added.inside("location", key, value, origin)

    def _add_person(self, added: "_Additions", people: People) -> None:
        activity = added.activity
        name = first_string(
            part(activity, "user").get("userName"),
            part(activity, "failedUserData").get("userName"),
            part(activity, "resolvedActor").get("name"),
        )
        person = people.of(name) if name is not None else None
        if person is None:
            return
        user = part(activity, "user")
        for key, value in (("userTags", list(person.groups)), ("orgUnit", person.unit)):
            if value and not user.get(key):
                added.inside("user", key, value, people.origin)

    def _known_of(self, address: str) -> _Origin:
        """A range's own words take the place of what files say, and files add what does not contradict them."""
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
    """What is to be added to one record, and the notes about it."""

    def __init__(self, activity: Mapping[str, Any]) -> None:
        self.activity = activity
        self.notes: Notes = {}
        self._whole: dict[str, Any] = {}
        self._inside: dict[str, dict[str, Any]] = {}

    def whole(self, key: str, value: Any, origin: str) -> None:
        """A key of the record that says nothing yet."""
        self._note(origin, key, self.activity.get(key, _ABSENT))
        self._whole[key] = value

    def inside(self, key: str, inner: str, value: Any, origin: str) -> None:
        """A key within an object of the record, if there is an object, or nothing."""
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
        """What the keys that are added to will have."""
        return self._whole | {key: {**part(self.activity, key), **inner} for key, inner in self._inside.items()}

    def to(self, record: bytes, activity: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
        """The record with the additions, in bytes and parsed."""
        values = self.values()
        there = values.keys() & activity.keys()
        if there:
            spans = json_patch.spans(record)
            changes = [(spans[key], self._changed(key, record[spans[key].start : spans[key].end])) for key in there]
            record = json_patch.patched(record, changes)
        fresh = {key: value for key, value in values.items() if key not in there} | {NOTES: self.notes}
        return json_patch.extended(record, jsontext.dump(fresh)), {**activity, **values, NOTES: self.notes}

    def _changed(self, key: str, text: bytes) -> bytes:
        """The value of a key that is there, written anew where it says nothing and filled where it is an object."""
        if key in self._whole:
            return jsontext.dump(self._whole[key])
        inner = self._inside[key]
        return json_patch.filled(text, inner) if type(self.activity[key]) is dict else jsontext.dump(inner)

    def _note(self, origin: str, path: str, was: Any) -> None:
        self.notes.setdefault(origin, {})[path] = was


def _of_range(held: IpRange) -> dict[str, Any]:
    """What a range says of its addresses, in the keys of a record's `location`."""
    organization = {"organizationSearchable": held.organization} if held.organization else {}
    tags = {"ipTags": list(held.tags)} if held.tags else {}
    return {
        **held.location,
        **organization,
        "category": held.category,
        "categoryValue": CATEGORIES[held.category],
        **tags,
    }


def _says_nothing(key: str, value: Any) -> bool:
    """Whether a source that wrote this knew nothing: MDCA writes category 0, NONE, for an address in no range."""
    return value in (None, "", []) or (key == "category" and value == 0) or (key == "categoryValue" and value == "NONE")


def _is_ours(notes: Any) -> bool:
    """Whether these are notes that we could have written: anybody may send a record with such a key."""
    return type(notes) is dict and all(
        type(paths) is dict and all(path.partition(".")[0] in _FILLED for path in paths) for paths in notes.values()
    )


def _bare(record: bytes, activity: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """A record without what was added to it, in bytes and parsed; the source's own bytes stay."""
    if NOTES not in activity:
        return record, activity
    undone: dict[str, Any] = {path: was for paths in activity[NOTES].values() for path, was in paths.items()}
    gone = {NOTES} | {key for key in _FILLED if undone.get(key) is _ABSENT}
    spans = json_patch.spans(record)
    changes = []
    for key in _FILLED & activity.keys() - gone:
        span = spans[key]
        if key in undone:
            changes.append((span, jsontext.dump(undone[key])))
        elif type(activity[key]) is dict:
            inner = {path.partition(".")[2]: was for path, was in undone.items() if path.startswith(f"{key}.")}
            changes.append((span, _undone(record[span.start : span.end], inner)))
    record = json_patch.without(json_patch.patched(record, changes), frozenset(gone))
    return record, jsontext.parse_object(record)


def _undone(text: bytes, inner: Mapping[str, Any]) -> bytes:
    """An object of a record with these keys as they were."""
    text = json_patch.without(text, frozenset(key for key, was in inner.items() if was is _ABSENT))
    return json_patch.replaced(text, {key: jsontext.dump(was) for key, was in inner.items() if was is not _ABSENT})
