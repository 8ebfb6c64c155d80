"""Many writes at once, each told of its own end."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from casbah.errors import ClusterUnreachableError
from casbah.store.opensearch.cluster import Cluster, within
from casbah.store.opensearch.lease import LEASE, Lease

_MOST_BYTES = 8 << 20
_LATER = (429, 500, 502, 503, 504)
_CONFLICT, _MISSING, _DONE = 409, 404, 300
_PAUSE = 0.2
_PATIENCE = 2 * LEASE
"""Seconds for which what the cluster does not take is sent again: a disk that is full stays so."""

_ENDS = "items.*.status,items.*.error.type,items.*.error.reason"


@dataclass(frozen=True, slots=True)
class Write:
    """One write. `action` is `create`, `index` or `delete`; the last has no body."""

    action: str
    index: str
    key: str
    body: bytes | None = None

    @property
    def lines(self) -> bytes:
        head = orjson.dumps({self.action: {"_index": self.index, "_id": self.key}}) + b"\n"
        return head if self.body is None else head + self.body + b"\n"


@dataclass(frozen=True, slots=True)
class Ends:
    """What became of writes, by position: those that found the document there (or, deleting, not there), and those that the
    cluster refuses, with its reason. All others are done.
    """

    conflicts: Sequence[int]
    refused: Sequence[tuple[int, str]]


def write(cluster: Cluster, writes: Sequence[Write], lease: Lease) -> Ends:
    """Have everything written; what the cluster cannot do now is sent again for a while. Raises ClusterUnreachableError."""
    end = time.monotonic() + _PATIENCE
    conflicts: list[int] = []
    refused: list[tuple[int, str]] = []
    waiting = list(range(len(writes)))
    while waiting:
        again: list[int] = []
        for part in _parts(writes, waiting):
            lease.renew()
            for position, end in zip(part, _sent(cluster, [writes[each] for each in part], lease), strict=True):
                status = end["status"]
                if status in _LATER:
                    again.append(position)
                elif status in (_CONFLICT, _MISSING):
                    conflicts.append(position)
                elif status >= _DONE:
                    refused.append((position, _reason(end)))
        waiting = again
        if waiting:
            if time.monotonic() > end:
                raise ClusterUnreachableError("it takes nothing now")
            time.sleep(min(_PAUSE, lease.seconds))
    return Ends(conflicts, refused)


def _sent(cluster: Cluster, writes: Sequence[Write], lease: Lease) -> Sequence[Any]:
    body = b"".join(each.lines for each in writes)
    seconds = lease.seconds
    asking = {"filter_path": _ENDS, **within(seconds)}
    told = cluster.ask("POST", "_bulk", body, asking=asking, seconds=seconds)
    ends = [next(iter(item.values())) for item in told["items"]]
    if len(ends) != len(writes):
        raise ClusterUnreachableError("it answered something else than was asked")
    return ends


def _parts(writes: Sequence[Write], waiting: Sequence[int]) -> Iterator[list[int]]:
    """Positions whose writes together are not too large for one request."""
    part: list[int] = []
    size = 0
    for position in waiting:
        body = writes[position].body
        more = len(body) if body else 0
        if part and size + more > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(position)
        size += more
    if part:
        yield part


def _reason(end: Any) -> str:
    error = end.get("error", {})
    return f"the cluster does not take it: {error.get('type')}: {str(error.get('reason'))[:200]}"
