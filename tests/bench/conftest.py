"""Some made-up records, as the bench makes them."""

from typing import Any

import orjson
import pytest
from tools.bench.data import week_of
from tools.bench.sample import Sample


@pytest.fixture(scope="session")
def records() -> list[bytes]:
    return list(week_of(20, size=300, seed=1, cells=3))


@pytest.fixture(scope="session")
def activities(records: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(record) for record in records]


@pytest.fixture(scope="session")
def sample(records: list[bytes]) -> Sample:
    return Sample(records, seed=1)
