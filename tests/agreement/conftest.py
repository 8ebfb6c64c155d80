"""One store that holds the telling records, random ones and real ones; and the matrix of what was compared."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import oracle
import pytest
import samples
from making import NOW, arrival

from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.matching import matches
from casbah.activity.query import parse
from casbah.activity.scope import Scope
from casbah.store.embedded.store import EmbeddedStore

TENANT = Scope("agreement")
RANDOM_RECORDS = 150
MATRIX: Counter[tuple[str, str]] = Counter()


@dataclass(frozen=True)
class Compared:
    """What the store, the product's meaning and the independent oracle say of one query."""

    store: EmbeddedStore
    records: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, Any] = field(default_factory=dict)

    def disagreements(self, filters: Mapping[str, Any]) -> dict[str, list[str]]:
        """Ids on which one of the three differs from the oracle; nothing where all agree."""
        query = parse({"filters": filters, "isScan": True, "limit": 5_000}, now=NOW)
        page = self.store.scan(query, TENANT)
        found = sorted(json.loads(each)["_id"] for each in page.records)
        wanted = sorted(name for name, values in self.values.items() if oracle.matches(filters, values, NOW))
        meant = sorted(name for name, each in self.records.items() if matches(query.predicate, each))
        wrong = {
            "in the store, not in the oracle": sorted(set(found) - set(wanted)),
            "in the oracle, not in the store": sorted(set(wanted) - set(found)),
            "meaning and oracle differ": sorted(set(meant) ^ set(wanted)),
            "twice in the store": [name for name, count in Counter(found).items() if count > 1],
            "total": [] if page.total == len(wanted) else [f"{page.total} is not {len(wanted)}"],
        }
        for name, operators in filters.items():
            for operator in operators:
                MATRIX[name, operator.lower()] += len(wanted) + 1
        return {what: names for what, names in wrong.items() if names}


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    chance = random.Random(20_26)
    made = [
        *samples.telling_records(),
        *(samples.random_record(chance) for _ in range(RANDOM_RECORDS)),
        *real_records(),
    ]
    records = {each["_id"]: each for each in made}
    store = EmbeddedStore(tmp_path_factory.mktemp("agreement"), clock=lambda: NOW)
    listed = list(records.values())
    for start in range(0, len(listed), 60):  # Several commits, hence several segments.
        store.insert([arrival(each) for each in listed[start : start + 60]], TENANT)
    yield Compared(store, records, {name: oracle.values_of(each) for name, each in records.items()})
    store.close()


def real_records() -> list[dict[str, Any]]:
    """Real records in MDCA's own shape, where the samples stand beside the repository."""
    from conftest import SHARED

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
    compared_pairs = sum(1 for pair in documented if MATRIX[pair])
    terminalreporter.write_line(
        f"  * documented by MDCA: {compared_pairs} of {len(documented)} pairs compared; "
        f"{len([pair for pair in MATRIX if MATRIX[pair]])} pairs in all; {len(failed)} disagreements"
    )
