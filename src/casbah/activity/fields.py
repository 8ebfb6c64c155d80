"""One row per indexed field: its kind, and how its values are read out of a record.

A field holds normalised copies (lower-cased text, canonical addresses, lists), made once when a record is stored, so that
queries compare plainly; the record itself keeps the source's spelling. Where each value stands in a record is
`filters.md`'s table; rows are in its order, with the helpers of a filter right after it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from casbah.activity import address
from casbah.activity.record import (
    Record,
    at,
    each,
    first_string,
    identifier,
    integer,
    string,
    strings,
)
from casbah.activity.text import exact, folded, words

Value = str | int
"""What a field holds: text (normalised), or an integer (64 bits and a sign; an address's key has 128)."""


class Kind(Enum):
    """What a field's values are, hence which operators apply to it (`wire.md`, 6)."""

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


@dataclass(frozen=True, slots=True)
class Field:
    """An indexed field. `read` gives its normalised values, none where the record has none."""

    name: str
    kind: Kind
    read: Callable[[Record], Iterable[Value]]

    def __hash__(self) -> int:
        """Names are unique, which `FIELDS` makes sure of."""
        return hash(self.name)


def values(field: Field, record: Record) -> tuple[Value, ...]:
    """The distinct values of a field in a record, in order."""
    return tuple(dict.fromkeys(field.read(record)))


def phrases(record: Record) -> Iterator[tuple[str, ...]]:
    """The words of every string value in a record that has any; one tuple a string, so that no phrase crosses two."""
    return filter(None, map(words, strings(record)))


def entity_term(identity: str, saas: str | None, instance: str | None) -> str:
    """One way in which an entity may be asked for; the id stands last, so that a prefix of it is a prefix of the term.

    Parts are length-prefixed, so no two different triples give the same term; `-` stands for "any".
    """
    return f"{_part(saas)}{_part(instance)}{exact(identity)}"


def source_type(number: int) -> str:
    """The term for a source type."""
    return f"t:{number}"


def source_stream(stream: str) -> str:
    """The term for a stream."""
    return f"s:{exact(stream)}"


def _part(part: str | None) -> str:
    return "-" if part is None else f"{len(part)}:{part}"


def _ints(found: Any) -> Iterator[int]:
    number = integer(found)
    if number is not None:
        yield number


def _ids(found: Iterable[Any]) -> Iterator[str]:
    return (exact(each_id) for each_id in map(identifier, found) if each_id is not None)


def _texts(found: Iterable[Any]) -> Iterator[str]:
    return (folded(text) for text in map(string, found) if text is not None)


def _flag(found: Any) -> Iterator[str]:
    yield "true" if found is True else "false"


def _app(record: Record) -> int | None:
    own = integer(at(record, "appId"))
    return own if own is not None else integer(at(record, "saasId"))


def _instance(record: Record) -> Iterator[int]:
    own = integer(at(record, "instanceId"))
    actor = integer(at(record, "resolvedActor", "instanceId"))
    yield own if own is not None else actor if actor is not None else 0


def _actions(record: Record) -> Iterator[str]:
    operation = string(at(record, "mainInfo", "rawOperationName"))
    event = string(at(record, "eventTypeValue"))
    if operation is None:
        return
    yield folded(operation)
    for app in (_app(record), integer(at(record, "srcAppId"))):
        if event is not None and app is not None:
            yield folded(f"{app}:{event}:{operation}")


def _country(record: Record) -> str | None:
    return first_string(at(record, "location", "countryCode"), at(record, "device", "countryCode"))


def _addresses(record: Record) -> Iterator[str]:
    for found in (at(record, "device", "clientIP"), *each(record, "internals", "otherIPs")):
        canonical = address.canonical(found) if isinstance(found, str) else None
        if canonical is not None:
            yield canonical


def _objects(record: Record) -> Iterator[Any]:
    return each(record, "mainInfo", "eventObjects")


def _is_object(found: Any, number: int, word: str) -> bool:
    service_type = string(at(found, "serviceObjectType"))
    return integer(at(found, "objType")) == number or (service_type is not None and word in service_type.lower())


def _is_file(found: Any) -> bool:
    return _is_object(found, 3, "file")


def _is_folder(found: Any) -> bool:
    return _is_object(found, 4, "folder")


def _list_items(record: Record) -> Iterator[str]:
    item = string(at(record, "rawDataJson", "ListItemUniqueId"))
    site = string(at(record, "rawDataJson", "Site"))
    if item is not None:
        yield item
        if site is not None:
            yield f"{site}|{item}"


def _file_ids(record: Record) -> Iterator[Any]:
    yield from (at(found, "id") for found in _objects(record) if _is_file(found))
    yield from _list_items(record)


def _file_selectors(record: Record) -> Iterator[Any]:
    for found in _objects(record):
        if _is_file(found) or _is_folder(found):
            yield identifier(at(found, "id"))
            yield at(found, "name")
    yield from _list_items(record)


def _urls(record: Record) -> Iterator[str]:
    raw = at(record, "rawDataJson")
    site, path, name = (string(at(raw, key)) for key in ("SiteUrl", "SourceRelativeUrl", "SourceFileName"))
    candidates = [at(raw, "ObjectId"), site, *(at(found, "name") for found in _objects(record))]
    if site is not None and path is not None and name is not None:
        candidates.append(f"{site}{path}/{name}")
    return (url for url in _texts(candidates) if url.startswith(("http://", "https://")))


def _source(record: Record) -> Iterator[str]:
    number = integer(at(record, "source"))
    stream = identifier(at(record, "streamId"))
    if number is not None:
        yield source_type(number)
    if stream is not None:
        yield source_stream(stream)


def _entities(record: Record) -> Iterator[str]:
    """Every way to ask for each of those who performed it; the record's several places mostly name the same."""
    known = {(identifier(each[0]), _decimal(each[1]), _decimal(each[2])): None for each in _candidates(record)}
    for name, saas, instance in known:
        if name is not None:
            for each_saas in (None,) if saas is None else (None, saas):
                for each_instance in (None,) if instance is None else (None, instance):
                    yield entity_term(name, each_saas, each_instance)


def _candidates(record: Record) -> Iterator[tuple[Any, Any, Any]]:
    """Who performed it: (id, saas, instance) as the record's several places have it."""
    yield _account(at(record, "resolvedActor"))
    yield _account(at(record, "resolvedActorAccount"))
    for position in (0, 2):
        pk = at(_entity_data(record, position), "id")
        yield at(pk, "id"), at(pk, "saas"), at(pk, "inst")
    yield from (_account(found) for found in _objects(record) if _is_actor(found))


def _entity_data(record: Record, position: int) -> Any:
    data = at(record, "entityData")
    if isinstance(data, list):
        return data[position] if position < len(data) else None
    return at(data, str(position))


def _account(found: Any) -> tuple[Any, Any, Any]:
    return at(found, "id"), at(found, "saasId"), at(found, "instanceId")


def _is_actor(found: Any) -> bool:
    return integer(at(found, "role")) in (2, 4)


def _decimal(found: Any) -> str | None:
    number = integer(found)
    return None if number is None else str(number)


def _user_name(record: Record) -> str | None:
    return first_string(
        at(record, "user", "userName"),
        at(record, "failedUserData", "userName"),
        at(record, "resolvedActor", "name"),
    )


def _domain(record: Record) -> str | None:
    _, found, domain = (_user_name(record) or "").rpartition("@")
    return domain if found else None


def _object_tags(record: Record) -> Iterator[Any]:
    for found in _objects(record):
        if not _is_actor(found):
            yield from each(found, "tags")


def _labels(record: Record) -> Iterator[Any]:
    for found in _objects(record):
        if _is_file(found):
            yield from each(found, "labels")


def _index(*rows: Field) -> dict[str, Field]:
    table = {row.name: row for row in rows}
    if len(table) != len(rows):
        raise AssertionError("two fields have the same name")
    return table


# fmt: off
FIELDS = _index(
    Field("service",       Kind.INT,         lambda r: _ints(_app(r))),
    Field("instance",      Kind.INT,         _instance),
    Field("org_unit",      Kind.PATH,        lambda r: _texts((at(r, "user", "orgUnit"),))),
    Field("event_type",    Kind.TEXT,        lambda r: _texts((at(r, "eventTypeName"), at(r, "mainInfo", "type"), at(r, "eventTypeValue")))),
    Field("id",            Kind.ID,          lambda r: _ids((at(r, "_id"),))),
    Field("impersonated",  Kind.BOOL,        lambda r: _flag(at(r, "isImpersonated"))),
    Field("admin",         Kind.BOOL,        lambda r: _flag(at(r, "isAdminOperation"))),
    Field("taken_action",  Kind.ENUMERATION, lambda r: _texts(each(r, "takenActions"))),
    Field("action_type",   Kind.TEXT,        _actions),
    Field("device_type",   Kind.ENUMERATION, lambda r: _texts((at(r, "userAgent", "deviceType"),))),
    Field("device_tag",    Kind.ID,          lambda r: _ids(each(r, "device", "tags"))),
    Field("user_agent",    Kind.TEXT,        lambda r: _texts((at(r, "device", "userAgent"),))),
    Field("agent_tag",     Kind.ID,          lambda r: _ids(each(r, "userAgent", "tags"))),
    Field("country",       Kind.TEXT,        lambda r: _texts((_country(r),))),
    Field("organization",  Kind.PATH,        lambda r: _texts((at(r, "location", "organizationSearchable"),))),
    Field("ip",            Kind.IP,          _addresses),
    Field("ip_key",        Kind.ADDRESS,         lambda r: map(address.key, _addresses(r))),
    Field("file_selector", Kind.TEXT,        lambda r: _texts(_file_selectors(r))),
    Field("url",           Kind.URL,         _urls),
    Field("file_id",       Kind.ID,          lambda r: _ids(_file_ids(r))),
    Field("ip_category",   Kind.INT,         lambda r: _ints(at(r, "location", "category"))),
    Field("ip_tag",        Kind.ID,          lambda r: _ids(each(r, "location", "ipTags"))),
    Field("word",          Kind.WORDS,       lambda r: (word for phrase in phrases(r) for word in phrase)),
    Field("date",          Kind.MS,          lambda r: _ints(at(r, "timestamp"))),
    Field("policy",        Kind.ID,          lambda r: _ids(each(r, "policies"))),
    Field("source",        Kind.SOURCE,      _source),
    Field("alert_id",      Kind.ID,          lambda r: _ids(each(r, "alertIds"))),
    Field("object_id",     Kind.ID,          lambda r: _ids(at(found, "id") for found in _objects(r))),
    Field("file_label",    Kind.ID,          lambda r: _ids(_labels(r))),
    Field("created",       Kind.MS,          lambda r: _ints(at(r, "created"))),
    Field("entity",        Kind.ENTITY,      _entities),
    Field("user_name",     Kind.TEXT,        lambda r: _texts((_user_name(r),))),
    Field("user_tag",      Kind.ID,          lambda r: _ids(each(r, "user", "userTags"))),
    Field("object_tag",    Kind.ID,          lambda r: _ids(_object_tags(r))),
    Field("user_domain",   Kind.TEXT,        lambda r: _texts((_domain(r),))),
)
# fmt: on
