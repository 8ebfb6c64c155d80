"""One store that holds the telling records, random ones and real ones; and the matrix of what was compared."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

import oracle
import samples
from casbah.activity import matching
from casbah.activity.deadline import NEVER
from casbah.activity.fields import phrases
from casbah.activity.language import FILTERS, OPERATORS, filter_named
from casbah.activity.query import Query, parse
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.store.contract import Store
from casbah.store.embedded import search
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.opensearch.store import OpenSearchStore
from cluster import opening
from conftest import SHARED
from making import arrival
from samples import NOW

TENANT = TenantId("agreement")
RANDOM_RECORDS = 150
MATRIX: Counter[tuple[str, str]] = Counter()


@dataclass(frozen=True)
class Compared:
    """What the store, the product's meaning and the independent oracle say of one query."""

    store: Store
    names: Sequence[str]
    readings: Sequence[Reading]
    values: Sequence[Any]
    records: Sequence[Mapping[str, Any]]

    def disagreements(self, filters: Mapping[str, Any]) -> dict[str, list[str]]:
        """Ids on which one of the three differs from the oracle; nothing where all agree."""
        query = parse({"filters": filters, "isScan": True, "limit": 5_000}, now=NOW)
        found = self.found(query)
        asked = oracle.parse(filters)
        pairs = zip(self.names, self.values, self.readings, strict=True)
        said = [
            (name, oracle.matches(asked, values, NOW), matching._holds(query.predicate, r)) for name, values, r in pairs
        ]
        wanted = {name for name, holds, _ in said if holds}
        for name, operators in filters.items():
            for operator in operators:
                MATRIX[filter_named(name).name, operator.lower()] += 1
        total = self.store.tenant(TENANT).count(query.predicate)
        wrong = {
            "in the store, not in the oracle": sorted(set(found) - wanted),
            "in the oracle, not in the store": sorted(wanted - set(found)),
            "meaning and oracle differ": [name for name, holds, meant in said if holds != meant],
            "twice in the store": [name for name, count in Counter(found).items() if count > 1],
            "total": [] if total == len(wanted) else [f"{total} is not {len(wanted)}"],
        }
        return {what: names for what, names in wrong.items() if names}

    def found(self, query: Query) -> list[str]:
        """The names of what the store finds, by their numbers of storing: fetching a million records takes its time."""
        return [self.names[number - 1] for number in _numbers(self.store, query)]

    def total(self, filters: Mapping[str, Any]) -> int:
        return self.store.tenant(TENANT).count(parse({"filters": filters}, now=NOW).predicate)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "compared" in metafunc.fixturenames:
        engines = ["embedded", "opensearch"] if metafunc.config.getoption("--cluster") else ["embedded"]
        metafunc.parametrize("compared", engines, indirect=True, scope="session")


@pytest.fixture(scope="session")
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    chance = random.Random(2026)
    made = [
        *samples.telling_records(),
        *(samples.random_record(chance) for _ in range(RANDOM_RECORDS)),
        *real_records(),
    ]
    records = list({each["_id"]: each for each in made}.values())
    with ExitStack() as stack:
        if request.param == "opensearch":
            store: Store = stack.enter_context(opening.opened(request.getfixturevalue("nodes")))
        else:
            store = stack.enter_context(closing(EmbeddedStore(tmp_path_factory.mktemp("agreement"), clock=lambda: NOW)))
        for start in range(0, len(records), 200):  # Several commits, hence several segments.
            done = store.tenant(TENANT).insert([arrival(record) for record in records[start : start + 200]])
            assert (done.duplicates, done.refused) == (0, ())
        names = [record["_id"] for record in records]
        with pytest.MonkeyPatch.context() as patch:  # The words of a record are the same at every question.
            patch.setattr(matching, "phrases", cache(lambda reading: tuple(phrases(reading))))
            yield from _compared(store, names, records)


def _numbers(store: Store, query: Query) -> list[int]:
    if isinstance(store, OpenSearchStore):
        body = {"sort": [{query.sort.name: "desc"}, {"seq": "desc"}], "size": query.limit, "_source": False}
        found = store.tenant(TENANT)._ask(query.predicate, body, NEVER)
        return [hit["sort"][1] for hit in found["hits"]["hits"]]
    queries = store.tenant(TENANT)._queries(query.predicate, descending=query.descending)
    return [hit.seq for hit in search._first(query, queries, query.limit)]


def _compared(store: Store, names: list[str], records: list[dict[str, Any]]) -> Iterator[Compared]:
    values = [oracle.values_of(record) for record in records]
    yield Compared(store, names, [Reading(record) for record in records], values, records)


def real_records() -> list[dict[str, Any]]:
    """Real records in MDCA's own shape, where the samples stand beside the repository."""
    file = SHARED / "data" / "sources" / "mdca_records" / "mdca_activity_records.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not MATRIX:
        return
    failed = [each for each in terminalreporter.stats.get("failed", []) if "agreement" in each.nodeid]
    terminalreporter.section("agreement of the store with the independent oracle, per filter and operator")
    for name, row in FILTERS.items():
        cells = (
            f"{operator}{'*' if operator in row.documented else ''}" for operator in OPERATORS if MATRIX[name, operator]
        )
        terminalreporter.write_line(f"  {name:26} {' '.join(cells)}")
    documented = [(name, operator) for name, row in FILTERS.items() for operator in row.documented]
    terminalreporter.write_line(
        f"  * documented by MDCA: {sum(1 for pair in documented if MATRIX[pair])} of {len(documented)} pairs compared; "
        f"{len([pair for pair in MATRIX if MATRIX[pair]])} pairs in all; {len(failed)} disagreements"
    )
