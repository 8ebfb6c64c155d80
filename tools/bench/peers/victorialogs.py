"""VictoriaLogs: a single node, built with Go from its module, and the engine that asks it.

It acknowledges what it has in memory, and writes it to disk within five seconds.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote_plus

import orjson

from casbah.activity.query import Query
from tools.bench import prepare, process
from tools.bench.data import Data
from tools.bench.peers import victorialogs_layout as layout
from tools.bench.peers.behind import Behind
from tools.bench.peers.contract import FreshStore
from tools.bench.process import Process
from tools.bench.wire import Connection

VERSION = "1.52.1"

_PACKAGE = f"github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v{VERSION}"
_GO = "/usr/local/go/bin/go"
"""Where Go's own installation puts it, which is not in everybody's PATH."""

_BLOCK = 8 << 20
_FORM = "application/x-www-form-urlencoded"


class VictoriaLogsEngine:
    """A node by its address; a connection a thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()

    def find(self, query: Query, /) -> tuple[Sequence[bytes], int]:
        """See `Engine.find`."""
        page, total = self._page(query), self._asked(layout.total(query))
        return [each["record"].encode() for each in page], int(total[0]["total"])

    def fetch(self, activity_id: str, /) -> bytes | None:
        """See `Engine.fetch`."""
        found = self._asked(layout.by_id(activity_id))
        return found[0]["record"].encode() if found else None

    def close(self) -> None:
        """Close this thread's connection."""
        if hasattr(self._local, "connection"):
            self._local.connection.close()

    def _page(self, query: Query) -> list[dict[str, str]]:
        if layout.is_newest(query):
            return self._asked(layout.newest(query))
        found = self._asked(layout.places(query))
        return self._asked(layout.at(query, found)) if found else []

    def _asked(self, query: str) -> list[dict[str, str]]:
        if not hasattr(self._local, "connection"):
            self._local.connection = Connection(self._url)
        body = f"query={quote_plus(query)}".encode()
        answer = self._local.connection.send("POST", "/select/logsql/query", body, _FORM)
        return [orjson.loads(line) for line in answer.splitlines()]


class VictoriaLogs:
    """See `Peer`."""

    name: ClassVar[str] = "victorialogs"
    title: ClassVar[str] = "VictoriaLogs"
    form = staticmethod(layout.form)
    durable: ClassVar[bool] = False
    layout: ClassVar[str] = (
        VERSION + layout.INSERT + Path(layout.__file__).read_text(encoding="utf-8").partition("\ndef is_newest")[0]
    )

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._server: Process | None = None
        self._handler: Behind | None = None
        self.url = ""

    @classmethod
    def lacking(cls, work: Path, /) -> str:
        """It is built here: whether its module can be had shows only then."""
        file = binary(work)
        if file.exists():
            return ""
        go = shutil.which("go") or shutil.which(_GO)
        if go is None:
            return f"install Go (not found in PATH, nor as {_GO})"
        file.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(file.parent)}
        built = subprocess.run([go, "install", _PACKAGE], capture_output=True, text=True, env=environment, check=False)
        return f"`go install {_PACKAGE}` must work ({built.stderr.strip()[-300:]})" if built.returncode else ""

    def version(self) -> str:
        return VERSION

    def start(self) -> None:
        self._server, self.url = self._serving(self._data)

    def load(self, data: Data) -> float:
        connection = Connection(self.url, timeout=7_200)
        seconds = 0.0
        for file in prepare.prepared(data, layout.form, folder=self._folder):
            before = time.perf_counter()
            with file.open("rb") as lines:
                for block in prepare.blocks(lines, _BLOCK):
                    _insert(connection, block)
            seconds += time.perf_counter() - before
        before = time.perf_counter()
        connection.send("POST", "/internal/force_flush")
        connection.send("POST", "/internal/force_merge")
        merging = True
        while merging:
            time.sleep(0.1)  # It begins after the answer.
            merging = b"\nvl_active_force_merges 0\n" not in connection.send("GET", "/metrics")
        _whole(connection, data.count)
        return seconds + time.perf_counter() - before

    def serve(self) -> Connection:
        self._handler = Behind("tools.bench.peers.victorialogs:VictoriaLogsEngine", self.url, folder=self._folder)
        return self.again()

    def again(self) -> Connection:
        assert self._handler is not None
        return self._handler.connection()

    @contextmanager
    def fresh(self) -> Iterator[FreshStore]:
        """What it acknowledges is in memory; a snapshot of the months that were stored puts them on disk."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            data, months = Path(folder), set[str]()
            server, url = self._serving(data)
            connection = Connection(url)

            def insert(file: Path) -> None:
                _insert(connection, file.read_bytes())
                months.update(layout.months(file))

            def flush() -> None:
                while months:
                    _snapshot(connection, months.pop())

            try:
                yield FreshStore(insert, server.processor, lambda: process.size(data), flush)
            finally:
                connection.close()
                server.end()

    def insert(self, lines: bytes, count: int) -> None:
        """Store the lines of a body, as the first of its store."""
        with closing(Connection(self.url)) as connection:
            _insert(connection, lines)
            _whole(connection, count)

    def disk(self) -> int:
        return process.size(self._data)

    def processes(self) -> Sequence[Process]:
        found = [self._server, self._handler.process if self._handler else None]
        return [each for each in found if each is not None]

    def stop(self) -> None:
        for each in reversed(self.processes()):
            each.end()

    def _serving(self, data: Path) -> tuple[Process, str]:
        port = process.free_port()
        flags = (f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={data}", "-retentionPeriod=100y")
        log = self._folder / "server.log"
        work = self._folder.parents[1]
        server = process.start([str(binary(work)), *flags, "-search.maxQueryDuration=10m"], log=log)
        process.wait(server, lambda: process.answers(port), log=log)
        return server, f"http://127.0.0.1:{port}"


def binary(work: Path) -> Path:
    """The built server."""
    return work / f"victoria-logs-{VERSION}" / "victoria-logs"


def _insert(connection: Connection, lines: bytes) -> None:
    connection.send("POST", layout.INSERT, lines, "application/stream+json")


def _snapshot(connection: Connection, month: str) -> None:
    """Write what is in memory of a month to disk: that is how a snapshot begins. It is not kept."""
    made = connection.send("POST", f"/internal/partition/snapshot/create?partition_prefix={month}")
    for path in orjson.loads(made):
        connection.send("POST", f"/internal/partition/snapshot/delete?path={quote_plus(path)}")


def _whole(connection: Connection, count: int) -> None:
    """Raises RuntimeError if it does not hold as many: lines that it does not take it only logs."""
    connection.send("POST", "/internal/force_flush")
    answer = connection.send("POST", "/select/logsql/query", b"query=*+|+stats+count()+total", _FORM)
    if orjson.loads(answer)["total"] != str(count):
        raise RuntimeError(f"not all was stored: {answer[:500]!r} of {count}")
