"""Whether two records of one id are copies of one activity, and which of them carries more (docs/sources.md, "Copies")."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from typing import Any

from casbah.activity import address
from casbah.activity.forms import LEFT_OUT, Form, form_of
from casbah.activity.record import integer, part, string
from casbah.activity.text import folded
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record

_EMPTY = (None, "")


class Relation(Enum):
    """What a new record is to the stored one of the same id."""

    COPY = auto()
    """The same activity, and the stored record carries as much, or more."""

    FULLER = auto()
    """The same activity, and the new record carries more, and has all values of the stored one that are compared."""

    OTHER = auto()
    """Another activity."""


def relation(stored: Mapping[str, Any], new: Mapping[str, Any]) -> Relation:
    """What the new record is to the stored one."""
    result = _relation(stored, new)
    return Relation.OTHER if result is Relation.FULLER and not _keeps(stored, new) else result


def _relation(stored: Mapping[str, Any], new: Mapping[str, Any]) -> Relation:
    if (digest := digest_of_record(stored)) is not None and digest == digest_of_record(new):
        return Relation.COPY
    before, now = form_of(stored), form_of(new)
    lossy = max(filter(None, (before, now)), key=lambda form: form.rank, default=None)
    if lossy is None:
        return _of_full_records(stored, new)
    if not _agree(stored, new, lossy):
        return Relation.OTHER
    if before is now:
        return Relation.FULLER if _lacking(stored, new) else Relation.COPY
    return Relation.FULLER if now is None or (before is not None and now.rank < before.rank) else Relation.COPY


def _of_full_records(stored: Mapping[str, Any], new: Mapping[str, Any]) -> Relation:
    """Two events of a source with one id are copies if they are the same but for keys that some deliveries leave out.

    Only records that a connector made have `sourceId`.
    """
    if string(stored.get("sourceId")) is None or stored.get("sourceId") != new.get("sourceId"):
        return Relation.OTHER
    if (lacking := _lacking(new, stored)) is not None and lacking <= LEFT_OUT:
        return Relation.COPY
    return Relation.FULLER if (lacking := _lacking(stored, new)) and lacking <= LEFT_OUT else Relation.OTHER


def _lacking(lesser: Mapping[str, Any], greater: Mapping[str, Any]) -> AbstractSet[str] | None:
    """The keys that one record's event lacks of the other's; None if it has a value that the other has not."""
    event, other = (
        {key: jsontext.canonical(value) for key, value in part(record, "rawDataJson").items() if value not in _EMPTY}
        for record in (lesser, greater)
    )
    return other.keys() - event.keys() if event.items() <= other.items() else None


def _agree(one: Mapping[str, Any], other: Mapping[str, Any], form: Form) -> bool:
    """Whether two records agree, as far as they can where one is of this form."""
    times = integer(one.get("timestamp")), integer(other.get("timestamp"))
    if times[0] is None or times[1] is None or abs(times[0] - times[1]) > form.tolerance:
        return False
    values = ((_comparable(path, one), _comparable(path, other)) for path in form.compared)
    return all(value is None or held is None or value == held for value, held in values)


def _keeps(stored: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a new record has the values of the stored one: who may only ingest must not remove or change them."""
    return all(
        _value(path, stored) in _EMPTY
        or (_value(path, new) not in _EMPTY and _comparable(path, stored) in (None, _comparable(path, new)))
        for path in _COMPARABLE
    )


def _comparable(path: str, record: Mapping[str, Any]) -> str | None:
    """The value at a path as it is compared; None if it is absent, or forms write it in different ways."""
    value = _value(path, record)
    return None if value is None else _COMPARABLE[path](value)


def _value(path: str, record: Mapping[str, Any]) -> str | None:
    key, _, inner = path.partition(".")
    return string(part(record, key).get(inner))


def _sign_in_name(name: str) -> str | None:
    """A name that the user signs in with: some forms have a displayed name instead."""
    return folded(name) if "@" in name else None


_COMPARABLE: Mapping[str, Callable[[str], str | None]] = {
    "user.userName": _sign_in_name,
    "device.clientIP": address.canonical,
}
