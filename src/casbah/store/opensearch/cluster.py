"""Requests to the cluster, the names of its indices, and the translation of its errors.

Requests are retried, as reads are safe to repeat and writes carry a version or number that identifies one already done. Retries
happen here and not in the client library, so that they stay within the time allowed: no request may reach the cluster after
the lease under which it was sent (`lease`).
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import orjson
from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionTimeout, ImproperlyConfigured, SerializationError, TransportError
from opensearchpy.serializer import Serializer

from casbah.activity.deadline import Deadline
from casbah.activity.tenant import TenantId
from casbah.errors import (
    BadSettingError,
    ClusterUnreachableError,
    LimitExceededError,
    SearchTooLongError,
    StoreClosedError,
)
from casbah.setting_parsers import ClusterAddress

MAX_HITS = 10_000
"""A search can page up to here (`index.max_result_window`)."""

_SECONDS = 30.0
_NO_MORE: Mapping[str, Any] = {}
_POOL = 32
_TRIES = 4
_KEPT_ALIVE = "1m"
_PAUSE = 0.05
_LATER = (502, 503, 504)
_MISSING = {"ignore_unavailable": "true", "allow_no_indices": "true"}
_WHOLE = {**_MISSING, "allow_partial_search_results": "false"}
_TOO_MANY_CLAUSES = ("too_many_clauses", "too_many_nested_clauses")

_log = logging.getLogger("casbah.store")
logging.getLogger("opensearch").setLevel(logging.CRITICAL)  # It logs requests, records included.


class ClusterRefusedError(ClusterUnreachableError):
    """The cluster refused a request and did nothing, for lack of a permission, say, or because of a setting."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(f"{status} {kind}: {reason}")
        self.kind = kind


class Names:
    """The names of all indices. No tenant name contains `~`, so names cannot collide."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.template = f"{prefix}~activities"
        self.pattern = f"{prefix}~*~*"
        self.tenants = f"{prefix}~_tenants"
        self.feedback = f"{prefix}~_feedback"

    def key_values(self, kind: str) -> str:
        """The index of a key-value collection."""
        return f"{self._prefix}~_{kind}"

    def all_of(self, tenant_id: TenantId) -> str:
        """The alias of a tenant's activities."""
        return f"{self._prefix}~{tenant_id.name}"

    def partition(self, tenant_id: TenantId, number: int) -> str:
        """The index of one partition of a tenant's activities."""
        return f"{self._prefix}~{tenant_id.name}~{number:04d}"


class Cluster:
    """A client for the cluster. Thread-safe."""

    def __init__(self, address: ClusterAddress, *, password: str = "", ca: str | None = None) -> None:
        self.names = Names(address.prefix)
        self.closed = False
        try:
            self._client = OpenSearch(
                hosts=list(address.hosts),
                http_auth=(address.user, password) if address.user else None,
                verify_certs=True,
                ca_certs=ca,
                serializer=_Json(),
                pool_maxsize=_POOL,
                max_retries=0,
                retry_on_timeout=True,  # So that a node that does not answer is avoided for a while.
                timeout=_SECONDS,
            )
        except (ImproperlyConfigured, OSError) as error:
            raise BadSettingError("CASBAH_CLUSTER", address.shown, str(error)) from None

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        asking: Mapping[str, Any] = _NO_MORE,
        seconds: float = _SECONDS,
        absent: tuple[int, ...] = (),
    ) -> Any:
        """The parsed answer to a request; None if its status is in `absent`. `asking` holds query parameters. Retries count
        towards `seconds`.

        Raises ClusterRefusedError, or ClusterUnreachableError if a later retry may help.
        """
        parts = "/".join(quote(part, safe="~,_*-.") for part in path.split("/"))
        end = time.monotonic() + seconds
        for last in (*(False,) * (_TRIES - 1), True):
            if self.closed:
                raise StoreClosedError
            left = max(end - time.monotonic(), _PAUSE)
            try:
                return self._client.transport.perform_request(
                    method, f"/{parts}", params={**asking, "request_timeout": left}, body=body
                )
            except ConnectionTimeout:
                raise ClusterUnreachableError("no answer in time") from None
            except SerializationError:
                raise ClusterUnreachableError("its answer cannot be parsed") from None
            except TransportError as error:
                if error.status_code in absent:
                    return None
                if last or not _is_transient(error) or time.monotonic() + _PAUSE >= end:
                    raise _translated(error) from None
            time.sleep(_PAUSE)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def view(self, tenant_id: TenantId) -> Iterator[str | None]:
        """The id of a point in time, which shows searches a tenant's activities as they are now; None if it has no index."""
        path = f"{self.names.all_of(tenant_id)}/_search/point_in_time"
        opened = self.ask("POST", path, asking={"keep_alive": _KEPT_ALIVE}, absent=(404,))
        view = None if opened is None else opened["pit_id"]
        try:
            yield view
        finally:
            if view is not None:
                self.ask("DELETE", "_search/point_in_time", {"pit_id": [view]}, absent=(404,))

    def search_view(self, view: str, body: Mapping[str, Any], deadline: Deadline) -> Any:
        """The answer to a search in a `view`; otherwise as `search`."""
        pit = {"id": view, "keep_alive": _KEPT_ALIVE}
        return self._search("_search", {**body, "pit": pit}, {"allow_partial_search_results": "false"}, deadline)

    def search(self, tenant_id: TenantId, body: Mapping[str, Any], deadline: Deadline) -> Any:
        """The answer to a search over a tenant's activities, never partial. Raises SearchTooLongError."""
        return self._search(f"{self.names.all_of(tenant_id)}/_search", body, _WHOLE, deadline)

    def _search(self, path: str, body: Mapping[str, Any], asking: Mapping[str, str], deadline: Deadline) -> Any:
        deadline.check()
        left = _SECONDS if deadline.seconds is None else deadline.end - time.monotonic()
        timed = {**body, "timeout": f"{int(left * 1000) + 1}ms"}
        try:
            answer = self.ask("POST", path, timed, asking=asking, seconds=left + 1)
        except ClusterRefusedError as refused:
            if refused.kind in _TOO_MANY_CLAUSES:
                raise LimitExceededError(
                    "filters: more parts than the cluster takes in one question; ask less at once, or have "
                    "indices.query.bool.max_clause_count raised there"
                ) from None
            raise
        except ClusterUnreachableError:
            deadline.check()
            raise
        if answer["timed_out"]:
            raise (
                ClusterUnreachableError("it took too long")
                if deadline.seconds is None
                else SearchTooLongError(deadline.seconds)
            )
        return answer

    def refresh(self, *indices: str) -> None:
        """Make what is stored visible to searches, on every shard copy."""
        if indices:
            done = self.ask("POST", f"{','.join(sorted(set(indices)))}/_refresh", asking=_MISSING)
            if done["_shards"]["failed"]:
                raise ClusterUnreachableError(f"{done['_shards']['failed']} shards are not there")

    def close(self) -> None:
        """Calls after this raise StoreClosedError."""
        self.closed = True
        self._client.close()


def within(seconds: float) -> Mapping[str, str]:
    """For the query string of a write: how long the cluster may wait for a missing shard copy.

    It waits this long and then tries once more; both must end well before the lease does.
    """
    return {"timeout": f"{max(1, int(seconds * 1_000 / 3))}ms"}


def managed(seconds: float) -> Mapping[str, str]:
    """The same for work of the cluster manager, such as creating and deleting indices."""
    return {**within(seconds), "master_timeout": within(seconds)["timeout"]}


class _Json(Serializer):
    """orjson, with errors that do not quote the data."""

    mimetype = "application/json"

    def loads(self, s: str) -> Any:
        try:
            return orjson.loads(s)
        except orjson.JSONDecodeError as error:
            raise SerializationError(s, error) from None

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, bytes) else orjson.dumps(data)


def _is_transient(error: TransportError) -> bool:
    """Whether another node, or the same one a moment later, may succeed."""
    return not isinstance(error.status_code, int) or error.status_code in _LATER


def _translated(error: TransportError) -> Exception:
    """The error as one of ours: refused, or unreachable."""
    status = error.status_code
    if not isinstance(status, int):
        _log.warning("the cluster cannot be reached: %s", str(error.info or error.error)[:500])
        return ClusterUnreachableError("it cannot be reached")
    kind, reason = _why(error.info)
    _log.warning("the cluster answers %d: %s: %s", status, kind, reason)
    if status in (400, 401, 403, 404, 405, 409, 413):
        return ClusterRefusedError(status, kind, reason)
    return ClusterUnreachableError(f"it answers {status}")


def _why(info: Any) -> tuple[str, str]:
    """Kind and reason of an error, preferably of its root cause."""
    error = info.get("error") if isinstance(info, dict) else None
    if not isinstance(error, dict):
        return str(error or ""), ""
    first = error["root_cause"][0] if error.get("root_cause") else error
    return str(first.get("type", "")), str(first.get("reason", ""))[:500]
