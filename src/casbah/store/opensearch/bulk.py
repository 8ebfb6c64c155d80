"""Bulk writes, each with its own result."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from casbah.errors import ClusterUnreachableError
from casbah.store.opensearch.cluster import Cluster, within
from casbah.store.opensearch.lease import LEASE, Lease

_MAX_BYTES = 8 << 20
_LATER = (429, 500, 502, 503, 504)
_CONFLICT, _MISSING, _DONE = 409, 404, 300
_PAUSE = 0.2
_PATIENCE = 2 * LEASE
"""Seconds to keep retrying writes that the cluster rejects; a full disk, for one, stays full."""

_RESULT_FIELDS = "items.*.status,items.*.error.type,items.*.error.reason"


@dataclass(frozen=True, slots=True)
class Write:
    """One write. `action` is `create`, `index` or `delete` (without a body)."""

    action: str
    index: str
    key: str
    body: bytes | None = None

    @property
    def lines(self) -> bytes:
        head = orjson.dumps({self.action: {"_index": self.index, "_id": self.key}}) + b"\n"
        return head if self.body is None else head + self.body + b"\n"


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The writes that failed, by position: conflicts (the document exists or, for a delete, does not), and those that the
    cluster refused, with its reason. All others succeeded.
    """

    conflicts: Sequence[int]
    refused: Sequence[tuple[int, str]]


def write(cluster: Cluster, writes: Sequence[Write], lease: Lease) -> BulkResult:
    """Execute the writes, retrying rejected ones for a while. Raises ClusterUnreachableError."""
    give_up = time.monotonic() + _PATIENCE
    conflicts: list[int] = []
    refused: list[tuple[int, str]] = []
    waiting = list(range(len(writes)))
    while waiting:
        again: list[int] = []
        for part in _parts(writes, waiting):
            lease.renew()
            items = _sent(cluster, [writes[position] for position in part], lease)
            for position, item in zip(part, items, strict=True):
                status = item["status"]
                if status in _LATER:
                    again.append(position)
                elif status in (_CONFLICT, _MISSING):
                    conflicts.append(position)
                elif status >= _DONE:
                    refused.append((position, _reason(item)))
        waiting = again
        if waiting:
            if time.monotonic() > give_up:
                raise ClusterUnreachableError("it accepts no writes now")
            time.sleep(min(_PAUSE, lease.seconds))
    return BulkResult(conflicts, refused)


def _sent(cluster: Cluster, writes: Sequence[Write], lease: Lease) -> Sequence[Any]:
    body = b"".join(write.lines for write in writes)
    seconds = lease.seconds
    asking = {"filter_path": _RESULT_FIELDS, **within(seconds)}
    answer = cluster.ask("POST", "_bulk", body, asking=asking, seconds=seconds)
    items = [next(iter(item.values())) for item in answer["items"]]
    if len(items) != len(writes):
        raise ClusterUnreachableError("its answer does not match the request")
    return items


def _parts(writes: Sequence[Write], waiting: Sequence[int]) -> Iterator[list[int]]:
    """Positions of writes, split into requests of limited size."""
    part: list[int] = []
    size = 0
    for position in waiting:
        body = writes[position].body
        more = len(body) if body else 0
        if part and size + more > _MAX_BYTES:
            yield part
            part, size = [], 0
        part.append(position)
        size += more
    if part:
        yield part


def _reason(item: Any) -> str:
    error = item.get("error", {})
    return f"the cluster refuses it: {error.get('type')}: {str(error.get('reason'))[:200]}"
