"""Every engine there is, each behind the same contract."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from casbah.store.contract import Store
from casbah.store.embedded.store import EmbeddedStore
from cluster import opening
from making import NOW
from replica import Replicated


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        engines = ["embedded", "replica", *(["opensearch"] if metafunc.config.getoption("--cluster") else [])]
        metafunc.parametrize("store", engines, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "opensearch":
        with opening.opened(request.getfixturevalue("nodes")) as store:
            yield store
        return
    owner = EmbeddedStore(tmp_path / "store", clock=lambda: NOW)
    with closing(Replicated(owner) if request.param == "replica" else owner) as store:
        yield store
