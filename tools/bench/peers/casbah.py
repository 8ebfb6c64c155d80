"""Casbah itself: a real `casbah serve`, loaded over HTTP like by anybody else."""

import json
import secrets
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

from rich.console import Console
from rich.progress import track

import casbah
from casbah.store.embedded import reserve, schema
from casbah.store.embedded.schema import fingerprint
from casbah.store.format import FORMAT
from tools.bench import process
from tools.bench.data import Data
from tools.bench.peers.contract import FreshStore
from tools.bench.process import Process
from tools.bench.wire import Connection

BATCH = 5_000
LOADERS = 4
"""Connections that load."""

INGEST = "/api/ext/v1/activities?source=mdca"


class Casbah:
    """See `Peer`."""

    name: ClassVar[str] = "casbah"
    title: ClassVar[str] = "Casbah"
    durable: ClassVar[bool] = True
    layout: ClassVar[str] = json.dumps([FORMAT, fingerprint()]) + Path(schema.__file__).read_text(encoding="utf-8")

    @staticmethod
    def form(record: bytes, _seq: int) -> bytes:
        return record + b"\n"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.store = folder / "store"
        self._process: Process | None = None

    @classmethod
    def lacking(cls, _work: Path, /) -> str:
        return ""

    def version(self) -> str:
        return casbah.__version__

    def start(self) -> None:
        self._process = self._serving(self.store)

    def load(self, data: Data) -> float:
        return self.store_all(data.records(), data.count)

    def store_all(
        self,
        records: Iterator[bytes],
        count: int,
        *,
        batch: int = BATCH,
        connections: int = LOADERS,
        again: bool = False,
    ) -> float:
        """Store records over several connections; reading them goes on meanwhile. Some may be there if `again`. Returns seconds."""
        send = _sending(self.again, connections)
        started = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            jobs: deque[Future[float]] = deque(maxlen=2 * connections)
            bodies = track(_bodies(records, batch), "loading", -(-count // batch), console=Console(stderr=True))
            for body in bodies:
                if len(jobs) == jobs.maxlen:
                    jobs.popleft().result()
                jobs.append(pool.submit(send, body, again=again))
            for job in jobs:
                job.result()
        return time.perf_counter() - started

    def serve(self) -> Connection:
        return self.again()

    def again(self) -> Connection:
        return connect(self.store)

    @contextmanager
    def fresh(self) -> Iterator[FreshStore]:
        with self.empty() as store:
            send, pid = _sending(lambda: connect(store)), pid_of(store)
            yield FreshStore(lambda file: send(file.read_bytes()), lambda: process.processor(pid), lambda: size(store))

    def disk(self) -> int:
        return process.size(self.store)

    def processes(self) -> Sequence[Process]:
        return [self._process] if self._process else []

    def stop(self) -> None:
        for each in self.processes():
            each.end()
        self._process = None

    @contextmanager
    def empty(self, **environment: str) -> Iterator[Path]:
        """A server on an empty store beside the loaded one; gone at the end."""
        with tempfile.TemporaryDirectory(dir=self._folder) as store:
            running = self._serving(Path(store), **environment)
            try:
                yield Path(store)
            finally:
                running.end()

    def _serving(self, store: Path, **more: str) -> Process:
        log = self._folder / "serve.log"
        told = store / "server.json"
        told.unlink(missing_ok=True)
        environment = {"CASBAH_STORE": str(store), "CASBAH_PORT": "0", "CASBAH_AUDIT": "off", **more}
        running = process.python("casbah", "serve", log=log, environment=environment)
        process.wait(running, told.exists, log=log)
        return running


def _sending(connected: Callable[[], Connection], connections: int = LOADERS) -> Callable[..., float]:
    """`posted` over a connection that no other thread uses; at most `connections` threads may."""
    idle: SimpleQueue[Connection] = SimpleQueue()
    for _ in range(connections):
        idle.put(connected())

    def send(body: bytes, *, again: bool = False) -> float:
        connection = idle.get()
        try:
            return posted(connection, body, again=again)
        finally:
            idle.put(connection)

    return send


def connect(store: Path) -> Connection:
    """A connection to the server of a store, with a token as everybody has one."""
    url, headers = reached(store)
    return Connection(url, headers)


def reached(store: Path) -> tuple[str, dict[str, str]]:
    """The URL of the server of a store, and the headers of the bench's token."""
    told = json.loads((store / "server.json").read_text(encoding="utf-8"))
    return told["url"], _bearing(_token(told["url"], told["key"]))


@cache
def _token(url: str, owner: str) -> str:
    """A new token of a server, whose owner's key this is."""
    name = f"bench {secrets.token_hex(4)}"  # Names are unique, and a store that is kept has the tokens of earlier runs.
    made = Connection(url, _bearing(owner)).ask("/api/ext/v1/tokens", {"name": name, "tenant": "default"})
    return str(json.loads(made)["token"])


def _bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Token {key}"}


def size(store: Path) -> int:
    """Bytes of a store without its reserve for a full disk, which grows with the number of partitions and not of activities."""
    return process.size(store) - process.size(store, name=reserve.FILE)


def pid_of(store: Path) -> int:
    """The process that serves a store."""
    return int(json.loads((store / "server.json").read_text(encoding="utf-8"))["pid"])


def _bodies(records: Iterator[bytes], batch: int) -> Iterator[bytes]:
    while lines := list(islice(records, batch)):
        yield b"\n".join(lines)


def posted(connection: Connection, body: bytes, *, path: str = INGEST, again: bool = False) -> float:
    """Store the lines of a body; the seconds that it took. Raises RuntimeError if not all of them were new, unless some are
    sent `again`.
    """
    started = time.perf_counter()
    answer = connection.send("POST", path, body, "application/x-ndjson")
    seconds = time.perf_counter() - started
    told = json.loads(answer)
    if (told["duplicates"] and not again) or told["refused"]:
        raise RuntimeError(f"not all was stored: {answer[:500]!r}")
    return seconds
