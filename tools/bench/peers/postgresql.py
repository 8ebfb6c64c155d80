"""PostgreSQL: its own server in a folder of ours, and the engine that asks it."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from casbah.activity.query import Query
from tools.bench import prepare, process
from tools.bench.data import Data
from tools.bench.peers import postgresql_layout as layout
from tools.bench.peers.behind import Behind
from tools.bench.peers.contract import FreshStore
from tools.bench.process import Process
from tools.bench.sql import Condition
from tools.bench.wire import Connection

_BLOCK = 1 << 20
_SIZE = "SELECT pg_total_relation_size('activity')"
_PORT = 5_433  # Names the socket's file; nothing listens on the network.


class PostgreSQLEngine:
    """A database that a socket in a folder leads to; a connection a thread."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._local = threading.local()

    def find(self, query: Query, /) -> tuple[Sequence[bytes], int]:
        """See `Engine.find`."""
        page, total = (self._asked(statement) for statement in layout.statements(query))
        return [record for (record,) in page], total[0][0]

    def fetch(self, activity_id: str, /) -> bytes | None:
        """See `Engine.fetch`."""
        found = self._asked(Condition("SELECT record FROM activity WHERE id = %s", (activity_id,)), prepared=True)
        return found[0][0] if found else None

    def _asked(self, condition: Condition, *, prepared: bool = False) -> list[Any]:
        """Rows, with texts as bytes. Only a statement without choices is planned once for all values."""
        if not hasattr(self._local, "connection"):
            self._local.connection = _connected(Path(self._socket))
        cursor = self._local.connection.cursor(binary=True)
        return cursor.execute(condition.text, condition.values, prepare=prepared).fetchall()


class PostgreSQL:
    """See `Peer`."""

    name: ClassVar[str] = "postgresql"
    title: ClassVar[str] = "PostgreSQL"
    form = staticmethod(layout.form)
    durable: ClassVar[bool] = True
    layout: ClassVar[str] = layout.LAYOUT

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._user = process.other_user("postgres", "nobody")
        self._socket = Path(tempfile.mkdtemp(prefix="casbah-bench-"))  # A socket's path has at most 107 bytes.
        self._server: Process | None = None
        self._handler: Behind | None = None

    @classmethod
    def lacking(cls, _work: Path, /) -> str:
        if _binaries() is None:
            return (
                "apt install postgresql (its server's own commands are looked for in /usr/lib/postgresql and in PATH)"
            )
        return (
            ""
            if importlib.util.find_spec("psycopg")
            else "pip install -r tools/bench/requirements.lock (`make bench` does)"
        )

    def version(self) -> str:
        return _said(_command("postgres"), "--version").split()[2]

    def start(self) -> None:
        process.give(self._socket, self._user)
        if not self._data.exists():
            self._make()
        log = self._folder / "server.log"
        where = ["-D", str(self._data), "-k", str(self._socket), "-p", str(_PORT), "-h", ""]
        self._server = process.start([_command("postgres"), *where], log=log, user=self._user)
        process.wait(self._server, self._answers, log=log)

    def load(self, data: Data) -> float:
        seconds = 0.0
        with self._table() as connection:
            connection.execute("SET synchronous_commit = off")
            for file in prepare.prepared(data, layout.form, folder=self._folder):
                before = time.perf_counter()
                _copy(connection, file)
                seconds += time.perf_counter() - before
            before = time.perf_counter()
            for index in layout.indexes():
                connection.execute(index)
            connection.execute("VACUUM ANALYZE activity")
            connection.execute("CHECKPOINT")
        return seconds + time.perf_counter() - before

    def serve(self) -> Connection:
        self._handler = Behind("tools.bench.peers.postgresql:PostgreSQLEngine", str(self._socket), folder=self._folder)
        return self.again()

    def again(self) -> Connection:
        assert self._handler is not None
        return self._handler.connection()

    @contextmanager
    def fresh(self) -> Iterator[FreshStore]:
        server = self._server
        assert server is not None
        with self._table("ingest") as connection:
            for index in layout.indexes():
                connection.execute(index)
            yield FreshStore(
                lambda file: _copy(connection, file),
                server.processor,
                lambda: int(connection.execute(_SIZE).fetchone()[0]),
            )
        with closing(_connected(self._socket)) as connection:
            connection.execute("DROP DATABASE ingest")

    def disk(self) -> int:
        with closing(_connected(self._socket)) as connection:
            return int(connection.execute(_SIZE).fetchone()[0])

    def processes(self) -> Sequence[Process]:
        found = [self._server, self._handler.process if self._handler else None]
        return [each for each in found if each is not None]

    def stop(self) -> None:
        for each in reversed(self.processes()):
            each.end()
        shutil.rmtree(self._socket, ignore_errors=True)

    def _make(self) -> None:
        """A new cluster, with the settings that its manual advises for a machine of this size."""
        self._data.mkdir(mode=0o700)
        process.give(self._data, self._user)
        log = self._folder / "initdb.log"
        command = [
            _command("initdb"),
            "-D",
            str(self._data),
            "--locale=C",
            "--encoding=UTF8",
            "--auth=trust",
            "-U",
            "bench",
        ]
        if process.start(command, log=log, user=self._user).popen.wait() != 0:
            raise RuntimeError(f"initdb failed:\n{log.read_text()}")
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in _settings().items())

    def _answers(self) -> bool:
        try:
            _connected(self._socket).close()
        except OSError:
            return False
        except Exception as error:  # psycopg's own, which only the bench's environment has
            if type(error).__name__ != "OperationalError":
                raise
            return False
        return True

    @contextmanager
    def _table(self, database: str = "postgres") -> Iterator[Any]:
        if database != "postgres":
            with closing(_connected(self._socket)) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {database}")
                connection.execute(f"CREATE DATABASE {database}")
        with closing(_connected(self._socket, database)) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            connection.execute(layout.table())
            yield connection


def _settings() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "shared_buffers": f"{memory // 4}MB",
        "effective_cache_size": f"{memory * 3 // 4}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "1GB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "30min",
        "wal_compression": "lz4",
        "default_toast_compression": "lz4",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "default_statistics_target": "200",
        "jit": "off",
        "max_parallel_workers_per_gather": str(os.cpu_count()),
    }


def _connected(socket: Path, database: str = "postgres") -> Any:
    import psycopg  # noqa: PLC0415  only the bench's own environment has it
    from psycopg.adapt import Loader  # noqa: PLC0415

    class AsBytes(Loader):
        """A text as its bytes."""

        format = psycopg.pq.Format.BINARY

        def load(self, data: Any) -> bytes:
            return bytes(data)

    found = psycopg.connect(f"host={socket} port={_PORT} user=bench dbname={database}", autocommit=True)
    found.adapters.register_loader("text", AsBytes)
    return found


def _copy(connection: Any, file: Path) -> None:
    with file.open("rb") as lines, connection.cursor().copy("COPY activity FROM STDIN") as copy:
        while block := lines.read(_BLOCK):
            copy.write(block)


def _binaries() -> Path | None:
    """The folder of the server's commands; Debian keeps them out of PATH, a folder a version."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: float(file.parts[-3]))
    found = known[-1] if known else shutil.which("initdb")
    return Path(found).parent if found else None


def _command(name: str) -> str:
    folder = _binaries()
    assert folder is not None
    return str(folder / name)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
