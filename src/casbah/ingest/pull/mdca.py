"""Pulls from a tenant of Defender for Cloud Apps through its Activities API. MDCA allows 30 requests a minute.

The last 30 days are in `activities/`, and older ones, up to 180 days, in `archived_activities/`:

* a recent window is of `created`, when MDCA stored an activity, so that late ones are not missed; read with a scan
  (learn.microsoft.com/defender-cloud-apps/api-activities-investigate-script);
* a window that begins more than 29 days ago is of `date`, as the archive cannot be filtered by `created`. Activities move to
  the archive meanwhile, so it is read second. The archive is the portal's: public clients list it by a range of `date`.

A page may have fewer records than requested: a list of MDCA has at most 100 as documented, 250 as observed. So a list is read
from the last time received on, by `skip` within that time. A scan that does not say where its next page begins, or names
the page that it has just sent, is continued as a list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.activity.record import integer
from casbah.ingest.pull.contract import ApiRefusedError, ApiUnreachableError
from casbah.ingest.pull.credentials import Plain
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

_RECENT, _KEPT = 30 * DAY, 180 * DAY
_SCAN_LIMIT, _LIST_LIMIT = 500, 250
_LIST_END = 5_000
"""A list cannot be read beyond this many records."""

_LIVE, _ARCHIVE = "/api/v1/activities/", "/api/v1/archived_activities/"
_UNAUTHORIZED = 401


class _Record(msgspec.Struct):
    timestamp: Any = None


class _MdcaPage(msgspec.Struct, rename="camel"):
    data: list[msgspec.Raw] = []
    has_next: bool = False
    next_query_filters: Any = None

    def moments(self) -> list[int]:
        """When the activities happened, in ms."""
        times = (integer(msgspec.json.decode(record, type=_Record).timestamp) for record in self.data)
        return [time for time in times if time is not None]


class _Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next page of a window begins.

    `by` is the filter of the window. `scan` has the filters of the next page of a scan; without them it is a page of a list, of
    activities from `start` on (ms), without the first `skip`.
    """

    by: str
    archive: bool = False
    scan: Any = None
    start: int = 0
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Mdca:
    """`web` is the tenant's portal, with one of its API tokens."""

    web: Web
    clock: Callable[[], int]
    connector: str = "mdca"

    def read(self, since: int, until: int, token: Any) -> Read:
        """See `Pages`. A token is a `_Position`."""
        position = _position(token) or self._first(since, until)
        window = {"gte": since, "lte": until}
        return self._scan(position, window) if position.scan is not None else self._list(position, window)

    def _first(self, since: int, until: int) -> _Position:
        by = "date" if since < self.clock() - _RECENT + DAY else "created"
        return _Position(by=by, scan={by: {"gte": since, "lte": until}})

    def _scan(self, position: _Position, window: Mapping[str, int]) -> Read:
        page = self._page(position, {"filters": position.scan, "isScan": True, "limit": _SCAN_LIMIT})
        if not page.has_next:
            return Read(_events(page), _after_live(position, window))
        following = page.next_query_filters
        if following is not None and following != position.scan:
            return Read(_events(page), msgspec.to_builtins(_Position(by=position.by, scan=following)))
        return Read(_events(page), msgspec.to_builtins(_Position(by=position.by, start=max(page.moments()))))

    def _list(self, position: _Position, window: Mapping[str, int]) -> Read:
        try:
            page = self._page(position, _list_body(position, window))
        except ApiRefusedError as refused:
            if not position.archive or refused.status == _UNAUTHORIZED:
                raise
            return Read(
                [], gap=f"events from {window['gte']} to {window['lte']} ms are in an archive that answers: {refused}"
            )
        if not page.has_next:
            return Read(_events(page), None if position.archive else _after_live(position, window))
        following, gap = _next_in_list(position, page.moments())
        return Read(_events(page), msgspec.to_builtins(following), gap)

    def _page(self, position: _Position, body: Mapping[str, Any]) -> _MdcaPage:
        """A page, which has activities with a time if more follow."""
        path = _ARCHIVE if position.archive else _LIVE
        sorted_body = {**body, "sortField": "date", "sortDirection": "asc"}
        page: _MdcaPage = self.web.send("POST", path, body=sorted_body).json(_MdcaPage)
        if page.has_next and not page.moments():
            raise ApiUnreachableError(f"{path} answered that more follow a page without activities")
        return page


def _position(token: Any) -> _Position | None:
    """The position in a token; None for the beginning, and for a token of an older version."""
    try:
        return None if token is None else msgspec.convert(token, _Position)
    except msgspec.ValidationError:
        return None


def _after_live(position: _Position, window: Mapping[str, int]) -> Any:
    """The token that follows the live activities: of the archive, for a window of `date`."""
    if position.by != "date":
        return None
    return msgspec.to_builtins(_Position(by=position.by, archive=True, start=window["gte"]))


def _list_body(position: _Position, window: Mapping[str, int]) -> Mapping[str, Any]:
    filters: dict[str, Any] = {position.by: window}
    if position.archive:
        filters["date"] = {"range": [{"start": position.start, "end": window["lte"]}]}
    else:
        filters["date"] = {**filters.get("date", {}), "gte": position.start}
    return {"filters": filters, "skip": position.skip, "limit": min(_LIST_LIMIT, _LIST_END - position.skip)}


def _next_in_list(position: _Position, moments: Sequence[int]) -> tuple[_Position, str]:
    """Where a list continues, and what is lost, if a single ms has more activities than a list shows."""
    last = max(moments)
    if last > position.start:
        return msgspec.structs.replace(position, start=last, skip=0), ""
    skip = position.skip + len(moments)
    if skip >= _LIST_END:
        gap = f"the events of {last} ms after the first {skip} cannot be listed"
        return msgspec.structs.replace(position, start=last + 1, skip=0), gap
    return msgspec.structs.replace(position, skip=skip), ""


def _events(page: _MdcaPage) -> list[bytes]:
    return [bytes(event) for event in page.data]


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> Mdca:
    return Mdca(tools.web(entry, entry.url, Plain("Token", secret)), tools.clock)


KIND = PullKind(
    "mdca",
    windowed(_pages, keeps=_KEPT, maximum=DAY),
    overlap=60 * MINUTE,
    data="another tenant of Defender for Cloud Apps, with its archive of 180 days",
    credential="an API token",
    permission="Investigation.read",
    needs=("url",),
)
