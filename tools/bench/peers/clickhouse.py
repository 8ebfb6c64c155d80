"""ClickHouse in a process: its engine as the package `chdb`, and the engine that asks it."""

import importlib.util
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from casbah.activity.query import Query
from tools.bench import prepare, process
from tools.bench.data import Data
from tools.bench.peers import clickhouse_layout as layout
from tools.bench.peers.behind import Behind
from tools.bench.peers.contract import FreshStore
from tools.bench.process import Process
from tools.bench.wire import Connection

_LAZY = "SETTINGS query_plan_max_limit_for_lazy_materialization = 10000"
"""Only the rows of the page are read whole, for pages of more than its default of 10 as well."""

_BYTES = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'activity'"


class ClickHouseEngine:
    """A database in a folder, which no other process has open."""

    def __init__(self, folder: str) -> None:
        self._session = opened(Path(folder))

    def find(self, query: Query, /) -> tuple[Sequence[bytes], int]:
        """See `Engine.find`."""
        page, total = self._asked(f"{layout.page(query)} {_LAZY}"), self._asked(layout.total(query))
        return page, int(total[0])

    def fetch(self, activity_id: str, /) -> bytes | None:
        """See `Engine.fetch`."""
        found = self._asked(layout.by_id(activity_id))
        return found[0] if found else None

    def close(self) -> None:
        """Close the database."""
        self._session.close()

    def _asked(self, statement: str) -> list[bytes]:
        """The rows of one column; no value has a line end."""
        found: bytes = self._session.query(statement, "TSVRaw").bytes()
        return found.splitlines()


class ClickHouse:
    """See `Peer`. It has no server: the handler's process is the database."""

    name: ClassVar[str] = "clickhouse"
    title: ClassVar[str] = "ClickHouse"
    form = staticmethod(layout.form)
    durable: ClassVar[bool] = True
    layout: ClassVar[str] = (
        layout.table() + Path(layout.__file__).read_text(encoding="utf-8").partition("\ndef page")[0]
    )

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._handler: Behind | None = None

    @classmethod
    def lacking(cls, _work: Path, /) -> str:
        found = importlib.util.find_spec("chdb")
        return "" if found else "pip install -r tools/bench/requirements.lock (`make bench` does)"

    def version(self) -> str:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder, _session(Path(folder)) as session:
            return str(session.query("SELECT version()", "TSVRaw").bytes().decode().strip())

    def start(self) -> None:
        """Nothing to start."""

    def load(self, data: Data) -> float:
        with _session(self._data) as session:
            seconds = sum(
                _seconds(session, layout.inserted(file))
                for file in prepare.prepared(data, layout.form, folder=self._folder)
            )
            return seconds + _seconds(session, "OPTIMIZE TABLE activity FINAL")

    def serve(self) -> Connection:
        self._handler = Behind("tools.bench.peers.clickhouse:ClickHouseEngine", str(self._data), folder=self._folder)
        return self.again()

    def again(self) -> Connection:
        assert self._handler is not None
        return self._handler.connection()

    @contextmanager
    def fresh(self) -> Iterator[FreshStore]:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder, _session(Path(folder)) as session:
            yield FreshStore(
                lambda file: session.query(layout.inserted(file)),
                time.process_time,
                lambda: int(session.query(_BYTES, "TSVRaw").bytes()),
            )

    def disk(self) -> int:
        return process.size(self._data)

    def processes(self) -> Sequence[Process]:
        return [self._handler.process] if self._handler else []

    def stop(self) -> None:
        for each in self.processes():
            each.end()


def opened(folder: Path) -> Any:
    """The database of a folder, with the table."""
    from chdb import session  # noqa: PLC0415  only the bench's own environment has it

    found = session.Session(str(folder))
    found.query("CREATE DATABASE IF NOT EXISTS bench")
    found.query("USE bench")
    found.query(layout.table())
    return found


@contextmanager
def _session(folder: Path) -> Iterator[Any]:
    found = opened(folder)
    try:
        yield found
    finally:
        found.close()


def _seconds(session: Any, statement: str) -> float:
    started = time.perf_counter()
    session.query(statement)
    return time.perf_counter() - started
