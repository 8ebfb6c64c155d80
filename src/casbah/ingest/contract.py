"""The types of the ingest pipeline: an Event as the source wrote it, the Connector that reads it, the Draft of its record.

    file or body --reading--> Event --Connector--> Draft --activity_builder--> NewActivity --store--> stored once

Nothing here reads a file, opens a store or depends on a particular source.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from casbah.activity.forms import Form
from casbah.activity.new_activity import NewActivity
from casbah.base.jsontext import InvalidJsonError, NotAnObjectError


class UnusableEventError(ValueError):
    """The event cannot become an activity. The message is the reason shown in the rejects file and in the response."""


def why_no_event(error: InvalidJsonError) -> str:
    """The reason why a text is not an event, if `jsontext.parse_object` has refused it with this error."""
    return f"not an event: {error}" if isinstance(error, NotAnObjectError) else str(error)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a source: its own bytes (one JSON object), the parsed object, and its position.

    `line` is the 1-based line of a file of lines, or the 1-based element of a document that holds a list. `form` is what it was
    read from, if that carries less than the source's own event: a row of a CSV export, for one. `text` is what to keep of it
    if it is refused, so that it can be read again, if not `raw`. `refused_at` is the origin and the line that a rejects file
    says it was refused at before.
    """

    raw: bytes
    parsed: Mapping[str, Any]
    origin: str = ""
    line: int = 0
    form: Form | None = None
    text: bytes = b""
    refused_at: tuple[str, int] | None = None

    def refused(self, reason: str) -> "Refusal":
        """The refusal of this event."""
        return Refusal(self.origin, self.line, reason, self.text or self.raw, refused_at=self.refused_at)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a connector makes of one event: a record without the keys that `activity_builder` and the store add.

    `id` is the event's `_id`, or None if the source has no id; `activity_builder` then derives one from the event's digest and
    the number of identical events before it in the same file or page. `timestamp` is in ms since the epoch. `keys` are
    the record's own keys in order, without `_id`, `uid`, `created`, `timestamp` and `rawDataJson`. A derived id is
    `scope`, the digest, and `part`: `scope` is `<instance>_<appId>_`, and `part` distinguishes several drafts of one
    event ("" for most sources).

    With `is_record` the event is a record already: it keeps its own bytes, `keys` is empty, and `created` is the time of
    storing that it brings, if any.

    `form` is that of the event, where the connector knows better what it carries.
    """

    id: str | None
    timestamp: int
    keys: Mapping[str, Any]
    part: str = ""
    scope: str = ""
    is_record: bool = False
    created: int | None = None
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that was not stored, or an unreadable span of text: its position, the reason, and its own bytes.

    `cut` is the number of bytes of a long span that are missing at the end of `raw`. `refused_at` is that of its event.
    """

    origin: str
    line: int
    reason: str
    raw: bytes = b""
    cut: int = 0
    refused_at: tuple[str, int] | None = None


Samples = Literal["real logs", "published examples", "documentation", "Casbah's own export"]
"""Where the events that a connector is tested with are from: recorded events, examples that others publish and may have
edited, or events written from the vendor's documentation.
"""


@dataclass(frozen=True, slots=True)
class CsvForm:
    """A CSV export of a source, known by the columns that its header has at least, in any order and case.

    `seen` is whether the columns come from a real export, rather than from documentation; `documents` shows them. `times`
    says what the times are; `local` is the column of times that may have no zone, so that the caller must name it. Rows of
    a `complete` form are the source's own events; others carry less than those.
    """

    title: str
    columns: tuple[str, ...]
    documents: str
    seen: bool
    times: str = "UTC"
    complete: bool = False
    local: str = ""


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """What a record says of events, when, and why; docs/sources.md has the rules of every connector.

    `when` is in words, or patterns of a mapping file. A connector in Python decides by `holds`, if the rule has it.
    """

    says: str
    when: str
    reason: str
    holds: Callable[[Mapping[str, Any]], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Connector:
    """One source. `connectors/<name>.py` holds exactly one as CONNECTOR; the file is the plugin.

    `wrapper` is the key that holds the list of events in a saved API response of that source, if any.
    `recognizes` decides from one parsed event (its keys in lower case) whether it is from this source. It must not depend
    on anything else, nor on a top-level list, which may be a wrapper's. It is called only for events with all the
    top-level keys of one of `marks` (in lower case), or for every event if there are no marks. `accepts` decides the same
    for an event that no connector recognizes, if the caller names this source: for events without distinguishing keys.
    `csv` are its CSV exports, whose rows it recognizes like any event: an object with a text for each cell that is not empty.

    `drafts` turns one event into one or more drafts, or raises UnusableEventError with the reason. A connector that does not
    need the pipeline may yield a NewActivity. `documents` are links to the vendor's documentation, `apps` the ids of the apps
    it reports on, `samples` where the events are from that it is tested with, `rules` the reasons for its
    flags, outcomes and user names, `origin` where the connector itself comes from. `verb` gives the verb of a record's keys,
    or "" (`ingest.verbs`); a connector without it has the verbs of the app that a record names.
    """

    name: str
    title: str
    recognizes: Callable[[Mapping[str, Any]], bool]
    drafts: Callable[[Event], Iterable[Draft | NewActivity]]
    wrapper: str | None = None
    examples: tuple[str, ...] = field(default=())
    documents: tuple[str, ...] = ()
    apps: tuple[int, ...] = ()
    samples: Samples | None = None
    rules: tuple[ReadingRule, ...] = ()
    origin: str = "built in"
    marks: tuple[frozenset[str], ...] = ()
    accepts: Callable[[Mapping[str, Any]], bool] | None = None
    csv: tuple[CsvForm, ...] = ()
    verb: Callable[[Mapping[str, Any]], str] | None = None


@dataclass(frozen=True, slots=True)
class Recognized:
    """An event and the connector of its source."""

    event: Event
    connector: Connector


LOST = "\0" * 8
"""Zeros that a crash leaves in place of text. JSON cannot have them; in other formats they would be part of a value."""

HAS_LOST = "a part of it was lost: it has zeros in place of text"
