"""What is measured beside the query set: fetch by id, many clients at once, scan, and ingest."""

import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from tools.bench.asking import LIST, Figures, Way, quartiles
from tools.bench.floor import Floor
from tools.bench.peers.casbah import INGEST, Casbah, connect, pid_of
from tools.bench.peers.contract import Peer
from tools.bench.process import Process, processor
from tools.bench.swarm import Ran, swarm
from tools.bench.wire import Connection

_FETCHES = 400
_CLIENTS = 8
_SECONDS, _WARM_SECONDS = 6, 2
_POSTERS = 64
_SCAN_LIMIT = 5_000
_MAX_SCANNED = 300_000


def fetches(connections: Mapping[str, Connection], ids: Sequence[str]) -> dict[str, Any]:
    """Fetch by id, in turn. Who fails once is not asked again."""
    figures = {name: Figures() for name in connections}
    for identity in itertools.islice(itertools.cycle(ids), _FETCHES):
        for name, connection in connections.items():
            if figures[name].error:
                continue
            started = time.perf_counter()
            try:
                found = connection.send("GET", f"{LIST}{identity}/")
            except OSError as error:
                figures[name].error = str(error)[:300]
                continue
            figures[name].times.append((time.perf_counter() - started) * 1_000)
            if orjson.loads(found)["_id"] != identity:
                raise RuntimeError(f"{name} answered with another activity than {identity}")
    return {name: each.summary() for name, each in figures.items()}


def clients(
    connections: Mapping[str, Connection], bodies: Sequence[dict[str, Any]], peers: Mapping[str, Peer]
) -> dict[str, Any]:
    """The whole query set in one order, by one client and by several."""
    found = {}
    for name, connection in connections.items():
        requests = [connection.request("POST", LIST, json.dumps(body).encode()) for body in bodies]
        # Whoever starts processes or connections when requests first overlap has them before anything counts.
        swarm(connection.url, requests, connections=_CLIENTS, seconds=_WARM_SECONDS, endless=True)
        found[name] = {}
        for count in (1, _CLIENTS):
            with _working(peers[name].processes()) as worked:
                ran = swarm(connection.url, requests, connections=count, seconds=_SECONDS, endless=True)
            found[name][str(count)] = _rate(ran, worked[0])
        found[name]["ratio"] = round(found[name][str(_CLIENTS)]["per_second"] / found[name]["1"]["per_second"], 2)
    return found


def scans(connection: Connection, bare: Floor) -> dict[str, Any]:
    """Everything, or a good part of it, page after page, over HTTP and from bare tantivy."""
    found: dict[str, Any] = {
        "casbah": _speed(_pages(connection)),
        "floor": _speed((1, len(each)) for each in bare.scan()),
    }
    found["ratio"] = round(found["casbah"]["records_per_second"] / found["floor"]["records_per_second"], 2)
    return found


def posts(casbah: Casbah, records: Sequence[bytes]) -> dict[str, Any]:
    """Posts of one event each, one connection and many."""
    queue = iter(records)
    found: dict[str, Any] = {}
    with casbah.empty() as store:
        connection, pid = connect(store), pid_of(store)
        for count, maximum in ((1, 500), (_POSTERS, 20_000)):
            requests = [
                connection.request("POST", INGEST, record, "application/x-ndjson")
                for record in itertools.islice(queue, maximum)
            ]
            before = processor(pid)
            ran = swarm(connection.url, requests, connections=count, seconds=_SECONDS, endless=False)
            found[str(count)] = _rate(ran, processor(pid) - before)
    found["ratio"] = round(found[str(_POSTERS)]["per_second"] / found["1"]["per_second"], 1)
    return found


def ids_of(way: Way, bodies: Sequence[dict[str, Any]]) -> list[str]:
    """Ids of activities all over the data."""
    return [identity for body in bodies for identity in way.read(way.raw(body)).ids]


def _pages(connection: Connection) -> Iterator[tuple[int, int]]:
    """Records and bytes of each page. The client reads no more of an answer than where the next one begins."""
    filters: dict[str, Any] = {}
    while True:
        answer = connection.ask(LIST, {"filters": filters, "isScan": True, "limit": _SCAN_LIMIT})
        tail = answer.rindex(b'],"hasNext"') + 2
        told = orjson.loads(b"{" + answer[tail:])
        yield answer.count(b'"timestamp":', 0, tail), tail
        if not told["hasNext"]:
            return
        filters = told["nextQueryFilters"]


def _speed(found: Iterable[tuple[int, int]]) -> dict[str, Any]:
    started = time.perf_counter()
    count = size = 0
    for records, length in found:
        count += records
        size += length
        if count >= _MAX_SCANNED:
            break
    seconds = time.perf_counter() - started
    return {
        "records": count,
        "records_per_second": round(count / seconds),
        "mb_per_second": round(size / seconds / 1e6, 1),
    }


@contextmanager
def _working(processes: Sequence[Process]) -> Iterator[list[float]]:
    """In the end it holds the seconds that processors have worked for these processes meanwhile."""
    before, worked = sum(process.processor() for process in processes), [0.0]
    yield worked
    worked[0] = sum(process.processor() for process in processes) - before


def _rate(ran: Ran, worked: float) -> dict[str, Any]:
    """`worked` are the seconds that processors have worked for the server."""
    latencies = sorted(ran.latencies)
    return {
        "per_second": round(len(latencies) / ran.seconds, 1),
        "p50_ms": round(quartiles(latencies)[1] * 1_000, 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1_000, 2),
        "errors": ran.errors,
        "server_ms": round(worked / len(latencies) * 1_000, 2),
        "client_ms": round(ran.processor / len(latencies) * 1_000, 2),
    }
