"""What can be asked about activities: each operation once, without input or output, then offered in two ways.

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
from casbah.client.exchange import Call, Operation
from casbah.client.page import ACTIVITIES, EXTENSION, Changes, Page, Record, changes_of, id_of, page_of
from casbah.client.scan_cursor import Checkpoint, Direction, ScanCursor, Sort, begin

_MOST_LISTED = 250

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., object])


def listed(
    filters: Mapping[str, Any] | None = None,
    *,
    skip: int = 0,
    limit: int | None = None,
    sort: Sort = "date",
    direction: Direction = "desc",
) -> Operation[Page]:
    """One page of the activities that match, newest first unless `direction="asc"`: 100 of them unless `limit` says otherwise.

    `limit` is 1 to 250; `scan` gives more. A server may give fewer than that (MDCA documents 100), so go on by the number of
    records that came: `skip=skip + len(page.data)` while `page.has_next`.
    """
    if limit is not None and not (type(limit) is int and 1 <= limit <= _MOST_LISTED):
        raise UsageError(
            f"limit: a list takes 1 to {_MOST_LISTED}, got {limit!r}; scan() gives everything that matches"
        )
    body = {"filters": wire_filters(filters), "skip": skip, "sortField": sort, "sortDirection": direction}
    return page_of((yield Call("POST", ACTIVITIES, body if limit is None else {**body, "limit": limit})))


def fetched(activity_id: str) -> Operation[Record]:
    """One activity whole. Raises NotFoundError."""
    record = yield Call("GET", f"{_path_of(activity_id)}/")
    id_of(record)
    return record


def counted(filters: Mapping[str, Any] | None = None) -> Operation[int]:
    """How many activities match, exactly. In MDCA the route belongs to the portal and is not documented."""
    total = (yield Call("POST", f"{ACTIVITIES}count/", {"filters": wire_filters(filters)})).get("total")
    if type(total) is not int:
        raise ProtocolError(f"expected a count {{total}}, got {total!r}; take the total of a list instead")
    return total


def described() -> Operation[dict[str, Any]]:
    """The filters and operators that the server takes. In MDCA the route belongs to the portal and is not documented."""
    return (yield Call("GET", f"{ACTIVITIES}metadata/"))


def facets_of(
    *names: str, filters: Mapping[str, Any] | None = None, limit: int | None = None, prefix: str = ""
) -> Operation[dict[str, list[dict[str, Any]]]]:
    """The most frequent values of each filter named, as {filter: [{"value", "total"}]}, among the activities that match.

    Counts are exact. `prefix` is what the values begin with. Only Casbah has this; MDCA answers with 404.
    """
    if not names:
        raise UsageError('facets: name filters, such as facets("user.username")')
    asked = {"filters": wire_filters(filters), "facets": list(names), "prefix": prefix}
    answer = yield Call("POST", f"{EXTENSION}facets", asked if limit is None else {**asked, "limit": limit})
    return {each["filter"]: each["values"] for each in _listed(answer, "facets", "facets")}


def laid_out(  # noqa: PLR0913  one parameter a parameter of the route
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
    """How many match in each span of time: {"first", "last", "width", "total", "spans": [{"start", "total"}]} (ms).

    With `by`, a filter, also `series`, of its most frequent values, and `rest`. Only Casbah has this; MDCA answers with 404.
    """
    said = {"by": by, "width": width, "spans": spans, "first": first, "last": last, "series": series, "sortField": sort}
    body = {key: each for key, each in said.items() if each is not None}
    answer = yield Call("POST", f"{EXTENSION}histogram", {"filters": wire_filters(filters), **body})
    _listed(answer, "spans", "a histogram")
    return answer


def changed(
    filters: Mapping[str, Any] | None = None, *, cursor: str | None = None, limit: int | None = None, wait: int = 0
) -> Operation[Changes]:
    """What was stored since a cursor: every activity once, in the order of storing; from the beginning without one.

    `cursor="now"` begins with what is stored next. Where there is nothing yet, the server waits for it, `wait` seconds at most
    (30): let the client's time-out be longer. Only Casbah has this; MDCA answers with 404.
    """
    said = {"cursor": cursor, "limit": limit, "wait": wait}
    body = {key: each for key, each in said.items() if each is not None}
    return changes_of((yield Call("POST", f"{EXTENSION}changes", {"filters": wire_filters(filters), **body})))


def saved() -> Operation[list[dict[str, Any]]]:
    """The saved queries: one's own, those that others share, and those that everybody is offered; `filters` is for `list`.

    Only Casbah has this; MDCA answers with 404.
    """
    return _listed((yield Call("GET", f"{EXTENSION}queries")), "data", "saved queries")


def _listed(answer: dict[str, Any], key: str, what: str) -> list[dict[str, Any]]:
    found = answer.get(key)
    if not isinstance(found, list):
        raise ProtocolError(f"expected {what} {{{key}: [...]}}, got {answer!r}")
    return found


def commented(
    activity_id: str,
    *,
    text: str | None = None,
    value: str | None = None,
    kind: str | None = None,
    allow_contact: bool | None = None,
    contact_email: str | None = None,
) -> Operation[None]:
    """Append feedback on an activity: a text, a value such as "0", a kind, or several of them.

    It is sent again only where the server surely did not take it: no connection, or 429. Whatever else goes wrong is
    raised, and the feedback may have been taken.
    """
    said = {
        "feedback": kind,
        "feedbackValue": value,
        "feedbackText": text,
        "allowContact": allow_contact,
        "contactEmail": contact_email,
    }
    if kind is None and value is None and text is None:
        raise UsageError("feedback: give a text=, a value= or a kind=")
    body = {key: each for key, each in said.items() if each is not None}
    yield Call("POST", f"{_path_of(activity_id)}/feedback", body, appends=True)


def _path_of(activity_id: str) -> str:
    if not activity_id:
        raise UsageError(f"activity_id: expected an activity's _id, got {activity_id!r}")
    return ACTIVITIES + quote(activity_id, safe="", errors="surrogatepass")


class Scan:
    """A scan under way: an iterator of records. After an error it can go on, and it asks for the same page again."""

    def __init__(self, runner: Blocking, walk: ScanCursor) -> None:
        self._runner = runner
        self._walk = walk

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the scan stands, after the last record that it gave: a small value for JSON and for `resume`."""
        return self._walk.checkpoint()

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        while (record := self._walk.take()) is None:
            if self._walk.ended:
                raise StopIteration
            self._runner.run(self._walk.load())
        return record

    def pages(self) -> Iterator[list[Record]]:
        """The same records, all of a page at a time."""
        while not self._walk.ended:
            if records := self._walk.rest():
                yield records
            else:
                self._runner.run(self._walk.load())


class AsyncScan:
    """A scan under way: an async iterator of records. After an error it can go on, and asks for the same page again."""

    def __init__(self, runner: Awaiting, walk: ScanCursor) -> None:
        self._runner = runner
        self._walk = walk

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the scan stands, after the last record that it gave: a small value for JSON and for `resume`."""
        return self._walk.checkpoint()

    def __aiter__(self) -> AsyncIterator[Record]:
        return self

    async def __anext__(self) -> Record:
        while (record := self._walk.take()) is None:
            if self._walk.ended:
                raise StopAsyncIteration
            await self._runner.run(self._walk.load())
        return record

    async def pages(self) -> AsyncIterator[list[Record]]:
        """The same records, all of a page at a time."""
        while not self._walk.ended:
            if records := self._walk.rest():
                yield records
            else:
                await self._runner.run(self._walk.load())


def _blocking(
    operation: Callable[Parameters, Operation[Result]],
) -> Callable[Concatenate["Activities", Parameters], Result]:
    def method(self: "Activities", /, *given: Parameters.args, **named: Parameters.kwargs) -> Result:
        return self.runner.run(operation(*given, **named))

    return _like(method, operation)


def _awaiting(
    operation: Callable[Parameters, Operation[Result]],
) -> Callable[Concatenate["AsyncActivities", Parameters], Awaitable[Result]]:
    async def method(self: "AsyncActivities", /, *given: Parameters.args, **named: Parameters.kwargs) -> Result:
        return await self.runner.run(operation(*given, **named))

    return _like(method, operation)


def _scanning(walk: Callable[Parameters, ScanCursor]) -> Callable[Concatenate["Activities", Parameters], Scan]:
    def method(self: "Activities", /, *given: Parameters.args, **named: Parameters.kwargs) -> Scan:
        return Scan(self.runner, walk(*given, **named))

    return _like(method, walk)


def _async_scanning(
    walk: Callable[Parameters, ScanCursor],
) -> Callable[Concatenate["AsyncActivities", Parameters], AsyncScan]:
    def method(self: "AsyncActivities", /, *given: Parameters.args, **named: Parameters.kwargs) -> AsyncScan:
        return AsyncScan(self.runner, walk(*given, **named))

    return _like(method, walk)


def _like(method: Method, made_of: Callable[..., object]) -> Method:
    """The method with the documentation of what it is made of, and its parameters behind `self`."""
    own, taken = signature(method), signature(made_of)
    update_wrapper(method, made_of)
    del method.__wrapped__  # type: ignore[attr-defined]  # it would hide `self` from the signature
    parameters = [next(iter(own.parameters.values())), *taken.parameters.values()]
    method.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by `inspect`
    return method


@dataclass(frozen=True, slots=True)
class Activities:
    """The activities that the token may see."""

    runner: Blocking

    list = _blocking(listed)
    scan = _scanning(begin)
    fetch = _blocking(fetched)
    count = _blocking(counted)
    feedback = _blocking(commented)
    metadata = _blocking(described)
    facets = _blocking(facets_of)
    histogram = _blocking(laid_out)
    changes = _blocking(changed)
    queries = _blocking(saved)


@dataclass(frozen=True, slots=True)
class AsyncActivities:
    """The activities that the token may see."""

    runner: Awaiting

    list = _awaiting(listed)
    scan = _async_scanning(begin)
    fetch = _awaiting(fetched)
    count = _awaiting(counted)
    feedback = _awaiting(commented)
    metadata = _awaiting(described)
    facets = _awaiting(facets_of)
    histogram = _awaiting(laid_out)
    changes = _awaiting(changed)
    queries = _awaiting(saved)
