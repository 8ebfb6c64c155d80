"""Encodes new activities as lines, so that one process can read and normalize them for another, which owns the store.

A record may contain line feeds, and its bytes must not change, so it is sent as a JSON string. Records that are not valid
UTF-8 are refused earlier.
"""

from typing import Any, TypeVar

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.ingest.contract import UnusableEventError

SOURCE = "arrivals"
"""The `source` of a body that holds such lines instead of events."""

Kind = TypeVar("Kind", str, int)
_RECORD, _NAMED = "record", ("id", "timestamp", "digest", "created", "adds")


def pack(new: NewActivity) -> bytes:
    """Encode as one line, with a line feed only at its end."""
    named: dict[str, Any] = {key: getattr(new, key) for key in _NAMED}
    return jsontext.dump({**named, _RECORD: new.record.decode("utf-8")}) + b"\n"


def unpack(line: bytes) -> NewActivity:
    """Decode a line. Raises UnusableEventError or InvalidJsonError."""
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
        raise UnusableEventError(f"not an encoded activity: {error}") from None


def _of(kind: type[Kind], value: Any) -> Kind:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
