"""Where a scan stands, without any input or output: every activity that matches, none lost and none doubled.

The server says with `nextQueryFilters` where the next page begins. A walk follows them, and remembers

* the filters of the page under way, so that the page can be asked for again, after an error or by another process;
* the ids of records that may come again. A record that was given is forgotten once the next page begins past its moment
  and it did not stand on the page before. So nothing is doubled by a boundary that is included (a server may put it on the
  last record given), nor by late events that push records of a page asked for twice on to the next page.

The checkpoint names both. It is small: between two pages of a server that never splits a moment it holds no ids at all.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from casbah.client.condition import wire_filters
from casbah.client.errors import ProtocolError, UsageError
from casbah.client.exchange import Call, Operation
from casbah.client.page import ACTIVITIES, Page, Record, id_of, page_of

Sort = Literal["date", "created"]
Direction = Literal["asc", "desc"]
Checkpoint = dict[str, Any]
Known = dict[str, int | None]

PAGE_SIZE, _LEAST, _MOST = 1_000, 500, 5_000
_VERSION = 1
_TIME_OF = {"date": "timestamp", "created": "created"}
_BOUND_OF = {"asc": "gte", "desc": "lte"}
_SHAPE = {"version": int, "asked": dict, "filters": dict, "sort": str, "direction": str, "page_size": int, "seen": dict}


@dataclass(frozen=True, slots=True)
class ScanSpec:
    """What a scan goes through, and in which order. `filters` are those that it began with."""

    filters: Mapping[str, Any]
    sort: str
    direction: str
    page_size: int

    def __post_init__(self) -> None:
        """Refuse what no server could do."""
        for name, value, known in (("sort", self.sort, _TIME_OF), ("direction", self.direction, _BOUND_OF)):
            if value not in known:
                raise UsageError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
        if type(self.page_size) is not int or self.page_size < 1:
            raise UsageError(f"page_size: expected a whole number above 0, got {self.page_size!r}")

    def moment(self, record: Record) -> int | None:
        """The moment that orders a record, in ms."""
        return _whole(record.get(_TIME_OF[self.sort]))

    def boundary(self, filters: Mapping[str, Any]) -> int | None:
        """The moment where a page of these filters begins, None where they do not say it plainly."""
        operators = filters.get(self.sort)
        return _whole(operators.get(_BOUND_OF[self.direction])) if isinstance(operators, Mapping) else None

    def past(self, moment: int | None, boundary: int | None) -> bool:
        """Whether a page that begins at the boundary surely lies beyond the moment."""
        if moment is None or boundary is None:
            return False
        return moment < boundary if self.direction == "asc" else moment > boundary


class ScanCursor:
    """Where a scan stands. `load` fetches the page under way; `take` and `rest` give its records."""

    __slots__ = ("_asked", "_course", "_fetched", "_filters", "_following", "_known", "_waiting", "ended")

    def __init__(self, course: ScanSpec, filters: Mapping[str, Any], known: Known) -> None:
        self._course = course
        self._filters = dict(filters)
        self._known = known
        self._waiting: deque[Record] = deque()
        self._fetched: set[str] = set()
        self._following: dict[str, Any] | None = None
        self._asked: set[str] = set()
        self.ended = False

    def load(self) -> Operation[None]:
        """Fetch the page under way. A failure leaves the walk as it was, so that it can go on."""
        course = self._course
        body = {
            "filters": self._filters,
            "isScan": True,
            "limit": course.page_size,
            "sortField": course.sort,
            "sortDirection": course.direction,
        }
        self._accept(page_of((yield Call("POST", ACTIVITIES, body))))

    def take(self) -> Record | None:
        """The next record of the page under way, None if there is none."""
        if not self._waiting:
            return None
        record = self._waiting.popleft()
        self._known[id_of(record)] = self._course.moment(record)
        if not self._waiting:
            self._turn()
        return record

    def rest(self) -> list[Record]:
        """What is left of the page under way."""
        records = list(self._waiting)
        while self.take() is not None:
            pass
        return records

    def checkpoint(self) -> Checkpoint:
        """Where the walk stands, after the last record that it gave, as JSON has it."""
        course, boundary = self._course, self._course.boundary(self._filters)
        return {
            "version": _VERSION,
            "asked": wire_filters(course.filters),
            "filters": wire_filters(self._filters),
            "sort": course.sort,
            "direction": course.direction,
            "page_size": course.page_size,
            "seen": {name: moment for name, moment in self._known.items() if not course.past(moment, boundary)},
        }

    def _accept(self, page: Page) -> None:
        records = {id_of(record): record for record in page.data}
        fresh = [record for name, record in records.items() if name not in self._known]
        self._check_progress(page, fresh=bool(fresh))
        self._fetched, self._following = set(records), page.following
        self._waiting.extend(fresh)
        if not fresh:
            self._turn()

    def _check_progress(self, page: Page, *, fresh: bool) -> None:
        """A server that sends the client round in a circle gets no further request."""
        if page.has_next and page.following is None:
            raise ProtocolError(_NO_FOLLOWING)
        if fresh:
            self._asked.clear()
        self._asked.add(_canonical(self._filters))
        if page.following is not None and not fresh and _canonical(page.following) in self._asked:
            raise ProtocolError(_STANDING_STILL.format(boundary=self._course.boundary(page.following)))

    def _turn(self) -> None:
        """Go to the next page. After the last one stay there: resumed later, it is asked for again and may have grown."""
        if self._following is None:
            self.ended = True
            return
        self._filters, self._following = self._following, None
        boundary = self._course.boundary(self._filters)
        self._known = {
            name: moment
            for name, moment in self._known.items()
            if name in self._fetched or self._may_come(moment, boundary)
        }

    def _may_come(self, moment: int | None, boundary: int | None) -> bool:
        return moment is not None and boundary is not None and not self._course.past(moment, boundary)


_NO_FOLLOWING = (
    "the server says hasNext without nextQueryFilters, so nobody knows where the next page begins; "
    "scan a narrower span of time"
)
_STANDING_STILL = (
    "the server's scan stands still: its next page, from {boundary} on, is one that held nothing new; more activities "
    "may share one moment than fit a page: scan with a larger page_size"
)


def begin(
    filters: Mapping[str, Any] | None = None,
    *,
    sort: Sort | None = None,
    direction: Direction | None = None,
    page_size: int | None = None,
    resume: Mapping[str, Any] | None = None,
) -> ScanCursor:
    """Every activity that matches, one after the other; nothing is asked before the first is wanted.

    Oldest first unless `direction="desc"`, so that a scan resumed after its end gives what has come since; by "date", when
    it happened, unless `sort="created"`, when it was stored. The scan's `checkpoint` says where it stands: with `resume` a
    scan goes on after the last record that was given before the checkpoint was taken. What is given beside `resume` must
    agree with it. `page_size` is how many records one request asks for: 500 to 5,000, and 1,000 unless given.
    """
    if page_size is not None and not (type(page_size) is int and _LEAST <= page_size <= _MOST):
        raise UsageError(f"page_size: a scan takes {_LEAST} to {_MOST}, got {page_size!r}")
    if resume is None:
        asked = wire_filters(filters)
        size = PAGE_SIZE if page_size is None else page_size
        return ScanCursor(ScanSpec(asked, sort or "date", direction or "asc", size), asked, {})
    found = _checked(resume)
    wanted = {"asked": None if filters is None else wire_filters(filters), "sort": sort, "direction": direction}
    for key, value in wanted.items():
        if value is not None and value != found[key]:
            name = {"asked": "filters"}.get(key, key)
            raise UsageError(
                f"{name}: the checkpoint is of a scan with {found[key]!r}, not {value!r}; leave out one of them"
            )
    size = found["page_size"] if page_size is None else page_size
    return ScanCursor(
        ScanSpec(found["asked"], found["sort"], found["direction"], size), found["filters"], dict(found["seen"])
    )


def _checked(checkpoint: Any) -> Mapping[str, Any]:
    """The checkpoint, if it is one."""
    if not isinstance(checkpoint, Mapping) or any(
        type(checkpoint.get(key)) is not kind for key, kind in _SHAPE.items()
    ):
        raise UsageError("resume: expected the `checkpoint` of a scan, as it was given or as JSON gave it back")
    if checkpoint["version"] != _VERSION:
        raise UsageError(f"resume: the checkpoint is of version {checkpoint['version']}, not {_VERSION}; scan anew")
    return checkpoint


def _whole(found: Any) -> int | None:
    """An integer as servers write one: as such, as its decimal string, or alone in a list."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found)
    return found if type(found) is int else None


def _canonical(filters: Mapping[str, Any]) -> str:
    return json.dumps(filters, sort_keys=True)
