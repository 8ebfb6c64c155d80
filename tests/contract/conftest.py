"""Every engine there is, each behind the same contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from casbah.store.contract import Store
from casbah.store.embedded.store import EmbeddedStore
from making import NOW


@pytest.fixture(params=["embedded"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    assert request.param == "embedded"
    opened = EmbeddedStore(tmp_path / "store", clock=lambda: NOW)
    yield opened
    opened.close()
