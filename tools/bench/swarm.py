"""Many connections at once, from a process of their own: each sends its next request as soon as the last is answered.

One thread over a selector, and nothing decoded but the end of an answer, so that the client takes as little as it can of a
machine that it shares with the server.
"""

import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

_READ = 1 << 18


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of it: seconds in all, seconds of each answer, and how many were no success."""

    seconds: float
    latencies: list[float]
    errors: int
    processor: float
    """Seconds that a processor has worked for the client."""


@dataclass(slots=True)
class _Asking:
    """One connection: when it asked, and what has come so far."""

    socket: socket.socket
    asked: float = 0
    have: bytearray | None = None
    need: int = 0


def swarm(url: str, requests: Sequence[bytes], *, connections: int, seconds: float, endless: bool) -> Ran:
    """Send requests for some seconds over some connections; over again from the first if `endless`, else until they end."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_drive, url, requests, connections, seconds, endless).result()


def _drive(url: str, requests: Sequence[bytes], connections: int, seconds: float, endless: bool) -> Ran:
    parts = urlsplit(url)
    queue = _over_again(requests) if endless else iter(requests)
    latencies: list[float] = []
    errors = 0
    started, worked = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connected = socket.create_connection((parts.hostname or "", parts.port or 80))
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asking = _Asking(connected)
            selector.register(connected, selectors.EVENT_READ, asking)
            _ask(asking, queue)
        waiting = connections
        while waiting:
            for key, _ in selector.select():
                asking = key.data
                status = _read(asking)
                if status is None:
                    continue
                now = time.perf_counter()
                latencies.append(now - asking.asked)
                errors += status != b"2"
                if now - started > seconds or not _ask(asking, queue):
                    selector.unregister(asking.socket)
                    asking.socket.close()
                    waiting -= 1
    return Ran(time.perf_counter() - started, latencies, errors, time.process_time() - worked)


def _over_again(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _ask(asking: _Asking, queue: Iterable[bytes] | Any) -> bool:
    request = next(queue, None)
    if request is None:
        return False
    asking.have, asking.need, asking.asked = bytearray(), 0, time.perf_counter()
    asking.socket.sendall(request)
    return True


def _read(asking: _Asking) -> bytes | None:
    """The first digit of the status once the answer is whole."""
    have = asking.have
    assert have is not None
    found = asking.socket.recv(_READ)
    if not found:
        raise OSError("the server closed a connection")
    have += found
    if not asking.need:
        end = have.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(have[:end]).lower()
        at = head.index(b"content-length:") + 15
        asking.need = end + 4 + int(head[at:].split(b"\r\n", 1)[0])
    return bytes(have[9:10]) if len(have) >= asking.need else None
