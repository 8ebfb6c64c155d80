"""The puller of MDCA against a fake with MDCA's limits, as documented and as observed: everything, through any of them.

Activities of 40 days, 600 of them in one millisecond, four times; a process that ends after every page.
"""

import json
import random
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from casbah.ingest.pull.checkpoints import Checkpoints
from casbah.ingest.pull.contract import ApiRefusedError, IngestCounts, PullError, Status
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, Tools
from casbah.ingest.pull.mdca import Mdca
from casbah.ingest.pull.puller import Puller
from casbah.ingest.pull.registry import open_fetcher
from casbah.testing.server import casbah_server

NOW = 1_767_000_000_000
ARCHIVED = 30 * DAY
A_MINUTE_ALLOWS = 30
IN_ONE_MS = 600
DAYS = 40
Body = dict[str, Any]


def activities(days: int, *, per_day: int = 10, crowds: tuple[int, ...] = (2, 29, 30, 35)) -> list[Body]:
    """Activities of the last days, some stored late, with a crowd in one ms some days ago."""
    dice = random.Random(days)
    moments = [NOW - number * DAY // per_day - 2 * MINUTE for number in range(days * per_day)]
    moments += [NOW - day * DAY - 7 * MINUTE for day in crowds if day < days for _ in range(IN_ONE_MS)]
    return [
        {"_id": f"a{number}", "timestamp": at, "created": at + dice.randrange(2 * MINUTE), "appId": 11161}
        for number, at in enumerate(sorted(moments))
    ]


@dataclass
class Portal:
    """An MDCA tenant. `page` is the longest page of a list; `scan` how a scan names its next page:

    whole: the first time that it has not sent, as documented; inclusive: the last time that it sent; silent: not at all.
    """

    stored: list[Body]
    page: int = 250
    scan: str = "whole"
    archive: int = 200
    now: int = NOW
    throttled: int = 0
    paths: list[str] = field(default_factory=list)
    recent: deque[int] = field(default_factory=deque)

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Token secret"
        self.now += 200
        while self.recent and self.recent[0] <= self.now - MINUTE:
            self.recent.popleft()
        if len(self.recent) >= A_MINUTE_ALLOWS:
            self.throttled += 1
            wait = (self.recent[0] + MINUTE - self.now) // 1_000 + 1
            detail = f"Request was throttled. Expected available in {wait} seconds."
            return httpx.Response(429, headers={"Retry-After": str(wait)}, json={"detail": detail})
        self.recent.append(self.now)
        self.paths.append(request.url.path)
        return self.answer(request.url.path, json.loads(request.content))

    def answer(self, path: str, body: Body) -> httpx.Response:
        archived = path == "/api/v1/archived_activities/"
        assert archived or path == "/api/v1/activities/"
        assert (body["sortField"], body["sortDirection"]) == ("date", "asc")
        if archived and self.archive != 200:
            return httpx.Response(self.archive, json={"detail": "Not found."})
        if archived and (
            set(body["filters"]) != {"date"} or set(body["filters"]["date"]) != {"range"} or "isScan" in body
        ):
            return httpx.Response(400, json={"detail": "the archive lists a range of date"})
        oldest = self.now - ARCHIVED
        here = [row for row in self.stored if (row["timestamp"] < oldest) == archived and row["created"] <= self.now]
        matching = [row for row in here if self.matches(row, body["filters"])]
        return self.scanned(body, matching) if body.get("isScan") else self.listed(body, matching)

    @staticmethod
    def matches(row: Body, filters: Body) -> bool:
        for name, key in (("date", "timestamp"), ("created", "created")):
            for operator, value in filters.get(name, {}).items():
                (span,) = value if operator == "range" else ({"start" if operator == "gte" else "end": value},)
                if not span.get("start", 0) <= row[key] <= span.get("end", NOW * 2):
                    return False
        return True

    def listed(self, body: Body, matching: list[Body]) -> httpx.Response:
        limit, skip = min(body["limit"], self.page), body["skip"]
        if skip + limit > 5_000:
            return httpx.Response(400, json={"detail": "skip + limit is at most 5000"})
        return httpx.Response(
            200,
            json={
                "data": matching[skip : skip + limit],
                "hasNext": len(matching) > skip + limit,
                "total": len(matching),
            },
        )

    def scanned(self, body: Body, matching: list[Body]) -> httpx.Response:
        if self.scan == "silent":
            return self.listed({**body, "skip": 0}, matching)
        limit = max(500, min(5_000, body["limit"]))
        page, rest = matching[:limit], matching[limit:]
        if not rest:
            return httpx.Response(200, json={"data": page, "hasNext": False})
        last = page[-1]["timestamp"]
        if self.scan == "whole":
            tied = [row for row in matching if row["timestamp"] == last]
            page = [row for row in page if row["timestamp"] < last] or tied
            boundary = last + (page == tied)
        else:
            boundary = last
        filters = {**body["filters"], "date": {**body["filters"].get("date", {}), "gte": boundary}}
        return httpx.Response(200, json={"data": page, "hasNext": True, "nextQueryFilters": filters})


@dataclass
class Pulled:
    """What a puller stored: how often each id was sent, and its status."""

    folder: Path
    portal: Portal
    since: str = f"{DAYS}d"
    sent: dict[str, int] = field(default_factory=dict)

    def sink(self, events: Any, connector: str) -> IngestCounts:
        assert connector == "mdca"
        for event in events:
            name = json.loads(event)["_id"]
            self.sent[name] = self.sent.get(name, 0) + 1
        return IngestCounts(len(events))

    def once(self, *, pages: int = 1_000_000) -> Status:
        """A round by a process of its own, which ends after some pages."""
        left = iter(range(pages))
        with httpx.Client(transport=httpx.MockTransport(self.portal)) as client:
            tools = Tools(client, self.portal.clock, self.portal.sleep, random.Random(1), lambda *_, **__: None)
            entry = PullEntry(kind="mdca", url="https://contoso.example", since=self.since)
            with closing(Checkpoints(self.folder)) as kept:
                return Puller(
                    "mdca",
                    open_fetcher(entry, Secret("secret"), tools),
                    sink=self.sink,
                    checkpoints=kept,
                    clock=self.portal.clock,
                    stop=lambda: next(left, None) is None,
                ).once()

    def in_pieces(self) -> Status:
        """Rounds of one page each, until everything is read that there was at the start."""
        while True:
            status = self.once(pages=1)
            if self.checkpoint().get("done", 0) >= NOW:
                return status

    def checkpoint(self) -> dict[str, Any]:
        with closing(Checkpoints(self.folder)) as kept:
            return dict(kept.of("mdca")[0])


def names(rows: list[Body]) -> set[str]:
    return {row["_id"] for row in rows}


@pytest.mark.parametrize("scan", ["whole", "inclusive", "silent"])
@pytest.mark.parametrize("page", [100, 250])
def test_everything_comes_through_any_page(page: int, scan: str, tmp_path: Path) -> None:
    portal = Portal(activities(DAYS), page=page, scan=scan)
    pulled = Pulled(tmp_path, portal)
    status = pulled.in_pieces()
    assert set(pulled.sent) == names(portal.stored)
    assert status.gaps == []
    assert portal.throttled, "30 requests a minute were enough"
    assert {"/api/v1/activities/", "/api/v1/archived_activities/"} == set(portal.paths)


def test_what_moves_to_the_archive_while_a_window_is_read_is_read_there() -> None:
    """A day between two pages of a window that begins half a day before its activities become old."""
    rows = [
        {"_id": f"m{at}", "timestamp": at, "created": at, "appId": 1}
        for at in range(NOW - 30 * DAY, NOW - 28 * DAY, MINUTE)
    ]
    since, until = NOW - 29 * DAY - DAY // 2, NOW - 28 * DAY - DAY // 2
    portal = Portal(rows)
    sent: set[str] = set()
    with httpx.Client(transport=httpx.MockTransport(portal)) as client:
        tools = Tools(client, portal.clock, portal.sleep, random.Random(1), lambda *_, **__: None)
        entry = PullEntry(kind="mdca", url="https://contoso.example")
        web = tools.web(entry, entry.url, lambda: {"Authorization": "Token secret"})
        page = Mdca(web, portal.clock).read(since, until, None)
        portal.now += DAY
        while page.following is not None:
            sent.update(json.loads(event)["_id"] for event in page.events)
            page = Mdca(web, portal.clock).read(since, until, page.following)
        sent.update(json.loads(event)["_id"] for event in page.events)
    assert {row["_id"] for row in rows if since <= row["timestamp"] <= until} <= sent
    assert portal.paths[-1] == "/api/v1/archived_activities/"


def test_recent_activities_are_read_by_when_they_were_stored(tmp_path: Path) -> None:
    portal = Portal(activities(3, crowds=()))
    pulled = Pulled(tmp_path, portal, since="3d")
    pulled.once()
    late = {"_id": "late", "timestamp": NOW - 20 * DAY, "created": portal.now + MINUTE, "appId": 1}
    portal.stored.append(late)
    portal.now += 2 * MINUTE
    pulled.once()
    assert set(pulled.sent) == names(portal.stored)
    assert set(portal.paths) == {"/api/v1/activities/"}


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_archive_that_does_not_answer_is_a_gap(status: int, tmp_path: Path) -> None:
    portal = Portal(activities(32, crowds=()), archive=status)
    result = Pulled(tmp_path, portal, since="32d")
    status_of_pull = result.once()
    missing = {row["_id"] for row in portal.stored if row["timestamp"] < NOW - ARCHIVED}
    assert missing
    assert not missing & set(result.sent)
    assert {row["_id"] for row in portal.stored if row["timestamp"] > NOW - ARCHIVED + MINUTE} <= set(result.sent)
    assert status_of_pull.gaps
    assert all(f"HTTP {status}" in gap for gap in status_of_pull.gaps)


def test_a_token_that_is_refused_is_no_gap(tmp_path: Path) -> None:
    pulled = Pulled(tmp_path, Portal(activities(32, crowds=()), archive=401), since="32d")
    with pytest.raises(ApiRefusedError, match="401"):
        pulled.once()


@pytest.mark.parametrize("page", [100, 250])
def test_more_in_a_millisecond_than_a_list_shows_is_a_gap(page: int, tmp_path: Path) -> None:
    at = NOW - 10 * MINUTE
    crowd = [{"_id": f"c{number}", "timestamp": at, "created": at, "appId": 1} for number in range(6_000)]
    after = {"_id": "after", "timestamp": at + 1, "created": at + 1, "appId": 1}
    pulled = Pulled(tmp_path, Portal([*crowd, after], page=page, scan="silent"), since="1d")
    status = pulled.once()
    assert len(pulled.sent) == 5_000 + 1
    assert "after" in pulled.sent
    assert status.gaps == [f"the events of {at} ms after the first 5000 cannot be listed"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"data": [], "hasNext": True}, id="no activities"),
        pytest.param({"data": [{"_id": "x"}], "hasNext": True}, id="none with a time"),
    ],
)
def test_a_page_that_leads_nowhere_ends_the_round(answer: Body, tmp_path: Path) -> None:
    portal = Portal([])
    portal.answer = lambda *_: httpx.Response(200, json=answer)  # type: ignore[method-assign]
    with pytest.raises(PullError, match="more follow a page without activities"):
        Pulled(tmp_path, portal, since="1d").once()


def test_a_checkpoint_of_an_older_version_begins_its_window_again(tmp_path: Path) -> None:
    portal = Portal(activities(1, crowds=()))
    window = {"since": NOW - DAY, "until": NOW}
    with closing(Checkpoints(tmp_path)) as kept:
        kept.keep("mdca", {**window, "token": {"created": {"gte": NOW, "lte": NOW}}}, Status())
    pulled = Pulled(tmp_path, portal)
    pulled.once()
    assert set(pulled.sent) == names(portal.stored)


@pytest.mark.parametrize("largest", ["100", "250"])
def test_a_server_that_emulates_mdca_is_pulled_whole(largest: str, tmp_path: Path) -> None:
    """Over a socket, with pages of a second's ties, old activities, a throttled request and a failing one."""
    with casbah_server(mimic="mdca", throttle="off", mimic_page_limit=largest) as server:
        stored = server.fill(2_000, ties=IN_ONE_MS, step=30_000)
        stored += server.fill(40, until=time.time_ns() // 1_000_000 - 41 * DAY // 2, step=2 * DAY)
        server.next({"status": 429, "retryAfter": 1}, 502)
        sent: list[str] = []

        def sink(events: Any, _: str) -> IngestCounts:
            sent.extend(json.loads(event)["_id"] for event in events)
            return IngestCounts(len(events))

        with httpx.Client() as client, closing(Checkpoints(tmp_path)) as kept:
            tools = Tools(
                client, lambda: time.time_ns() // 1_000_000, time.sleep, random.Random(1), lambda *_, **__: None
            )
            entry = PullEntry(kind="mdca", url=server.url, since="100d")
            fetcher = open_fetcher(entry, Secret(server.token), tools)
            status = Puller("mdca", fetcher, sink=sink, checkpoints=kept, clock=tools.clock).once()
        assert set(sent) == {row["_id"] for row in stored}, "windows overlap, so some come twice"
        assert (status.error, status.gaps) == ("", [])
        assert [request.status for request in server.requests][:3] == [429, 502, 200]
