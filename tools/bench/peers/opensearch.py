"""OpenSearch: a single node from Maven Central in a folder of ours, and the engine that asks it."""

import os
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import msgspec

from casbah.activity.query import Query
from tools.bench import prepare, process
from tools.bench.data import Data
from tools.bench.peers import opensearch_layout as layout
from tools.bench.peers.behind import Behind
from tools.bench.peers.contract import FreshStore
from tools.bench.process import Process
from tools.bench.wire import Connection

VERSION = "2.19.1"
"""Of the line that runs on Java 11 and newer."""

_HEAP = "2g"
_BULK = 8 << 20
_ARTIFACT = f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip"
_SETTINGS = """\
cluster.name: casbah-bench
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
path.data: {folder}/data
path.logs: {folder}/logs
action.auto_create_index: false
indices.query.bool.max_clause_count: 100000
"""
_FRESH_SIZE = {"store.stats_refresh_interval": "0s"}
"""The size of an index as it is; otherwise as it was up to 10 s ago."""


class Source(msgspec.Struct):
    """What a document keeps."""

    record: str


class Hit(msgspec.Struct):
    """A document of a page."""

    source: Source = msgspec.field(name="_source")


class Total(msgspec.Struct):
    """How many there are."""

    value: int


class Hits(msgspec.Struct):
    """A page."""

    total: Total
    hits: list[Hit]


class Found(msgspec.Struct):
    """The answer to a search, as far as it matters."""

    hits: Hits


_FOUND = msgspec.json.Decoder(Found)
_HIT = msgspec.json.Decoder(Hit)


class OpenSearchEngine:
    """A node by its address; a connection a thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()

    def find(self, query: Query, /) -> tuple[Sequence[bytes], int]:
        """See `Engine.find`."""
        found = _FOUND.decode(self._connection().ask("/activity/_search", layout.search(query))).hits
        return [hit.source.record.encode() for hit in found.hits], found.total.value

    def fetch(self, activity_id: str, /) -> bytes | None:
        """See `Engine.fetch`."""
        return _HIT.decode(self._connection().send("GET", f"/activity/_doc/{activity_id}")).source.record.encode()

    def _connection(self) -> Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = Connection(self._url)
        found: Connection = self._local.connection
        return found


class OpenSearch:
    """See `Peer`."""

    name: ClassVar[str] = "opensearch"
    title: ClassVar[str] = "OpenSearch"
    form = staticmethod(layout.form)
    durable: ClassVar[bool] = True
    layout: ClassVar[str] = VERSION + layout.LAYOUT

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = process.other_user("nobody")
        self._server: Process | None = None
        self._handler: Behind | None = None
        self._url = ""

    @classmethod
    def lacking(cls, _work: Path, /) -> str:
        missing = [each for each in ("java", "mvn") if shutil.which(each) is None]
        return f"apt install default-jre-headless maven ({' and '.join(missing)} not found)" if missing else ""

    def version(self) -> str:
        return f"{VERSION}, heap {_HEAP}"

    def start(self) -> None:
        home = self._unpacked()
        http, transport = process.free_port(), process.free_port()
        self._url = f"http://127.0.0.1:{http}"
        settings = _SETTINGS.format(http=http, transport=transport, folder=self._folder)
        (home / "config" / "opensearch.yml").write_text(settings)
        process.give(self._folder, self._user)
        environment = {"OPENSEARCH_JAVA_OPTS": f"-Xms{_HEAP} -Xmx{_HEAP}", "OPENSEARCH_JAVA_HOME": _java_home()}
        log = self._folder / "server.log"
        command = [str(home / "bin" / "opensearch")]
        self._server = process.start(command, log=log, environment=environment, user=self._user)
        process.wait(self._server, lambda: process.answers(http), log=log)
        Connection(self._url).send("GET", "/_cluster/health?wait_for_status=yellow&timeout=60s")

    def load(self, data: Data) -> float:
        connection = Connection(self._url, timeout=7_200)
        connection.send("PUT", "/activity", _json(layout.INDEX))
        connection.send("PUT", "/activity/_settings", _json({"refresh_interval": -1, "translog.durability": "async"}))
        seconds = 0.0
        for file in prepare.prepared(data, layout.form, folder=self._folder):
            before = time.perf_counter()
            with file.open("rb") as lines:
                for block in prepare.blocks(_pairs(lines), _BULK):
                    _bulk(connection, "activity", block)
            seconds += time.perf_counter() - before
        before = time.perf_counter()
        connection.send(
            "PUT", "/activity/_settings", _json({"refresh_interval": "1s", "translog.durability": "request"})
        )
        for command in ("_forcemerge?max_num_segments=4", "_refresh", "_flush"):
            connection.send("POST", f"/activity/{command}")
        return seconds + time.perf_counter() - before

    def serve(self) -> Connection:
        self._handler = Behind("tools.bench.peers.opensearch:OpenSearchEngine", self._url, folder=self._folder)
        return self.again()

    def again(self) -> Connection:
        assert self._handler is not None
        return self._handler.connection()

    @contextmanager
    def fresh(self) -> Iterator[FreshStore]:
        connection, server = Connection(self._url), self._server
        assert server is not None
        connection.send("DELETE", "/ingest?ignore_unavailable=true")  # One that a run left which was killed.
        measured = {**layout.INDEX["settings"], **_FRESH_SIZE}
        connection.send("PUT", "/ingest", _json({**layout.INDEX, "settings": measured}))
        yield FreshStore(
            lambda file: _bulk(connection, "ingest", file.read_bytes()), server.processor, lambda: self._size("ingest")
        )
        connection.send("DELETE", "/ingest")

    def disk(self) -> int:
        return self._size("activity")

    def processes(self) -> Sequence[Process]:
        found = [self._server, self._handler.process if self._handler else None]
        return [each for each in found if each is not None]

    def stop(self) -> None:
        for each in reversed(self.processes()):
            each.end()

    def _size(self, index: str) -> int:
        connection = Connection(self._url)
        connection.send("POST", f"/{index}/_flush")
        found = msgspec.json.decode(connection.send("GET", f"/{index}/_stats/store"))
        return int(found["_all"]["total"]["store"]["size_in_bytes"])

    def _unpacked(self) -> Path:
        """The distribution, fetched once with Maven, so that whatever the user's Maven is set to applies."""
        home = self._folder / f"opensearch-{VERSION}"
        if not home.exists():
            folder = self._folder.parent
            command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}"]
            subprocess.run(command, check=True, cwd=folder)
            with zipfile.ZipFile(folder / f"opensearch-{VERSION}.zip") as archive:
                archive.extractall(self._folder)
            for script in (home / "bin").iterdir():
                script.chmod(0o755)
            for made in ("data", "logs"):
                (self._folder / made).mkdir(exist_ok=True)
        return home


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _pairs(lines: Iterator[bytes]) -> Iterator[bytes]:
    return (action + next(lines) for action in lines)


def _bulk(connection: Connection, index: str, block: bytes) -> None:
    answer = connection.send("POST", f"/{index}/_bulk?filter_path=errors,items.*.error", block, "application/x-ndjson")
    if b'"errors":true' in answer:
        raise RuntimeError(f"not all was stored: {answer[:500]!r}")


def _java_home() -> str:
    java = shutil.which("java")
    assert java is not None
    return str(Path(os.path.realpath(java)).parent.parent)
