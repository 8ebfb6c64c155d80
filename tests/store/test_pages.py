"""Broad queries take short cuts (windows of time, counts of terms, spans passed over): the answers stay those of a plain walk.

Two thousand to six thousand activities over three periods, with a burst, ties, a long quiet and moments of storing that
follow no order, so that every short cut is taken; `test_short_cuts_are_taken` sees to that.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from casbah.activity import matching
from casbah.activity.deadline import Deadline
from casbah.activity.query import Query
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.errors import SearchTooLongError
from casbah.store.embedded import bound_query as asked_module
from casbah.store.embedded import render, search
from casbah.store.embedded.schema import PERIOD_BITS
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")
COUNT = 5_000
DAY = 86_400_000
APPS, COUNTRIES = (11161, 20892, 20893, 15600), ("DE", "US", "FR", None)
AGENTS = tuple(f"Mozilla/5.0 ({name}; rv:{number})" for name in ("Windows", "Macintosh", "X11") for number in range(9))
PERIOD = 1 << PERIOD_BITS

FILTERS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "app": {"service": {"eq": 11161}},
    "several apps": {"service": {"eq": [11161, 20892]}},
    "app and country": {"service": {"eq": 20892}, "location.country": {"eq": "DE"}},
    "country neq": {"location.country": {"neq": "US"}},
    "app, country neq": {"service": {"eq": 20892}, "location.country": {"neq": "FR"}},
    "no country": {"location.country": {"isnotset": True}},
    "admin": {"activity.type": {"eq": True}},
    "not admin": {"activity.type": {"eq": False}},
    "agent contains": {"userAgent.userAgent": {"contains": "windows"}},
    "agent ncontains": {"userAgent.userAgent": {"ncontains": "rv:7"}},
    "agent contains, nothing": {"userAgent.userAgent": {"contains": "opera"}},
    "user startswith": {"user.username": {"startswith": "user-1"}},
    "rare user": {"user.username": {"eq": "user-7@contoso.com"}},
    "tags": {"user.tags": {"eq": ["t1", "t2"]}},
    "tags neq": {"user.tags": {"neq": ["t1"]}},
    "tags deq": {"user.tags": {"deq": ["t1"]}},
    "word": {"text": {"text": "contoso"}},
    "two words": {"text": {"text": "windows contoso"}},
    "many endings": {"text": {"startswithsingle": "user 1"}},
    "many endings, few of them beside": {"text": {"startswithsingle": "rv 1"}},
    "many endings, none of them beside": {"text": {"startswithsingle": "windows 1"}},
    "one day": {"date": {"range": [{"start": NOW - 3 * DAY, "end": NOW - 2 * DAY}]}},
    "since": {"date": {"gte": NOW - 7 * DAY - 12_345}},
    "until": {"date": {"lte": NOW - 9 * DAY - 54_321}, "service": {"eq": 11161}},
    "created since": {"created": {"gte": NOW - 40_000}},
    "created window": {"created": {"range": [{"start": NOW - 90_000, "end": NOW - 30_001}]}, "service": {"neq": 15600}},
}


@dataclass(frozen=True)
class Filled:
    store: EmbeddedStore
    records: list[dict[str, Any]]

    def expected(self, asked: Query) -> list[str]:
        """What a plain walk over all of them gives, without skip and limit."""
        found = [
            (made[asked.sort.name if asked.sort.name == "created" else "timestamp"], number, made["_id"])
            for number, made in enumerate(self.records)
            if matching._holds(asked.predicate, Reading(made))
        ]
        return [name for _, _, name in sorted(found, reverse=asked.descending)]

    def key(self, sort: str) -> str:
        return "timestamp" if sort == "date" else "created"

    def require_count(self, sort: str, start: int, end: int, **app: Any) -> None:
        """Of a window of time, and of one app or of all, the store counts what a plain walk does."""
        counted = self.store.tenant(TENANT).count(query({sort: {"gte": start, "lte": end}, **app}).predicate)
        assert counted == sum(
            start <= each[self.key(sort)] <= end and (not app or each["appId"] == 11161) for each in self.records
        ), (sort, start, end)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    chance = random.Random(4)
    records = [made(number, chance) for number in range(COUNT)]
    store = EmbeddedStore(tmp_path_factory.mktemp("pages"), clock=lambda: NOW)
    for start in range(0, COUNT, 1_250):
        assert store.tenant(TENANT).insert([arrival(each) for each in records[start : start + 1_250]]).stored == 1_250
    yield Filled(store, records)
    store.close()


def made(number: int, chance: random.Random) -> dict[str, Any]:
    country, app = chance.choice(COUNTRIES), chance.choice(APPS)
    return record(
        number,
        timestamp=moment(chance),
        created=NOW
        - chance.choice((chance.randrange(100_000), chance.randrange(50) * 1_000, chance.randrange(PERIOD))),
        appId=app,
        isAdminOperation=chance.random() < 0.2,
        isImpersonated=False,
        location={"countryCode": country} if country else {},
        device={"userAgent": chance.choice(AGENTS)},
        user={
            "userName": f"user-{chance.randrange(300)}@contoso.com",
            "userTags": chance.sample(["t1", "t2", "t3"], chance.randrange(3)),
        },
    )


def moment(chance: random.Random) -> int:
    """A burst within a minute, ties, and the rest over two periods and a half."""
    return NOW - chance.choice(
        (
            2 * DAY + chance.randrange(60_000),
            5 * DAY + chance.randrange(20) * 7,
            chance.randrange(PERIOD * 5 // 2),
            chance.randrange(PERIOD),
        )
    )


@pytest.mark.parametrize("descending", [True, False], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("sort", ["date", "created"])
@pytest.mark.parametrize("name", FILTERS)
def test_pages_are_those_of_a_plain_walk(
    filled: Filled, name: str, sort: str, *, descending: bool, monkeypatch
) -> None:
    monkeypatch.setattr(search, "NEAR", 50)
    order = {"sortField": sort, "sortDirection": "desc" if descending else "asc"}
    expected = filled.expected(query(FILTERS[name], **order))
    for skip in (0, 7, 49, 51, 200, len(expected) // 2, max(0, len(expected) - 3), len(expected)):
        page = filled.store.tenant(TENANT).find(query(FILTERS[name], skip=skip, limit=10, **order))
        assert (page.total, ids(page.records)) == (len(expected), expected[skip : skip + 10]), skip


@pytest.mark.parametrize("name", FILTERS)
def test_partitions_counted_several_at_a_time_have_the_same_total(filled: Filled, name: str, monkeypatch) -> None:
    monkeypatch.setattr(search, "_LONG", -1)
    filled.store._shared.cache.clear()
    assert filled.store.tenant(TENANT).count(query(FILTERS[name]).predicate) == len(
        filled.expected(query(FILTERS[name]))
    )


def test_a_deadline_ends_partitions_that_are_counted_several_at_a_time(filled: Filled, monkeypatch) -> None:
    monkeypatch.setattr(search, "_LONG", -1)
    deadline = Deadline.after(60)
    matching_of = PartitionSearcher.matching

    def ended(searcher: PartitionSearcher, engine_query: Any) -> int:
        deadline.gone.set()
        return matching_of(searcher, engine_query)

    monkeypatch.setattr(PartitionSearcher, "matching", ended)
    filled.store._shared.cache.clear()
    with pytest.raises(SearchTooLongError):
        filled.store.tenant(TENANT).count(query(FILTERS["two words"]).predicate, deadline=deadline)


@pytest.mark.parametrize("free", [(), ("_SPANS", "_SPAN")], ids=["the cheaper query", "spans cost nothing"])
@pytest.mark.parametrize("sort", ["date", "created"])
def test_any_window_of_time_holds_what_lies_in_it(
    filled: Filled, sort: str, free: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for cost in free:
        monkeypatch.setattr(render, cost, 0.0)
    filled.store._shared.cache.clear()
    chance = random.Random(5)
    moments = [each[filled.key(sort)] for each in filled.records]
    for _ in range(150):
        start, end = sorted(chance.choice(moments) + chance.choice((-1, 0, 1)) for _ in range(2))
        app = {} if chance.random() < 0.5 else {"service": {"eq": 11161}}
        filled.require_count(sort, start, end, **app)


@pytest.mark.parametrize("sort", ["date", "created"])
def test_a_window_may_touch_the_first_and_the_last_activity_of_a_partition(filled: Filled, sort: str) -> None:
    partitions = {each["timestamp"] >> PERIOD_BITS for each in filled.records}
    assert len(partitions) > 2
    for number in partitions:
        held = [each[filled.key(sort)] for each in filled.records if each["timestamp"] >> PERIOD_BITS == number]
        for edge in (min(held), max(held)):
            for moment in (edge - 1, edge, edge + 1):
                filled.require_count(sort, moment, moment)
                filled.require_count(sort, 0, moment)
                filled.require_count(sort, moment, 2 * NOW)


def test_short_cuts_are_taken(filled: Filled, monkeypatch) -> None:
    """Without this, the tests above could pass because no window was ever tried and nothing followed from terms."""
    counted, windows = [], []
    matching_of, windows_of = PartitionSearcher.matching, asked_module._window
    monkeypatch.setattr(
        PartitionSearcher, "matching", lambda searcher, asked: counted.append(1) or matching_of(searcher, asked)
    )
    monkeypatch.setattr(
        asked_module, "_window", lambda *given, **named: windows.append(windows_of(*given, **named)) or windows[-1]
    )
    filled.store._shared.cache.clear()
    for name in ("none", "app", "several apps", "country neq", "no country", "not admin", "agent contains", "word"):
        filled.store.tenant(TENANT).find(query(FILTERS[name], limit=10))
    assert counted == [], "these totals follow from what is known of terms"
    assert len([window for window in windows if window is not None]) >= 8


def test_a_query_asked_again_is_not_counted_again(filled: Filled, monkeypatch) -> None:
    asked = query(FILTERS["two words"], limit=10)
    total = filled.store.tenant(TENANT).find(asked).total
    monkeypatch.setattr(PartitionSearcher, "matching", lambda *_: pytest.fail("it is known"))
    assert filled.store.tenant(TENANT).find(asked).total == total
