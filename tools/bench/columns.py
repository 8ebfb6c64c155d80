"""An activity as a typed row: what a table or an index of the peers has for the filters. Values are `activity.fields`' own.

Every field of the language is a column, and `seq` is the number of storing, so that ties are broken alike everywhere. What
a record may have several of is a list; what is asked for parts of such lists is also there as one text, `<name>_text`, with
a separator around every value. An address is a number of 128 bits, the first one apart, because nearly all have just one.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import orjson

from casbah.activity.fields import FIELDS, Kind, phrases, values
from casbah.activity.record import Reading

SEPARATOR = "\x1f"
PHRASE_END = "\x1e"


class Column(Enum):
    """What a column holds."""

    NUMBER = "number"
    FLAG = "flag"
    TEXT = "text"
    LIST = "list"
    NETWORK = "network"
    WORDS = "words"


_ONE_TEXT = (
    "org_unit",
    "id",
    "device_type",
    "user_agent",
    "country",
    "organization",
    "user_name",
    "user_domain",
    "operation",
    "verb",
    "source_id",
)
_OF_KIND = {
    Kind.INT: Column.NUMBER,
    Kind.MS: Column.NUMBER,
    Kind.BOOL: Column.FLAG,
    Kind.ADDRESS: Column.NETWORK,
    Kind.WORDS: Column.WORDS,
}

COLUMNS: Mapping[str, Column] = {
    field.name: Column.TEXT if field.name in _ONE_TEXT else _OF_KIND.get(field.kind, Column.LIST)
    for field in FIELDS.values()
}
"""By field, in the order of the language's table."""

JOINED = ("action_type", "ip", "url", "entity", "user_tag")
"""The lists that the public API documents a beginning, an ending or a part of the value for."""


def row(record: bytes) -> dict[str, Any]:
    """The columns of a record that have a value."""
    reading = Reading(orjson.loads(record))
    found: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        if column is Column.WORDS:
            found[name] = list(phrases(reading))
            continue
        held = values(FIELDS[name], reading)
        if held:
            found[name] = _held(column, held)
    return found


def joined(held: list[str]) -> str:
    """The values of a list as one text, a separator before and after each."""
    return SEPARATOR + SEPARATOR.join(held) + SEPARATOR


def spaced(found: list[tuple[str, ...]]) -> str:
    """The words of a record as one text: a blank around each word, and an end between two strings of the record."""
    return f" {f' {PHRASE_END} '.join(map(' '.join, found))} "


def _held(column: Column, held: tuple[Any, ...]) -> Any:
    match column:
        case Column.FLAG:
            return held[0] == "true"
        case Column.NUMBER | Column.TEXT:
            if len(held) > 1:
                raise AssertionError(f"several values where there is one: {held}")
            return held[0]
        case _:
            return list(held)
