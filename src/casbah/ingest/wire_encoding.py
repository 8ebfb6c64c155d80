"""Arrivals as lines, so that one process can read and normalise what another, which owns the store, takes in.

A record may hold line feeds and its bytes must come through unchanged, so it travels as a JSON string.
Records that are not valid UTF-8 do not get this far.
"""

from typing import Any, TypeVar

from casbah.activity.new_activity import NewActivity
from casbah.ingest import jsontext
from casbah.ingest.contract import UnusableEventError

SOURCE = "arrivals"
"""The `source` by which a body of such lines is told from events."""

Kind = TypeVar("Kind", str, int)
_RECORD, _NAMED = "record", ("id", "timestamp", "digest", "created", "adds")


def pack(arrival: NewActivity) -> bytes:
    """One line, without its line feed inside and with it at the end."""
    named: dict[str, Any] = {key: getattr(arrival, key) for key in _NAMED}
    return jsontext.dump({**named, _RECORD: arrival.record.decode("utf-8")}) + b"\n"


def unpack(line: bytes) -> NewActivity:
    """The arrival that was packed, or UnusableEventError if this is not such a line."""
    fields = jsontext.parse_object(line)
    try:
        record = fields[_RECORD].encode("utf-8")
        return NewActivity(
            id=_of(str, fields["id"]),
            timestamp=_of(int, fields["timestamp"]),
            record=record,
            activity=jsontext.parse_object(record),
            digest=None if fields["digest"] is None else _of(str, fields["digest"]),
            created=None if fields["created"] is None else _of(int, fields["created"]),
            adds=tuple(_of(str, add) for add in fields["adds"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UnusableEventError(f"not a packed arrival: {error}") from None


def _of(kind: type[Kind], value: Any) -> Kind:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
