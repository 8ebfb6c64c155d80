"""What travels through ingest: an Event as the source wrote it, a Draft of the record it becomes, a Connector
between.

    file or body --reading--> Event of a connector --> Draft --pipeline--> Arrival --store--> stored once

Nothing here reads a file, opens a store or knows a particular source.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from casbah.activity.new_activity import NewActivity


class UnusableEventError(ValueError):
    """An event that cannot become an activity; the message is the reason that the rejects file and the answer
    give.
    """


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a source: its own bytes (one JSON object), the same parsed, and where it stood.

    `line` is the 1-based line of a file of lines, or the 1-based element of a document that holds a list.
    """

    raw: bytes
    parsed: Mapping[str, Any]
    origin: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """What a connector makes of one event: a record that lacks only what storing adds.

    `id` is the `_id` by which the event is known, or None where the source gives none (the pipeline then
    derives it from the event's digest and its count of identical ones before it in the same file or page).
    `timestamp` is ms since the epoch. `keys` are the record's own keys in order, without `_id`, `uid`,
    `created`, `timestamp` and `rawDataJson`: those are added once, by the pipeline and the store. A derived
    id is `scope`, the digest, and `part`: `scope` is `<instance>_<appId>_`, and `part` tells several drafts
    of one event apart ("" for most sources).
    """

    id: str | None
    timestamp: int
    keys: Mapping[str, Any]
    part: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a connector says of an event that is a record already: the record keeps its own bytes.

    `id`, `created` and `adds` are as in NewActivity; where `id` is None the pipeline derives it. Keys of `nulls`
    stand in the record without a value: `_id` and `uid` get theirs in place, others are taken out, so that
    what is added later does not stand there twice. `entities` says that `entityData` is a list or null, to be
    made an object.
    """

    id: str | None
    timestamp: int
    created: int | None = None
    adds: tuple[str, ...] = ()
    nulls: frozenset[str] = frozenset()
    entities: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that was not stored, or a span of text that could not be read: where it stood, why, and its own bytes.

    `cut` is how many bytes of a long span are missing at the end of `raw`.
    """

    origin: str
    line: int
    reason: str
    raw: bytes = b""
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Connector:
    """One source. `connectors/<name>.py` holds exactly one as CONNECTOR; the file is the plugin.

    `wrapper` is the key under which a saved answer of that source holds its list of events, if it does that.
    `recognises` says from one parsed event (its keys in lower case) whether it is this source's; it looks at nothing
    else, and at no list at the top, which may be a wrapper's. It is asked only of events with all the top-level keys of
    one of `marks` (in lower case), or of every event where there are no marks. `accepts` says the same of an event that no
    connector recognises, where the caller names this source: for events that are too plain to be told apart.

    `drafts` turns one event into one or more drafts, or raises UnusableEventError with the reason. An event that is a record
    already is a Ready; a connector that can do without the pipeline may yield an Arrival. `documents` are the vendor's own,
    `apps` the ids of the apps that its activities happen in, `origin` where the connector itself comes from.
    """

    name: str
    title: str
    recognises: Callable[[Mapping[str, Any]], bool]
    drafts: Callable[[Event], Iterable[Draft | Ready | NewActivity]]
    wrapper: str | None = None
    examples: tuple[str, ...] = field(default=())
    documents: tuple[str, ...] = ()
    apps: tuple[int, ...] = ()
    origin: str = "built in"
    marks: tuple[frozenset[str], ...] = ()
    accepts: Callable[[Mapping[str, Any]], bool] | None = None


@dataclass(frozen=True, slots=True)
class Recognised:
    """An event and the connector of the source that it is of."""

    event: Event
    connector: Connector
