"""The details of an activity that people look for: its values by filter, as its source spelled them, and its objects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.fields import user_name
from casbah.activity.record import Reading, elements, part

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A value of a filter. `name` is what the activity calls an object with this id, such as a group."""

    about: str
    filter: str
    value: Scalar
    name: Scalar | None


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of an activity, with its part in it; objects of older records have none."""

    part: Scalar | None
    name: Scalar | None
    id: Scalar
    type: Scalar | None


# fmt: off
_FACTS: Mapping[str, Mapping[str, Callable[[Reading], Any]]] = {
    "Who": {
        "user.username":             user_name,
        "user.orgUnit":              lambda r: r.user.get("orgUnit"),
        "user.tags":                 lambda r: r.user.get("userTags"),
        "entity":                    lambda r: r.actor.get("id"),
        "activity.type":             lambda r: r.record.get("isAdminOperation"),
        "activity.impersonated":     lambda r: r.record.get("isImpersonated"),
        "session":                   lambda r: [r.record.get("session"), *_list(r.record.get("sessionIds"))],
    },
    "What": {
        "service":                   lambda r: _first(r.record.get("appId"), r.record.get("saasId")),
        "instance":                  lambda r: r.record.get("instanceId"),
        "actionType":                lambda r: r.main.get("rawOperationName"),
        "verb":                      lambda r: r.record.get("verb"),
        "activity.eventActionType":  lambda r: r.record.get("eventTypeName"),
        "activity.takenAction":      lambda r: r.record.get("takenActions"),
        "policy":                    lambda r: r.record.get("policies"),
        "activity.alertId":          lambda r: r.record.get("alertIds"),
        "source":                    lambda r: [f"t:{value}" for value in _list(r.record.get("source")) if _is_shown(value)],
        "activity.id":               lambda r: r.record.get("_id"),
    },
    "Where": {
        "ip.address":                lambda r: [r.device.get("clientIP"), *elements(part(r.record, "internals"), "otherIPs")],
        "ip.category":               lambda r: r.location.get("category"),
        "ip.tags":                   lambda r: r.location.get("ipTags"),
        "location.country":          lambda r: _first(r.location.get("countryCode"), r.device.get("countryCode")),
        "location.organizations":    lambda r: r.location.get("organizationSearchable"),
        "device.type":               lambda r: r.agent.get("deviceType"),
        "device.tags":               lambda r: r.device.get("tags"),
        "userAgent.tags":            lambda r: r.agent.get("tags"),
        "userAgent.userAgent":       lambda r: r.device.get("userAgent"),
    },
}
# fmt: on

_PARTS = (
    "target", "file", "folder", "mail", "rule", "role", "group", "permission", "address", "application", "actor",
)  # fmt: skip
"""Parts in the order of objects; others come after them."""


def facts(reading: Reading) -> Iterator[Fact]:
    """The values that people look for, of all filters that have some."""
    names = {str(thing.id): thing.name for thing in _things(reading) if thing.name is not None}
    for about, rows in _FACTS.items():
        for filter_name, read in rows.items():
            for value in filter(_is_shown, _list(read(reading))):
                yield Fact(about, filter_name, value, names.get(str(value)))


def things(reading: Reading) -> Sequence[Thing]:
    """The objects with an id, by part: of those with one name in a part, such as several accounts of a person, the first."""
    distinct: dict[tuple[Scalar | None, Scalar | None], Thing] = {}
    for thing in _things(reading):
        distinct.setdefault((thing.part, thing.name if thing.part else thing.id), thing)
    return sorted(
        distinct.values(), key=lambda thing: _PARTS.index(thing.part) if thing.part in _PARTS else len(_PARTS)
    )


def _things(reading: Reading) -> Iterator[Thing]:
    for item in reading.objects:
        values = [_first(*(item.get(key) for key in keys)) for keys in _KEYS]
        whose, name, key, kind = (value if _is_shown(value) else None for value in values)
        if key is not None:
            yield Thing(whose, name, key, kind)


_KEYS = (("part",), ("name",), ("id",), ("serviceObjectType", "type"))


def _is_shown(value: Any) -> bool:
    return value not in (None, "") and not isinstance(value, dict | list)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
