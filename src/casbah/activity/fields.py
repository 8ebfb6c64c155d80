"""One row per indexed field: its kind, and how its values are read out of a record.

A field holds normalized copies (lower-cased text, canonical addresses, lists), made once when a record is stored, so that
queries compare plainly; the record itself keeps the source's spelling. Rows are in the order of the filters in `language`, with the helpers of a filter
right after it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from casbah.activity import address
from casbah.activity.record import (
    Reading,
    elements,
    first_string,
    identifier,
    integer,
    part,
    string,
    strings,
)
from casbah.activity.text import exact, folded, words

WEB = ("http://", "https://")
"""Prefixes of the values of URL fields."""

Value = str | int
"""What a field holds: text (normalized), or an integer (64 bits and a sign; an address's key has 128)."""


class Kind(Enum):
    """What a field's values are, hence which operators apply to it (docs/compatibility.md, 6)."""

    INT = "int"
    BOOL = "bool"
    ENUMERATION = "enumeration"
    ID = "id"
    TEXT = "text"
    PATH = "path"
    URL = "url"
    IP = "ip"
    ADDRESS = "address"
    MS = "ms"
    WORDS = "words"
    ENTITY = "entity"
    SOURCE = "source"


COUNTED = frozenset(Kind) - {Kind.MS, Kind.ADDRESS, Kind.WORDS}
"""Kinds of fields with facets. Counts of single timestamps, address keys or words would be useless."""


@dataclass(frozen=True, slots=True)
class Field:
    """An indexed field. `read` returns its normalized values, possibly empty; `always`: every record has one; `repeats`: those
    that only repeat another value of the same record in other words, which match, but are not counted.
    """

    name: str
    kind: Kind
    read: Callable[[Reading], Sequence[Value]]
    always: bool = False
    repeats: re.Pattern[str] | None = None

    def counts(self, value: Value) -> bool:
        """Whether counts and lists of the field's values have this one."""
        return self.repeats is None or not self.repeats.fullmatch(str(value))

    def __hash__(self) -> int:
        """Names are unique; `FIELDS` ensures that."""
        return hash(self.name)

    def __reduce__(self) -> tuple[Callable[[str], "Field"], tuple[str]]:
        """Fields are pickled by name, since their functions cannot be."""
        return _field_named, (self.name,)


def _field_named(name: str) -> Field:
    return FIELDS[name]


def values(field: Field, reading: Reading) -> tuple[Value, ...]:
    """The distinct values of a field in a record, in order."""
    items = field.read(reading)
    return tuple(items) if len(items) < _SEVERAL else tuple(dict.fromkeys(items))


def phrases(reading: Reading) -> Iterator[tuple[str, ...]]:
    """The words of every string value in a record that has any; one tuple per string, so no phrase spans two strings."""
    return filter(None, map(words, strings(reading.record)))


def entity_term(identity: str, saas: str | None, instance: str | None) -> str:
    """A term that matches an entity. The id is last, so a prefix of the id is a prefix of the term.

    Parts are length-prefixed, so no two different triples give the same term; `-` means "any".
    """
    return _entity_stem(saas, instance) + exact(identity)


class EntityKey(NamedTuple):
    """Names an account: its id, in an app and an instance of it; None where a record does not say which."""

    id: str
    saas: int | None
    instance: int | None


def entity_key(term: str) -> EntityKey:
    """The key of which `entity_term` made a term."""
    saas, rest = _first_part(term)
    instance, identity = _first_part(rest)
    return EntityKey(identity, saas, instance)


def _first_part(text: str) -> tuple[int | None, str]:
    if text.startswith("-"):
        return None, text[1:]
    length, _, rest = text.partition(":")
    return int(rest[: int(length)]), rest[int(length) :]


def source_type(number: int) -> str:
    """The term for a source type."""
    return f"t:{number}"


def source_stream(stream: str) -> str:
    """The term for a stream."""
    return f"s:{exact(stream)}"


@lru_cache(maxsize=1_024)
def _entity_stem(saas: str | None, instance: str | None) -> str:
    return _part(saas) + _part(instance)


def _part(part: str | None) -> str:
    return "-" if part is None else f"{len(part)}:{part}"


def _ints(value: Any) -> tuple[int, ...]:
    number = integer(value)
    return () if number is None else (number,)


def _ids(items: Iterable[Any]) -> list[str]:
    return [exact(name) for name in map(identifier, items) if name is not None] if items else []


def _id(value: Any) -> tuple[str, ...]:
    name = identifier(value)
    return () if name is None else (exact(name),)


def _string_id(value: Any) -> tuple[str, ...]:
    return (exact(value),) if type(value) is str and value else ()


def _string_ids(items: Iterable[Any]) -> list[str]:
    return [exact(value) for value in items if type(value) is str and value]


def _texts(items: Iterable[Any]) -> list[str]:
    return [folded(text) for text in items if type(text) is str and text]


def _text(value: Any) -> tuple[str, ...]:
    return (folded(value),) if type(value) is str and value else ()


def _flag(value: Any) -> tuple[str]:
    return ("true" if value is True else "false",)


def app_id(r: Reading) -> int | None:
    """The id of the app in which it was done."""
    own = integer(r.record.get("appId"))
    return own if own is not None else integer(r.record.get("saasId"))


def _instance(r: Reading) -> tuple[int]:
    own = integer(r.record.get("instanceId"))
    actor = integer(r.actor.get("instanceId")) if own is None else None
    return (own if own is not None else actor if actor is not None else 0,)


def _actions(r: Reading) -> Sequence[str]:
    operation = string(r.main.get("rawOperationName"))
    event = string(r.record.get("eventTypeValue"))
    if operation is None:
        return ()
    apps = (app_id(r), integer(r.record.get("srcAppId"))) if event is not None else ()
    return [folded(operation), *(folded(f"{app}:{event}:{operation}") for app in apps if app is not None)]


_LONG_ACTION = re.compile(r"-?\d+:event_[^:]*:.+", re.DOTALL)
"""An operation with its app and its event in front; the record has the operation alone, too."""


def _country(r: Reading) -> str | None:
    return first_string(r.location.get("countryCode"), r.device.get("countryCode"))


def _addresses(r: Reading) -> list[str]:
    candidates = (r.device.get("clientIP"), *elements(part(r.record, "internals"), "otherIPs"))
    canonical = [address.canonical(text) for text in candidates if type(text) is str]
    return [text for text in canonical if text is not None]


def _list_items(r: Reading) -> Iterator[str]:
    item, site = string(r.raw.get("ListItemUniqueId")), string(r.raw.get("Site"))
    if item is not None:
        yield item
        if site is not None:
            yield f"{site}|{item}"


_GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ITEM_OF_SITE = re.compile(rf"{_GUID}\|{_GUID}", re.IGNORECASE)
"""A list item with its site in front; the record has the list item alone, too."""


def _file_ids(r: Reading) -> Iterator[Any]:
    yield from (item.get("id") for item in r.files)
    yield from _list_items(r)


def _file_selectors(r: Reading) -> Iterator[Any]:
    for item in (*r.files, *r.folders):
        yield identifier(item.get("id"))
        yield item.get("name")
    yield from _list_items(r)


def _urls(r: Reading) -> list[str]:
    candidates = [r.raw.get("ObjectId"), r.raw.get("SiteUrl"), *(item.get("name") for item in r.objects), r.file_url()]
    # The first letter decides for most, and an activity has some twenty.
    return [
        folded(text)
        for text in candidates
        if type(text) is str and text[:1] in "hH" and text[:8].lower().startswith(WEB)
    ]


def _source(r: Reading) -> list[str]:
    number = integer(r.record.get("source"))
    stream = identifier(r.record.get("streamId"))
    terms = [] if number is None else [source_type(number)]
    return terms if stream is None else [*terms, source_stream(stream)]


def _entities(r: Reading) -> list[str]:
    """Every term that matches a performer. The record names performers in several places, mostly the same ones."""
    return [stem + exact(key.id) for key in _performer_keys(r) for stem in _entity_stems(key.saas, key.instance)]


def _accounts(r: Reading) -> list[str]:
    """A term for each performer. A place that names one by its id alone adds nothing to one that says in which app it is."""
    keys = _performer_keys(r)
    whole = {key.id for key in keys if None not in key}
    return [
        _account_stem(key.saas, key.instance) + exact(key.id) for key in keys if None not in key or key.id not in whole
    ]


def _performer_keys(r: Reading) -> Mapping[EntityKey, None]:
    """The distinct keys of performers, in order."""
    if r.performers is None:
        r.performers = dict.fromkeys(key for key, _ in performers(r))
    return r.performers


@lru_cache(maxsize=1_024)
def _account_stem(saas: int | None, instance: int | None) -> str:
    return _entity_stems(saas, instance)[-1]


@lru_cache(maxsize=1_024)
def _entity_stems(saas: int | None, instance: int | None) -> tuple[str, ...]:
    return tuple(
        _entity_stem(each_saas, each_instance)
        for each_saas in ((None,) if saas is None else (None, str(saas)))
        for each_instance in ((None,) if instance is None else (None, str(instance)))
    )


def performers(r: Reading) -> Iterator[tuple[EntityKey, Any]]:
    """The key and the name of a performer, from every place in the record that names one."""
    yield from _keyed(*_resolved(r), *r.actors)
    for performer in _entity_data(r):
        pk = part(performer, "id")
        name = identifier(pk.get("id"))
        if name is not None:
            yield EntityKey(name, integer(pk.get("saas")), integer(pk.get("inst"))), performer.get("displayName")


def user_accounts(r: Reading) -> set[EntityKey]:
    """The keys of those performers that are accounts of `user`: resolved as such, or with the user's name as their id."""
    user = (user_name(r) or "").casefold()
    named = {key for key, _ in performers(r) if key.id.casefold() == user}
    return named.union(key for key, _ in _keyed(*_resolved(r)))


def _resolved(r: Reading) -> tuple[Any, Any]:
    return r.actor, part(r.record, "resolvedActorAccount")


def _keyed(*items: Any) -> Iterator[tuple[EntityKey, Any]]:
    for performer in items:
        name = identifier(performer.get("id"))
        if name is not None:
            key = EntityKey(name, integer(performer.get("saasId")), integer(performer.get("instanceId")))
            yield key, performer.get("name")


def _entity_data(r: Reading) -> Iterator[Any]:
    """Items 0 and 2 of `entityData`: an object on the wire, a list in records that other tools have processed."""
    data = r.record.get("entityData")
    if type(data) is list:
        yield from (data[position] for position in (0, 2) if position < len(data))
    elif type(data) is dict:
        yield from (data.get(position) for position in ("0", "2"))


def user_name(r: Reading) -> str | None:
    """The name of the user who performed it, as its source spells it."""
    return first_string(r.user.get("userName"), part(r.record, "failedUserData").get("userName"), r.actor.get("name"))


_SEVERAL = 2


def _domain(r: Reading) -> str | None:
    _, separator, domain = (user_name(r) or "").rpartition("@")
    return domain if separator else None


def _under(objects: Iterable[dict[str, Any]], key: str) -> list[Any]:
    return [value for item in objects for value in elements(item, key)]


def _index(*rows: Field) -> dict[str, Field]:
    table = {row.name: row for row in rows}
    if len(table) != len(rows):
        raise AssertionError("two fields have the same name")
    return table


# fmt: off
FIELDS = _index(
    Field("service",       Kind.INT,         lambda r: _ints(app_id(r))),
    Field("instance",      Kind.INT,         _instance, always=True),
    Field("org_unit",      Kind.PATH,        lambda r: _text(r.user.get("orgUnit"))),
    Field("event_type",    Kind.TEXT,        lambda r: _texts((r.record.get("eventTypeName"), r.main.get("type"), r.record.get("eventTypeValue")))),
    Field("id",            Kind.ID,          lambda r: _id(r.record.get("_id")), always=True),
    Field("impersonated",  Kind.BOOL,        lambda r: _flag(r.record.get("isImpersonated")), always=True),
    Field("admin",         Kind.BOOL,        lambda r: _flag(r.record.get("isAdminOperation")), always=True),
    Field("taken_action",  Kind.ENUMERATION, lambda r: _texts(elements(r.record, "takenActions"))),
    Field("action_type",   Kind.TEXT,        _actions, repeats=_LONG_ACTION),
    Field("operation",     Kind.TEXT,        lambda r: _text(r.main.get("rawOperationName"))),
    Field("device_type",   Kind.ENUMERATION, lambda r: _text(r.agent.get("deviceType"))),
    Field("device_tag",    Kind.ID,          lambda r: _ids(elements(r.device, "tags"))),
    Field("user_agent",    Kind.TEXT,        lambda r: _text(r.device.get("userAgent"))),
    Field("agent_tag",     Kind.ID,          lambda r: _ids(elements(r.agent, "tags"))),
    Field("country",       Kind.TEXT,        lambda r: _text(_country(r))),
    Field("organization",  Kind.PATH,        lambda r: _text(r.location.get("organizationSearchable"))),
    Field("ip",            Kind.IP,          _addresses),
    Field("ip_key",        Kind.ADDRESS,     lambda r: [address.key(text) for text in _addresses(r)]),
    Field("file_selector", Kind.TEXT,        lambda r: _texts(_file_selectors(r)), repeats=_ITEM_OF_SITE),
    Field("url",           Kind.URL,         _urls),
    Field("file_id",       Kind.ID,          lambda r: _ids(_file_ids(r)), repeats=_ITEM_OF_SITE),
    Field("ip_category",   Kind.INT,         lambda r: _ints(r.location.get("category"))),
    Field("ip_tag",        Kind.ID,          lambda r: _ids(elements(r.location, "ipTags"))),
    Field("word",          Kind.WORDS,       lambda r: [word for phrase in phrases(r) for word in phrase]),
    Field("date",          Kind.MS,          lambda r: _ints(r.record.get("timestamp")), always=True),
    Field("policy",        Kind.ID,          lambda r: _ids(elements(r.record, "policies"))),
    Field("source",        Kind.SOURCE,      _source),
    Field("alert_id",      Kind.ID,          lambda r: _ids(elements(r.record, "alertIds"))),
    Field("object_id",     Kind.ID,          lambda r: _ids(item.get("id") for item in r.objects)),
    Field("file_label",    Kind.ID,          lambda r: _ids(_under(r.files, "labels"))),
    Field("created",       Kind.MS,          lambda r: _ints(r.record.get("created")), always=True),
    Field("entity",        Kind.ENTITY,      _entities),
    Field("user_name",     Kind.TEXT,        lambda r: _text(user_name(r))),
    Field("user_tag",      Kind.ID,          lambda r: _ids(elements(r.user, "userTags"))),
    Field("object_tag",    Kind.ID,          lambda r: _ids(_under(r.others, "tags"))),
    Field("user_domain",   Kind.TEXT,        lambda r: _text(_domain(r))),
    Field("verb",          Kind.ENUMERATION, lambda r: _text(r.record.get("verb"))),
    Field("session",       Kind.ID,          lambda r: _string_ids((r.record.get("session"), *elements(r.record, "sessionIds")))),
    Field("source_id",     Kind.ID,          lambda r: _string_id(r.record.get("sourceId"))),
    Field("account",       Kind.ID,          _accounts),
)
# fmt: on
