"""The operations on activities, each written once without I/O and offered in two ways.

`Activities` blocks and `AsyncActivities` is awaited; both take their signatures and docstrings from the operations here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

from casbah.client.condition import wire_filters
from casbah.client.driver import Awaiting, Blocking
from casbah.client.errors import ProtocolError, UsageError
from casbah.client.page import ACTIVITIES, EXTENSION, Changes, Page, Record, changes_of, id_of, page_of
from casbah.client.request import Call, Operation
from casbah.client.scan_cursor import Checkpoint, Direction, ScanCursor, Sort, start_scan

_MAX_LIMIT = 250

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., object])


def list_activities(
    filters: Mapping[str, Any] | None = None,
    *,
    skip: int = 0,
    limit: int | None = None,
    sort: Sort = "date",
    direction: Direction = "desc",
) -> Operation[Page]:
    """One page of the matching activities, newest first unless `direction="asc"`.

    `limit` is 1 to 250, by default 100; use `scan` for more. A server may return fewer (MDCA documents 100), so page by the
    number of records received: `skip=skip + len(page.data)` while `page.has_next`.
    """
    if limit is not None and not (type(limit) is int and 1 <= limit <= _MAX_LIMIT):
        raise UsageError(
            f"limit: a list takes 1 to {_MAX_LIMIT}, got {limit!r}; scan() returns everything that matches"
        )
    body = {"filters": wire_filters(filters), "skip": skip, "sortField": sort, "sortDirection": direction}
    return page_of((yield Call("POST", ACTIVITIES, body if limit is None else {**body, "limit": limit})))


def fetch_activity(activity_id: str) -> Operation[Record]:
    """One complete activity. Raises NotFoundError."""
    record = yield Call("GET", f"{_path_of(activity_id)}/")
    id_of(record)
    return record


def count_activities(filters: Mapping[str, Any] | None = None) -> Operation[int]:
    """The exact number of matching activities. In MDCA this is an undocumented route of the portal."""
    total = (yield Call("POST", f"{ACTIVITIES}count/", {"filters": wire_filters(filters)})).get("total")
    if type(total) is not int:
        raise ProtocolError(f"expected a count {{total}}, got {total!r}; use the total of a list instead")
    return total


def fetch_metadata() -> Operation[dict[str, Any]]:
    """The filters and operators that the server supports. In MDCA this is an undocumented route of the portal."""
    return (yield Call("GET", f"{ACTIVITIES}metadata/"))


def fetch_facets(
    *names: str, filters: Mapping[str, Any] | None = None, limit: int | None = None, prefix: str = ""
) -> Operation[dict[str, list[dict[str, Any]]]]:
    """The most frequent values of each named filter among the matching activities, as {filter: [{"value", "total"}]}.

    Counts are exact. `prefix` selects values that begin with it. Casbah only; MDCA answers 404.
    """
    if not names:
        raise UsageError('facets: name filters, such as facets("user.username")')
    body = {"filters": wire_filters(filters), "facets": list(names), "prefix": prefix}
    answer = yield Call("POST", f"{EXTENSION}facets", body if limit is None else {**body, "limit": limit})
    return {facet["filter"]: facet["values"] for facet in _list_in(answer, "facets", "facets")}


def fetch_histogram(  # noqa: PLR0913  one parameter per parameter of the route
    filters: Mapping[str, Any] | None = None,
    *,
    by: str | None = None,
    width: int | None = None,
    spans: int | None = None,
    first: int | None = None,
    last: int | None = None,
    series: int | None = None,
    sort: Sort = "date",
) -> Operation[dict[str, Any]]:
    """Matching activities per time span: {"first", "last", "width", "total", "spans": [{"start", "total"}]}, times in ms.

    With `by`, a filter, also `series` (one per frequent value) and `rest`. Casbah only; MDCA answers 404.
    """
    options = {
        "by": by,
        "width": width,
        "spans": spans,
        "first": first,
        "last": last,
        "series": series,
        "sortField": sort,
    }
    body = {key: value for key, value in options.items() if value is not None}
    answer = yield Call("POST", f"{EXTENSION}histogram", {"filters": wire_filters(filters), **body})
    _list_in(answer, "spans", "a histogram")
    return answer


def fetch_changes(
    filters: Mapping[str, Any] | None = None, *, cursor: str | None = None, limit: int | None = None, wait: int = 0
) -> Operation[Changes]:
    """The activities stored since a cursor, each once, in the order in which they were stored.

    Without a cursor it starts at the beginning, with `cursor="now"` at the next activity stored. If nothing is new, the
    server waits up to `wait` seconds (at most 30); set a longer client timeout. Casbah only; MDCA answers 404.
    """
    options = {"cursor": cursor, "limit": limit, "wait": wait}
    body = {key: value for key, value in options.items() if value is not None}
    return changes_of((yield Call("POST", f"{EXTENSION}changes", {"filters": wire_filters(filters), **body})))


def list_queries() -> Operation[list[dict[str, Any]]]:
    """The saved queries: your own, shared ones and suggested ones. Pass their `filters` to `list`.

    Casbah only; MDCA answers 404.
    """
    return _list_in((yield Call("GET", f"{EXTENSION}queries")), "data", "saved queries")


def _list_in(answer: dict[str, Any], key: str, what: str) -> list[dict[str, Any]]:
    items = answer.get(key)
    if not isinstance(items, list):
        raise ProtocolError(f"expected {what} {{{key}: [...]}}, got {answer!r}")
    return items


def add_feedback(
    activity_id: str,
    *,
    text: str | None = None,
    value: str | None = None,
    kind: str | None = None,
    allow_contact: bool | None = None,
    contact_email: str | None = None,
) -> Operation[Record | None]:
    """Append feedback on an activity: a text, a value such as "0", a kind, or several of them.

    Returns the activity; None if the server accepted the feedback but did not answer with the activity.

    It is retried only if the server certainly did not accept it: no connection, or 429. Any other failure is raised, and
    the feedback may have been stored.

    In Casbah, giving feedback is an act that becomes an activity of its own, of app 900013, unless CASBAH_AUDIT is off.
    """
    parts = {
        "feedback": kind,
        "feedbackValue": value,
        "feedbackText": text,
        "allowContact": allow_contact,
        "contactEmail": contact_email,
    }
    if kind is None and value is None and text is None:
        raise UsageError("feedback: give a text=, a value= or a kind=")
    body = {key: part for key, part in parts.items() if part is not None}
    data = (yield Call("POST", f"{_path_of(activity_id)}/feedback", body, appends=True)).get("data")
    record = data[0] if isinstance(data, list) and data else None
    return record if isinstance(record, dict) else None


def _path_of(activity_id: str) -> str:
    if not activity_id:
        raise UsageError(f"activity_id: expected an activity's _id, got {activity_id!r}")
    return ACTIVITIES + quote(activity_id, safe="", errors="surrogatepass")


class Scan:
    """A running scan: an iterator of records. After an error, iterate again: it requests the same page."""

    def __init__(self, runner: Blocking, cursor: ScanCursor) -> None:
        self._runner = runner
        self._cursor = cursor

    @property
    def checkpoint(self) -> Checkpoint:
        """The position after the last record returned: a small JSON value to pass as `resume`."""
        return self._cursor.checkpoint()

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        while (record := self._cursor.take()) is None:
            if self._cursor.ended:
                raise StopIteration
            self._runner.run(self._cursor.load())
        return record

    def pages(self) -> Iterator[list[Record]]:
        """The same records, one page at a time."""
        while not self._cursor.ended:
            if records := self._cursor.rest():
                yield records
            else:
                self._runner.run(self._cursor.load())


class AsyncScan:
    """A running scan: an async iterator of records. After an error, iterate again: it requests the same page."""

    def __init__(self, runner: Awaiting, cursor: ScanCursor) -> None:
        self._runner = runner
        self._cursor = cursor

    @property
    def checkpoint(self) -> Checkpoint:
        """The position after the last record returned: a small JSON value to pass as `resume`."""
        return self._cursor.checkpoint()

    def __aiter__(self) -> AsyncIterator[Record]:
        return self

    async def __anext__(self) -> Record:
        while (record := self._cursor.take()) is None:
            if self._cursor.ended:
                raise StopAsyncIteration
            await self._runner.run(self._cursor.load())
        return record

    async def pages(self) -> AsyncIterator[list[Record]]:
        """The same records, one page at a time."""
        while not self._cursor.ended:
            if records := self._cursor.rest():
                yield records
            else:
                await self._runner.run(self._cursor.load())


def _blocking(
    operation: Callable[Parameters, Operation[Result]],
) -> Callable[Concatenate["Activities", Parameters], Result]:
    def method(self: "Activities", /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return self.runner.run(operation(*args, **kwargs))

    return _like(method, operation)


def _awaiting(
    operation: Callable[Parameters, Operation[Result]],
) -> Callable[Concatenate["AsyncActivities", Parameters], Awaitable[Result]]:
    async def method(self: "AsyncActivities", /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.runner.run(operation(*args, **kwargs))

    return _like(method, operation)


def _scanning(start: Callable[Parameters, ScanCursor]) -> Callable[Concatenate["Activities", Parameters], Scan]:
    def method(self: "Activities", /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Scan:
        return Scan(self.runner, start(*args, **kwargs))

    return _like(method, start)


def _async_scanning(
    start: Callable[Parameters, ScanCursor],
) -> Callable[Concatenate["AsyncActivities", Parameters], AsyncScan]:
    def method(self: "AsyncActivities", /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> AsyncScan:
        return AsyncScan(self.runner, start(*args, **kwargs))

    return _like(method, start)


def _like(method: Method, operation: Callable[..., object]) -> Method:
    """Give the method the documentation of the operation, and its parameters after `self`."""
    own, source = signature(method), signature(operation)
    update_wrapper(method, operation)
    del method.__wrapped__  # type: ignore[attr-defined]  # it would hide `self` from the signature
    parameters = [next(iter(own.parameters.values())), *source.parameters.values()]
    method.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by `inspect`
    return method


@dataclass(frozen=True, slots=True)
class Activities:
    """Operations on the activities that the token may see."""

    runner: Blocking

    list = _blocking(list_activities)
    scan = _scanning(start_scan)
    fetch = _blocking(fetch_activity)
    count = _blocking(count_activities)
    feedback = _blocking(add_feedback)
    metadata = _blocking(fetch_metadata)
    facets = _blocking(fetch_facets)
    histogram = _blocking(fetch_histogram)
    changes = _blocking(fetch_changes)
    queries = _blocking(list_queries)


@dataclass(frozen=True, slots=True)
class AsyncActivities:
    """Operations on the activities that the token may see."""

    runner: Awaiting

    list = _awaiting(list_activities)
    scan = _async_scanning(start_scan)
    fetch = _awaiting(fetch_activity)
    count = _awaiting(count_activities)
    feedback = _awaiting(add_feedback)
    metadata = _awaiting(fetch_metadata)
    facets = _awaiting(fetch_facets)
    histogram = _awaiting(fetch_histogram)
    changes = _awaiting(fetch_changes)
    queries = _awaiting(list_queries)
