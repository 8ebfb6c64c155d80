"""Wrappers: objects that are not events themselves but hold one or more, as data.

A row says how to recognise a wrapper, where its events are, and how they are written. Only an object that no connector
recognises can be a wrapper. What a wrapper says about its events is dropped, so that an event becomes the same record
whatever it came in. `wrapping` finds the lists of saved answers in text; a row here with a list of events at the top adds
its key to those.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from casbah.base import jsontext
from casbah.ingest.contract import Event, Refusal
from casbah.ingest.mapping.paths import fold
from casbah.ingest.mapping.recognise import Recognition

MAX_DEPTH = 8
"""Wrappers around one event."""

_EACH = "[]"
_ANNOTATION = "@odata."
_BLANKS = b" \t\r\n"

Read = Callable[[bytes], Iterator[Event | Refusal]]
"""Reads the events of a text that a wrapper holds."""


class Holds(Enum):
    """How a wrapper writes what it holds. The value is shown in the documentation."""

    EVENT = "object or text"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One kind of wrapper.

    `recognised_by` has alternative lists of requirements, as `recognise` of a mapping file; without any, the key of
    `inside` suffices. `inside` is the path of the content: keys, any case, and `[]` for each element of a list.
    `documents` is the vendor's page that shows it.
    """

    title: str
    recognised_by: tuple[tuple[str, ...], ...]
    inside: str
    holds: Holds
    documents: str

    @property
    def list_key(self) -> str | None:
        """The key, if the wrapper is an object with a list of events that may be long."""
        key = self.inside.removesuffix(_EACH)
        return key if not self.recognised_by and key + _EACH == self.inside else None


_AWS, _LEARN = "https://docs.aws.amazon.com/", "https://learn.microsoft.com/"

# In this order: the first that recognises an object counts.
# fmt: off
WRAPPERS = (
    Wrapper("Microsoft Graph `security/auditLog/queries/{id}/records`, `Get-UALGraph`",
            (("auditLogRecordType", "auditData"),), "auditData", Holds.EVENT,
            _LEARN + "graph/api/security-auditlogquery-list-records"),
    Wrapper("`Search-UnifiedAuditLog | ConvertTo-Json`",
            (("AuditData",), ("Operations", "RecordType", "UserIds")), "AuditData", Holds.EVENT,
            _LEARN + "powershell/module/exchange/search-unifiedauditlog"),
    Wrapper("`aws cloudtrail lookup-events`",
            (), "Events[]", Holds.EVENT,
            _AWS + "awscloudtrail/latest/APIReference/API_LookupEvents.html"),
    Wrapper("an event of `aws cloudtrail lookup-events`",
            (("CloudTrailEvent",),), "CloudTrailEvent", Holds.EVENT,
            _AWS + "awscloudtrail/latest/APIReference/API_Event.html"),
    Wrapper("Amazon EventBridge",
            (("detail-type", "detail", "source"),), "detail", Holds.EVENT,
            _AWS + "eventbridge/latest/userguide/eb-service-event-cloudtrail.html"),
)
# fmt: on

_ROWS = tuple((Recognition(row.recognised_by), row) for row in WRAPPERS if row.recognised_by)

LIST_KEYS = frozenset(filter(None, (row.list_key for row in WRAPPERS)))
"""The keys of lists of events, besides those that connectors name."""


def wrapper_of(parsed: Mapping[str, Any]) -> Wrapper | None:
    """The kind of wrapper that an object is, if no connector recognises it."""
    event = fold(parsed)
    return next((row for recognises, row in _ROWS if recognises(event)), None)


class Inside(NamedTuple):
    """An item that a wrapper holds, and its place in it, such as `logEvents[3].message`."""

    place: str
    item: Event | Refusal


def opened(wrapper: Wrapper, event: Event, *, read: Read) -> Iterator[Inside]:
    """What a wrapper holds, with the line of the wrapper. What cannot be read is a refusal.

    A refusal keeps the wrapper if that holds one event, else only the content that cannot be read.
    """
    alone = _EACH not in wrapper.inside
    for part in _parts(_Part("", event.parsed, event.raw), _steps(wrapper.inside)):
        for text in _READERS[wrapper.holds](part):
            items = [Refusal("", 1, text.reason, text.raw)] if text.reason else read(text.raw)
            for item in items:
                placed = replace(item, origin=event.origin, line=event.line)
                if alone and isinstance(placed, Refusal):
                    placed = replace(placed, raw=event.raw, cut=0)
                yield Inside(text.place, placed)


class _Part(NamedTuple):
    """A value in a wrapper, its place, and its JSON text. A missing value is None."""

    place: str
    value: Any
    raw: bytes


class _Text(NamedTuple):
    """A text of events and its place, or the reason why it cannot be read."""

    place: str
    raw: bytes
    reason: str = ""


def _steps(path: str) -> list[str]:
    return path.replace(_EACH, f".{_EACH}").split(".")


def _parts(part: _Part, steps: list[str]) -> Iterator[_Part]:
    """The values at the path. Where a value is missing or no list, the branch ends with None."""
    if not steps:
        yield part
    elif steps[0] != _EACH:
        yield from _parts(_member(part, steps[0]), steps[1:])
    elif type(part.value) is not list:
        yield part._replace(value=None)
    else:
        for number, (value, raw) in enumerate(zip(part.value, jsontext.elements(part.raw), strict=True)):
            yield from _parts(_Part(f"{part.place}[{number}]", value, raw), steps[1:])


def _member(part: _Part, name: str) -> _Part:
    place = f"{part.place}.{name}" if part.place else name
    members = part.value if type(part.value) is dict else {}
    key = next((key for key in members if key.lower() == name.lower() and members[key] is not None), None)
    if key is None:
        return _Part(place, None, part.raw)
    return _Part(place, members[key], jsontext.raw_values(part.raw, [key])[key])


def _event(part: _Part) -> Iterator[_Text]:
    """An object without the annotations of OData, or text."""
    if type(part.value) is str:
        text = part.value.encode("utf-8", "surrogatepass").strip(_BLANKS)
        yield _Text(part.place, text, "" if text else "no event: the text is empty")
    elif type(part.value) is dict:
        annotations = {key for key in part.value if _ANNOTATION in key}
        yield _Text(part.place, jsontext.without(part.raw, annotations) if annotations else part.raw)
    else:
        yield _Text(part.place, part.raw, "no event: neither an object nor text")


_READERS: Mapping[Holds, Callable[[_Part], Iterator[_Text]]] = {Holds.EVENT: _event}
