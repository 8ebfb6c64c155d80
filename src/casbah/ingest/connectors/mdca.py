"""Activity records as returned by Defender for Cloud Apps. They are stored unchanged."""

from collections.abc import Iterator, Mapping
from typing import Any

from casbah.ingest.contract import Connector, Draft, Event, UnusableEventError
from casbah.ingest.times import MAX_TIMESTAMP, within_bounds

_NAMES = frozenset({"_id", "uid"})
_APPS = frozenset({"appid", "saasid"})
_SHAPE = frozenset({"eventtypename", "eventtypevalue", "entitydata", "maininfo", "saasid", "rawdatajson"})
_MAX_DIGITS = 20


def recognises(event: Mapping[str, Any]) -> bool:
    """An app number, plus an id or a timestamp with two of the keys that only these records have."""
    keys = event.keys()
    return _has_app(event) and (bool(_NAMES & keys) or ("timestamp" in keys and len(_SHAPE & keys) > 1))


def accepts(event: Mapping[str, Any]) -> bool:
    """If the caller names this source, an id is enough, or a timestamp and an app."""
    keys = event.keys()
    return bool(_NAMES & keys) or ("timestamp" in keys and _has_app(event))


def _has_app(event: Mapping[str, Any]) -> bool:
    return any(_whole(event.get(key)) is not None for key in _APPS)


def drafts(event: Event) -> Iterator[Draft]:
    """One record, which keeps its own bytes."""
    record = event.parsed
    yield Draft(id=_identity(record), timestamp=_timestamp(record), keys={}, is_record=True, created=_created(record))


def _identity(record: Mapping[str, Any]) -> str | None:
    """`_id`, else `uid`; a number counts as its decimal string."""
    for key in ("_id", "uid"):
        value = record.get(key)
        if type(value) is str and value:
            return value
        if type(value) is int:
            return str(value)[:_MAX_IDENTITY]
        if value not in (None, ""):
            raise UnusableEventError(f"no usable {key}: expected a string, got {type(value).__name__}")
    return None


def _timestamp(record: Mapping[str, Any]) -> int:
    if record.get("timestamp") is None:
        raise UnusableEventError("no usable time: timestamp is absent")
    timestamp = _whole(record["timestamp"])
    if timestamp is None:
        raise UnusableEventError(f"no usable time: timestamp is {str(record['timestamp'])[:60]!r}")
    return timestamp


def _created(record: Mapping[str, Any]) -> int | None:
    if record.get("created") in (None, ""):
        return None
    created = _whole(record["created"])
    if created is None or not within_bounds(created):
        raise UnusableEventError(
            f"no usable created: {str(record['created'])[:60]!r} is not ms from 0 to {MAX_TIMESTAMP}"
        )
    return created


def _whole(value: Any) -> int | None:
    """An integer from an int, a whole float or a decimal string; None for everything else."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str:
        digits = value.removeprefix("-")
        usable = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS
        return int(value) if usable else None
    return value if type(value) is int else None


_MAX_IDENTITY = 4_000

CONNECTOR = Connector(
    name="mdca",
    title="Microsoft Defender for Cloud Apps activity records",
    samples="real logs",
    recognises=recognises,
    accepts=accepts,
    drafts=drafts,
    wrapper="data",
    documents=("https://learn.microsoft.com/defender-cloud-apps/api-activities",),
    examples=("GET /api/v1/activities/ saved to a file", "one activity record per line"),
    marks=(frozenset({"appid"}), frozenset({"saasid"})),
)
