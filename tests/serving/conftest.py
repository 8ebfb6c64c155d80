"""A server of several processes, and one of a single process beside it, with the same activities."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from casbah import compose, settings
from casbah.compose import Application
from casbah.serving.processes import Processes, server
from casbah.serving.server import address, listening
from making import record

HELD = 50
SECONDS = 60


def until(so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < end
        time.sleep(0.002)


@dataclass
class Served:
    """A running server, and its house; `processes` are those beside it."""

    url: str
    application: Application
    processes: Processes
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.key}"}

    @property
    def passed(self) -> int:
        """How many connections other processes have."""
        return sum(each.connections for each in self.processes._running)

    def await_passed(self, count: int) -> None:
        """Wait until other processes have so many: they may answer before it is noted that they have a connection."""
        until(lambda: self.passed == count)

    def client(self) -> httpx.Client:
        """One connection, kept."""
        return httpx.Client(base_url=self.url, headers=self.headers, trust_env=False, timeout=SECONDS)

    def store(self, *records: Any) -> None:
        with self.client() as http:
            said = http.post("/api/ext/v1/activities", params={"source": "mdca"}, json=list(records)).json()
        assert said["refused"] == []


@contextmanager
def serving(folder: Path, **given: str) -> Iterator[Served]:
    """A server that runs, and `HELD` activities in it."""
    chosen = settings.read(
        {}, store=str(folder), port="0", **{"audit": "off", "search_processes": "2", "log_requests": "off", **given}
    )
    with compose.build(chosen) as house, listening(chosen) as listener:
        running = server(chosen, house)
        thread = Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            key, _ = house.services.tokens.create(f"test {len(house.services.tokens.all())}", tenant="default")
            made = Served(address(listener), house, running._company, key)
            made.store(*(record(n) for n in range(HELD)))
            yield made
        finally:
            running.should_exit = True
            thread.join(SECONDS)


def start(served: Served) -> None:
    """Have the processes beside start, as requests that overlap would."""
    served.processes._starting = True  # As it would be.
    served.processes._started()
    with served.client() as http:  # It takes a turn of the loop until they are known to it; so does this.
        while not served.processes._running:
            http.get("/livez")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    """Opens servers with the settings given."""
    with ExitStack() as stack:
        yield lambda name="store", **given: stack.enter_context(serving(tmp_path / name, **given))


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same, for tests that change nothing."""
    with serving(tmp_path_factory.mktemp("reading")) as served:
        start(served)
        with served.client() as http:
            http.post("/api/v1/activities/", json={})
        yield served


@pytest.fixture
def served(opened: Any) -> Served:
    """With its processes running, and its key known."""
    made: Served = opened()
    start(made)
    with made.client() as http:
        http.post("/api/v1/activities/", json={})
    return made
