"""Walks every activity of a server in each way that real clients do, and checks that each came exactly once (docs/compatibility.md, 4, 5).

    python walk.py --url http://127.0.0.1:8765 --token KEY [--limit 5000] [--expect 50000] [--json]

Needs `requests` and nothing else; any server that answers the Activities API will do. Writes a table, with `--json` on stderr
and JSON on stdout. Ends with 0 if all ways agree, 1 if they do not, 2 if it was called wrongly.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import requests

PATH = "/api/v1/activities/"
LIST_LIMIT = 100
SECONDS = 120
MAX_WAITS = 100
COLUMNS = ("way", "requests", "records", "distinct", "seconds")

Page = dict
Body = dict


@dataclass(frozen=True)
class Way:
    """What every request says, and how the next one follows from a page; `key` is what the order is by."""

    name: str
    asked: Body
    following: Callable[[Body, Page], Body]
    key: str = "timestamp"


@dataclass
class Walked:
    """What came of one way."""

    way: str
    requests: int = 0
    waits: int = 0
    records: int = 0
    distinct: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def by_skip(asked: Body, page: Page) -> Body:
    return {**asked, "skip": asked.get("skip", 0) + len(page["data"])}


def by_next_query_filters(asked: Body, page: Page) -> Body:
    return {**asked, "filters": page["nextQueryFilters"]}


def by_last_timestamp(asked: Body, page: Page) -> Body:
    return {**asked, "filters": {"date": {"gte": page["data"][-1]["timestamp"] + 1}}}


def by_copying(operator: str) -> Callable[[Body, Page], Body]:
    """The client's own filters, and out of `nextQueryFilters` one bound of the date alone."""

    def following(asked: Body, page: Page) -> Body:
        return {**asked, "filters": {"date": {operator: page["nextQueryFilters"]["date"][operator]}}}

    return following


UP, DOWN = {"isScan": True, "sortDirection": "asc"}, {"isScan": True, "sortDirection": "desc"}
WAYS = (
    Way("list by skip", {"sortDirection": "desc", "limit": LIST_LIMIT}, by_skip),
    Way("scan ascending", UP, by_next_query_filters),
    Way("scan descending", DOWN, by_next_query_filters),
    Way("scan ascending by created", {**UP, "sortField": "created"}, by_next_query_filters, "created"),
    Way("scan descending by created", {**DOWN, "sortField": "created"}, by_next_query_filters, "created"),
    Way("scan from last timestamp + 1", UP, by_last_timestamp),
    Way("scan copying only date.gte", UP, by_copying("gte")),
    Way("scan copying only date.lte", DOWN, by_copying("lte")),
)


class WrongAnswerError(Exception):
    """An answer that no client could go on from."""


class Server:
    """Where to ask, and as whom; waits as long as it is told to."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/") + PATH
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {token}"

    def page(self, asked: Body, walked: Walked) -> Page:
        for _ in range(MAX_WAITS):
            walked.requests += 1
            answer = self.session.post(self.url, json=asked, timeout=SECONDS)
            if answer.status_code == requests.codes.ok:
                return answer.json()
            if answer.status_code != requests.codes.too_many_requests:
                raise WrongAnswerError(f"{answer.status_code} {answer.text[:300]}")
            walked.waits += 1
            time.sleep(int(answer.headers["Retry-After"]))
        raise WrongAnswerError(f"429, {MAX_WAITS} times in a row")


def pages(server: Server, way: Way, walked: Walked, limit: int | None) -> Iterator[Page]:
    asked = way.asked if limit is None or "limit" in way.asked else {**way.asked, "limit": limit}
    while True:
        page = server.page(asked, walked)
        yield page
        if not page["hasNext"]:
            return
        if not page["data"]:
            raise WrongAnswerError("an empty page says that there is more")
        asked = way.following(asked, page)


def walk(server: Server, way: Way, limit: int | None) -> tuple[Walked, frozenset[str]]:
    """Every page of one way, and the ids that came."""
    walked, begun = Walked(way.name), time.perf_counter()
    ids: list[str] = []
    moments: list[int] = []
    totals: list[int] = []
    try:
        for page in pages(server, way, walked, limit):
            ids += [each["_id"] for each in page["data"]]
            moments += [each[way.key] for each in page["data"]]
            totals.append(page.get("total", -1))
    except (WrongAnswerError, requests.RequestException, KeyError, ValueError) as error:
        walked.problems.append(f"request {walked.requests}: {error!r}")
    walked.seconds = round(time.perf_counter() - begun, 2)
    walked.records, walked.distinct = len(ids), len(set(ids))
    if walked.records != walked.distinct:
        walked.problems.append(f"{walked.records - walked.distinct} records came more than once")
    if moments != sorted(moments, reverse=way.asked["sortDirection"] == "desc"):
        walked.problems.append(f"the records are not in the order of {way.key}")
    if totals and totals[0] not in (-1, walked.distinct):
        walked.problems.append(f"the first page said a total of {totals[0]}")
    return walked, frozenset(ids)


def walk_all(server: Server, limit: int | None, expect: int | None, told: Callable[[Walked], None]) -> list[Walked]:
    """Every way, each compared with the first."""
    done: list[Walked] = []
    first: frozenset[str] = frozenset()
    for way in WAYS:
        walked, ids = walk(server, way, limit)
        first = first if done else ids
        if ids != first:
            walked.problems.append(
                f"{len(first - ids)} records missing and {len(ids - first)} more than {WAYS[0].name}"
            )
        if expect is not None and len(ids) != expect:
            walked.problems.append(f"{expect} records expected")
        told(walked)
        done.append(walked)
    return done


def line(cells: tuple[object, ...]) -> str:
    name, *rest = cells
    return f"{name:<30}" + "".join(f"{each:>10}" for each in rest)


def main() -> int:
    parser = argparse.ArgumentParser(description="Walks every activity of a server in each way that real clients do.")
    parser.add_argument("--url", required=True, help="such as http://127.0.0.1:8765")
    parser.add_argument("--token", required=True, help="an API token that may read")
    parser.add_argument("--limit", type=int, help="the page of a scan (the server takes 500 to 5000)")
    parser.add_argument("--expect", type=int, help="how many activities there are")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, the table on stderr")
    given = parser.parse_args()
    table = sys.stderr if given.json else sys.stdout

    def told(walked: Walked) -> None:
        print(line(tuple(vars(walked)[name] for name in COLUMNS)), file=table, flush=True)
        for problem in walked.problems:
            print(f"  {problem}", file=table, flush=True)

    print(line(COLUMNS), file=table, flush=True)
    done = walk_all(Server(given.url, given.token), given.limit, given.expect, told)
    if given.json:
        print(json.dumps([asdict(each) for each in done], indent=2))
    return 1 if any(each.problems for each in done) else 0


if __name__ == "__main__":
    sys.exit(main())
