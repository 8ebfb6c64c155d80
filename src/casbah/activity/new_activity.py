"""An activity that is ready to be stored, independent of its source and of the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Seal(NamedTuple):
    """What a commitment to a stored record needs beside it: its salt, and how many bytes after its opening brace were added to
    what was sent (0: none, or not known).
    """

    salt: bytes
    added: int


@dataclass(frozen=True, slots=True)
class NewActivity:
    """One activity, ready to be stored.

    `record` is a JSON object in bytes; `adds` names which of `_id`, `uid`, `created` it lacks, to be spliced in when it is
    first stored. `activity` is the same record parsed (without what `adds` names).
    `digest` is the hex SHA-256 of the source event's canonical body, or None for records that are compared by `_id` alone.
    `created` is ms since the epoch if the record brings it. `seal` is that of the store which the record comes from, if it kept
    one: commitments to the record hold in its new place, too.
    """

    id: str
    timestamp: int
    record: bytes
    activity: Mapping[str, Any]
    digest: str | None = None
    created: int | None = None
    adds: tuple[str, ...] = ()
    seal: Seal | None = None


def second_id(activity_id: str, digest: str | None) -> str | None:
    """The id to use if another event has this one; None if events are identified by id alone (no digest)."""
    return None if digest is None else f"{activity_id}~{digest[:8]}"
