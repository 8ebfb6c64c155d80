"""The position of a scan, without I/O: every matching activity, none lost and no duplicates.

The server's `nextQueryFilters` say where the next page begins. A cursor follows them and remembers

* the filters of the current page, so that it can be requested again, after an error or by another process;
* the ids of records that may appear again. A returned record is forgotten once the next page begins past its timestamp and
  it was not on the previous page. So neither an inclusive boundary (a server may put it on the last record returned) nor
  late events, which push records of a repeated page to the next one, cause duplicates.

The checkpoint contains both. It is small: if the server never splits a timestamp across pages, it holds no ids between two
pages.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from casbah.client.condition import wire_filters
from casbah.client.errors import ProtocolError, UsageError
from casbah.client.page import ACTIVITIES, Page, Record, id_of, page_of
from casbah.client.request import Call, Operation

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
    """What a scan reads, and in which order. `filters` are those it was started with."""

    filters: Mapping[str, Any]
    sort: str
    direction: str
    page_size: int

    def __post_init__(self) -> None:
        """Validate. Raises UsageError."""
        for name, value, known in (("sort", self.sort, _TIME_OF), ("direction", self.direction, _BOUND_OF)):
            if value not in known:
                raise UsageError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
        if type(self.page_size) is not int or self.page_size < 1:
            raise UsageError(f"page_size: expected a positive integer, got {self.page_size!r}")

    def moment(self, record: Record) -> int | None:
        """The timestamp by which a record is sorted, in ms."""
        return _whole(record.get(_TIME_OF[self.sort]))

    def boundary(self, filters: Mapping[str, Any]) -> int | None:
        """The timestamp (ms) at which a page with these filters begins; None if they do not state it."""
        operators = filters.get(self.sort)
        return _whole(operators.get(_BOUND_OF[self.direction])) if isinstance(operators, Mapping) else None

    def past(self, moment: int | None, boundary: int | None) -> bool:
        """Whether a page that begins at the boundary certainly lies past the moment."""
        if moment is None or boundary is None:
            return False
        return moment < boundary if self.direction == "asc" else moment > boundary


class ScanCursor:
    """The position of a scan. `load` fetches the current page; `take` and `rest` return its records."""

    __slots__ = ("_fetched", "_filters", "_following", "_known", "_requested", "_spec", "_waiting", "ended")

    def __init__(self, spec: ScanSpec, filters: Mapping[str, Any], known: Known) -> None:
        self._spec = spec
        self._filters = dict(filters)
        self._known = known
        self._waiting: deque[Record] = deque()
        self._fetched: set[str] = set()
        self._following: dict[str, Any] | None = None
        self._requested: set[str] = set()
        self.ended = False

    def load(self) -> Operation[None]:
        """Fetch the current page. A failure leaves the cursor unchanged, so that it can continue."""
        spec = self._spec
        body = {
            "filters": self._filters,
            "isScan": True,
            "limit": spec.page_size,
            "sortField": spec.sort,
            "sortDirection": spec.direction,
        }
        self._accept(page_of((yield Call("POST", ACTIVITIES, body))))

    def take(self) -> Record | None:
        """The next record of the current page, or None."""
        if not self._waiting:
            return None
        record = self._waiting.popleft()
        self._known[id_of(record)] = self._spec.moment(record)
        if not self._waiting:
            self._advance()
        return record

    def rest(self) -> list[Record]:
        """The remaining records of the current page."""
        records = list(self._waiting)
        while self.take() is not None:
            pass
        return records

    def checkpoint(self) -> Checkpoint:
        """The position after the last record returned, as JSON values."""
        spec, boundary = self._spec, self._spec.boundary(self._filters)
        return {
            "version": _VERSION,
            "asked": wire_filters(spec.filters),
            "filters": wire_filters(self._filters),
            "sort": spec.sort,
            "direction": spec.direction,
            "page_size": spec.page_size,
            "seen": {name: moment for name, moment in self._known.items() if not spec.past(moment, boundary)},
        }

    def _accept(self, page: Page) -> None:
        records = {id_of(record): record for record in page.data}
        fresh = [record for name, record in records.items() if name not in self._known]
        self._check_progress(page, fresh=bool(fresh))
        self._fetched, self._following = set(records), page.following
        self._waiting.extend(fresh)
        if not fresh:
            self._advance()

    def _check_progress(self, page: Page, *, fresh: bool) -> None:
        """Stop if the server sends the client in a circle. Raises ProtocolError."""
        if page.has_next and page.following is None:
            raise ProtocolError(_NO_FOLLOWING)
        if fresh:
            self._requested.clear()
        self._requested.add(_canonical(self._filters))
        if page.following is not None and not fresh and _canonical(page.following) in self._requested:
            raise ProtocolError(_NO_PROGRESS.format(boundary=self._spec.boundary(page.following)))

    def _advance(self) -> None:
        """Go to the next page. The last one stays current: a later resume requests it again, as it may have grown."""
        if self._following is None:
            self.ended = True
            return
        self._filters, self._following = self._following, None
        boundary = self._spec.boundary(self._filters)
        self._known = {
            name: moment
            for name, moment in self._known.items()
            if name in self._fetched or self._may_come(moment, boundary)
        }

    def _may_come(self, moment: int | None, boundary: int | None) -> bool:
        return moment is not None and boundary is not None and not self._spec.past(moment, boundary)


_NO_FOLLOWING = (
    "the server says hasNext without nextQueryFilters, so the next page is unknown; scan a narrower time range"
)
_NO_PROGRESS = (
    "the server's scan does not advance: its next page, from {boundary}, has no new records; more activities may share one "
    "timestamp than fit on a page: scan with a larger page_size"
)


def start_scan(
    filters: Mapping[str, Any] | None = None,
    *,
    sort: Sort | None = None,
    direction: Direction | None = None,
    page_size: int | None = None,
    resume: Mapping[str, Any] | None = None,
) -> ScanCursor:
    """Every matching activity, one by one. The first request is sent when the first record is read.

    Oldest first unless `direction="desc"`, so that a scan resumed after its end returns what is new; sorted by "date", when
    it happened, unless `sort="created"`, when it was stored. With `resume`, a `checkpoint` of a scan, it continues after the
    last record returned before the checkpoint was taken; other arguments must agree with the checkpoint. `page_size` is the
    number of records per request: 500 to 5,000, by default 1,000.
    """
    if page_size is not None and not (type(page_size) is int and _LEAST <= page_size <= _MOST):
        raise UsageError(f"page_size: a scan takes {_LEAST} to {_MOST}, got {page_size!r}")
    if resume is None:
        initial = wire_filters(filters)
        size = PAGE_SIZE if page_size is None else page_size
        return ScanCursor(ScanSpec(initial, sort or "date", direction or "asc", size), initial, {})
    checkpoint = _checked(resume)
    wanted = {"asked": None if filters is None else wire_filters(filters), "sort": sort, "direction": direction}
    for key, value in wanted.items():
        if value is not None and value != checkpoint[key]:
            name = {"asked": "filters"}.get(key, key)
            raise UsageError(
                f"{name}: the checkpoint is of a scan with {checkpoint[key]!r}, not {value!r}; leave out one of them"
            )
    size = checkpoint["page_size"] if page_size is None else page_size
    return ScanCursor(
        ScanSpec(checkpoint["asked"], checkpoint["sort"], checkpoint["direction"], size),
        checkpoint["filters"],
        dict(checkpoint["seen"]),
    )


def _checked(checkpoint: Any) -> Mapping[str, Any]:
    """The checkpoint. Raises UsageError if it is invalid."""
    if not isinstance(checkpoint, Mapping) or any(
        type(checkpoint.get(key)) is not kind for key, kind in _SHAPE.items()
    ):
        raise UsageError("resume: expected the `checkpoint` of a scan, unchanged")
    if checkpoint["version"] != _VERSION:
        raise UsageError(
            f"resume: the checkpoint is of version {checkpoint['version']}, not {_VERSION}; start a new scan"
        )
    return checkpoint


def _whole(value: Any) -> int | None:
    """An integer as servers write it: a number, a decimal string, or either alone in a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if type(value) is int else None


def _canonical(filters: Mapping[str, Any]) -> str:
    return json.dumps(filters, sort_keys=True)
