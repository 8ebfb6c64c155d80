"""Some made-up records, as the bench makes them."""

import pytest
from bench.data import week_of
from bench.sample import Sample


@pytest.fixture(scope="session")
def records() -> list[bytes]:
    return list(week_of(20, size=600, seed=1, cells=3))


@pytest.fixture(scope="session")
def sample(records: list[bytes]) -> Sample:
    return Sample(records, seed=1)
