"""A page of activities, read from an answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from casbah.client.errors import ProtocolError

Record = dict[str, Any]

EXTENSION = "/api/ext/v1/"
ACTIVITIES = "/api/v1/activities/"


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the order received; iterating over a page yields them.

    `total` is the number of matching activities, None if the server does not report it. `following`: the filters of a scan's
    next page.
    """

    data: list[Record]
    has_next: bool
    total: int | None = None
    following: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Record]:
        return iter(self.data)


@dataclass(frozen=True, slots=True)
class Changes:
    """Records in the order in which they were stored; iterating yields them. Continue at `cursor`, even after no records."""

    data: list[Record]
    has_next: bool
    cursor: str

    def __iter__(self) -> Iterator[Record]:
        return iter(self.data)


def changes_of(answer: Mapping[str, Any]) -> Changes:
    """The changes in an answer. Raises ProtocolError if it is not a page of changes."""
    page, cursor = page_of(answer), answer.get("cursor")
    if not isinstance(cursor, str):
        raise ProtocolError(f"expected changes {{data, cursor, hasNext}}, got an object with the keys {sorted(answer)}")
    return Changes(page.data, page.has_next, cursor)


def page_of(answer: Mapping[str, Any]) -> Page:
    """The page in an answer. Raises ProtocolError if it is not a page."""
    data, more = answer.get("data"), answer.get("hasNext")
    if not isinstance(data, list) or not all(isinstance(record, dict) for record in data) or not isinstance(more, bool):
        raise ProtocolError(
            f"expected a page {{data, hasNext, total}}, got an object with the keys {sorted(answer)}; "
            "check that the address is that of an Activities API"
        )
    total, following = answer.get("total"), answer.get("nextQueryFilters")
    return Page(
        data,
        more,
        total if type(total) is int else None,
        following if more and isinstance(following, dict) else None,
    )


def id_of(record: Mapping[str, Any]) -> str:
    """A record's id. Raises ProtocolError if it has none, as duplicates could not be detected."""
    name = record.get("_id")
    if not isinstance(name, str) or not name:
        raise ProtocolError(f"expected an activity with an _id, got an object with the keys {sorted(record)[:20]}")
    return name
