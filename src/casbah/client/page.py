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
    """Some records in order, as they came; iterating over a page gives them.

    `total` is how many activities match in all, None where the server does not say. `following`: the filters of a scan's
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
    """Some records in the order of storing; iterating gives them. `cursor` is where to go on, also where there were none."""

    data: list[Record]
    has_next: bool
    cursor: str

    def __iter__(self) -> Iterator[Record]:
        return iter(self.data)


def changes_of(answer: Mapping[str, Any]) -> Changes:
    """The changes in an answer. Raises ProtocolError where it holds none."""
    page, cursor = page_of(answer), answer.get("cursor")
    if not isinstance(cursor, str):
        raise ProtocolError(f"expected changes {{data, cursor, hasNext}}, got an object with the keys {sorted(answer)}")
    return Changes(page.data, page.has_next, cursor)


def page_of(answer: Mapping[str, Any]) -> Page:
    """The page in an answer. Raises ProtocolError where it holds none."""
    data, more = answer.get("data"), answer.get("hasNext")
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data) or not isinstance(more, bool):
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
    """A record's own id. Raises ProtocolError where it has none, since without it nobody can tell it from its double."""
    name = record.get("_id")
    if not isinstance(name, str) or not name:
        raise ProtocolError(f"expected an activity with an _id, got an object with the keys {sorted(record)[:20]}")
    return name
