"""The pytest plugin: `casbah_server`, a running server for one test.

Installing Casbah registers it with pytest. It imports the rest of Casbah only when a test uses the fixture.

    @pytest.mark.casbah(mimic="mdca", seed=1_200, ties=40)
    def test_my_client(casbah_server):
        assert len(my_client(casbah_server.url, casbah_server.token).everything()) == 1_200
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from casbah.testing.server import Server

_MARK = (
    "casbah(seed=0, ties=1, **settings): the contents and settings of the `casbah_server` server; settings by their "
    'names in docs/settings.md, such as mimic="mdca"'
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the `casbah` mark."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture
def casbah_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """A running server on a free port, with its own store: empty, or filled as the mark `casbah` says."""
    # Imported here: every pytest run loads this module where Casbah is installed, but few need a server.
    from casbah.testing import server  # noqa: PLC0415

    mark = request.node.get_closest_marker("casbah")
    options = dict(mark.kwargs) if mark else {}
    seed, ties = options.pop("seed", 0), options.pop("ties", 1)
    with server.casbah_server(tmp_path_factory.mktemp("casbah"), **options) as running:
        if seed:
            running.fill(seed, ties=ties)
        yield running
