"""The request sequences of public exporters and collectors, over activities of which many share one millisecond: each once.

Only what they ask is here, and what they require of an answer. Those that page by 250 step by it whatever they get; the
one that works by keys wants both keys of a count, never more than it asked for, and the order that it asked for.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from casbah import compose, settings
from scenarios.inprocess import Asker

ACTIVITIES, ARCHIVED = "/cas/api/v1/activities/", "/cas/api/v1/archived_activities/"
PAGE = 250
IN_ALL, IN_ONE_MS = 2_289, 620
FIRST = 1_700_000_000_000
CROWDED = FIRST + 800_000
LAST = FIRST + 2_000_000

Body = dict[str, Any]
Post = Callable[[str, Body], Body]
Exporter = Callable[[Post], Iterator[str]]


def made() -> Iterator[Body]:
    """Activities a second apart, and in the midst of them a crowd in one millisecond."""
    for number in range(IN_ALL):
        crowd = 800 <= number < 800 + IN_ONE_MS
        timestamp = CROWDED if crowd else FIRST + 1_000 * (number if number < 800 else number - IN_ONE_MS + 1)
        yield {
            "_id": f"a{number}",
            "timestamp": timestamp,
            "created": LAST + number // 100,
            "appId": 11161 + number % 3,
        }


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store")), audit="off")) as house:
        ask = Asker(house.app, house.local_key)
        lines = "\n".join(map(json.dumps, made())).encode()
        assert ask("POST", "/api/ext/v1/activities?source=mdca", lines).json["stored"] == IN_ALL

        def post(path: str, body: Body) -> Body:
            answer = ask("POST", path, json.dumps(body).encode())
            assert answer.status == 200, answer.body
            return answer.json

        yield post


def ids(page: Body) -> list[str]:
    return [record["_id"] for record in page["data"]]


def by_skip(post: Post, page_size: int) -> Iterator[str]:
    """Steps by the page size that it asked for, not by what it got."""
    skip, more = 0, True
    while more:
        body = {"filters": {}, "limit": page_size, "skip": skip, "sortDirection": "desc", "sortField": "date"}
        page = post(ACTIVITIES, body | {"performAsyncTotal": True})
        yield from ids(page)
        skip, more = skip + page_size, page["hasNext"]


def by_skip_and_windows(post: Post) -> Iterator[str]:
    """Counts and lists windows of five minutes, and asks for threat scores beside each page."""
    for start in range(FIRST, LAST + 1, 300_000):
        filters = {"date": {"gte": start, "lte": start + 299_999}}
        expected, skip = post(f"{ACTIVITIES}count/", {"filters": filters}), 0
        assert expected["moreThanTotal"] is False
        while skip < expected["total"]:
            page = post(ACTIVITIES, {"filters": filters, "limit": PAGE, "skip": skip, "sortField": "date"})
            assert post(f"{ACTIVITIES}get_activities_threat_scores/", {"activityIds": ids(page)}) == {}
            yield from ids(page)
            skip += PAGE


def by_keys(
    post: Post, path: str, span: Callable[[int, int], Body], crowd: Callable[..., Iterator[str]]
) -> Iterator[str]:
    """Newest first: the oldest millisecond of a full page is asked for again, one that fills a page is paged by `created`."""
    expected, found, end = counted(post, path, {"date": span(FIRST, LAST)}), 0, LAST
    while end >= FIRST:
        body = {"filters": {"date": span(FIRST, end)}, "limit": PAGE, "skip": 0, "sortDirection": "desc"}
        page = post(path, body | {"sortField": "date", "performAsyncTotal": True})
        moments = [record["timestamp"] for record in page["data"]]
        assert len(moments) <= PAGE
        assert moments == sorted(moments, reverse=True)
        if not page["hasNext"]:
            whole, end = ids(page), FIRST - 1
        elif moments[0] == moments[-1]:
            whole, end = list(crowd(post, path, {"date": span(moments[0], moments[0])})), moments[0] - 1
        else:
            whole, end = [record["_id"] for record in page["data"] if record["timestamp"] > moments[-1]], moments[-1]
        found += len(whole)
        yield from whole
    assert found == expected


def crowd_by_created(post: Post, path: str, filters: Body) -> Iterator[str]:
    """By `created` as by `date` before: the oldest value of a page is asked for again."""
    bound: Body = {}
    while True:
        body = {"filters": {**filters, **bound}, "limit": PAGE, "sortField": "created", "sortDirection": "desc"}
        page = post(path, body)
        oldest = page["data"][-1]["created"]
        if not page["hasNext"]:
            yield from ids(page)
            return
        assert page["data"][0]["created"] > oldest
        yield from (record["_id"] for record in page["data"] if record["created"] > oldest)
        bound = {"created": {"lte": oldest}}


def crowd_by_skip(post: Post, path: str, filters: Body) -> Iterator[str]:
    """By skip, until there are as many as were counted, and once more in the other direction."""
    expected = counted(post, path, filters)
    sweeps = []
    for direction in ("desc", "asc"):
        found: list[str] = []
        while len(found) < expected:
            body = {"filters": filters, "limit": PAGE, "skip": len(found), "sortDirection": direction}
            page = post(path, body | {"sortField": "created"})
            assert page["data"]
            found += ids(page)
        sweeps.append(found)
    assert sweeps[0] == sweeps[1][::-1]
    yield from sweeps[0]


def counted(post: Post, path: str, filters: Body) -> int:
    count = post(f"{path}count/", {"filters": filters})
    assert count.keys() >= {"total", "moreThanTotal"}
    return count["total"]


def by_scan(post: Post, direction: str, following: Callable[[Body, Body], Body]) -> Iterator[str]:
    filters: Body | None = {}
    while filters is not None:
        page = post(ACTIVITIES, {"filters": filters, "isScan": True, "sortDirection": direction, "limit": 500})
        yield from ids(page)
        filters = following(filters, page) if page["hasNext"] else None


EXPORTERS: dict[str, Exporter] = {
    "skip += 250": lambda post: by_skip(post, 250),
    "skip += 100": lambda post: by_skip(post, 100),
    "windows, counted, by skip": by_skip_and_windows,
    "keys, crowds by created": lambda post: by_keys(
        post, ACTIVITIES, lambda start, end: {"gte": start, "lte": end}, crowd_by_created
    ),
    "keys under the older path, crowds by skip": lambda post: by_keys(
        post, ARCHIVED, lambda start, end: {"range": [{"start": start, "end": end}]}, crowd_by_skip
    ),
    "a scan, oldest first": lambda post: by_scan(post, "asc", lambda _, page: page["nextQueryFilters"]),
    "a scan, newest first": lambda post: by_scan(post, "desc", lambda _, page: page["nextQueryFilters"]),
    "a scan that copies date.lte": lambda post: by_scan(
        post, "desc", lambda _, page: {"date": {"lte": page["nextQueryFilters"]["date"]["lte"]}}
    ),
    "a scan from its last timestamp + 1": lambda post: by_scan(
        post, "asc", lambda _, page: {"date": {"gte": page["data"][-1]["timestamp"] + 1}}
    ),
}


@pytest.mark.parametrize("exporter", EXPORTERS.values(), ids=EXPORTERS.keys())
def test_an_exporter_gets_each_activity_once(post: Post, exporter: Exporter) -> None:
    exported = list(exporter(post))
    assert (len(exported), set(exported)) == (IN_ALL, {record["_id"] for record in made()})


def test_so_many_share_a_millisecond() -> None:
    assert sum(record["timestamp"] == CROWDED for record in made()) == IN_ONE_MS
