"""What the processes of one server say to each other: HTTP over a Unix socket that only their user can open.

A worker sends each request that needs the owner of the store on to the writer process, with the peer's address and the scheme
in headers that no client can set: a worker removes them from what it receives.

A worker's own calls (prepared activities, the state of a tenant's partitions) are pickled. The writer reads them only with a
secret that the supervisor gave both: a pickle can run code, and a client's request must never pass for such a call.
"""

import asyncio
import logging
import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hmac import compare_digest
from typing import Any

import httpcore
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.base.failure import bug
from casbah.errors import CasbahError, UnavailableError
from casbah.store.contract import Inserted, Inserter, PreparedByStore, Store

_log = logging.getLogger("casbah.serving")

PREFIX = b"casbah-internal-"
"""The prefix of all headers that one process sets for another."""

CALL, PROXY = PREFIX + b"call", PREFIX + b"proxy"
"""Hold the secret, on a worker's own calls and on the requests that it sends on."""

PEER, SCHEME, HOSTLESS = PREFIX + b"peer", PREFIX + b"scheme", PREFIX + b"hostless"
INSERT, STATE, COUNTS = "/internal/insert", "/internal/state", "/internal/counts"
_MAX_TOGETHER = 1_000
_INSERTS = 2
"""Inserts of one worker that are under way at a time. What comes meanwhile goes with the next."""

_LOOKS = 4
"""Other calls of one worker that the writer answers at a time."""

_SECONDS_FOR_STATE = 5.0
_OK = 200

FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)
"""What keeps the writer from answering."""

Batch = tuple[str, Sequence[Any]]
"""A tenant, and what was prepared for it."""

Outcome = tuple[Inserted | None, BaseException | None]
"""What became of a batch: the result, or an error."""


class WriterGoneError(UnavailableError):
    """The writer process has ended, and is being started again."""

    text = "the process that stores activities is starting again; try again"


def writer_url(target: bytes) -> httpcore.URL:
    """The URL of a request to the writer: `target` as it stands, which a parsed URL would not be."""
    return httpcore.URL(scheme=b"http", host=b"writer", port=None, target=target)


class WriterClient:
    """The writer, as a worker's store sees it: an `Owner` of the replica. Any thread may call it."""

    def __init__(self, socket: str, secret: str) -> None:
        self._secret = secret.encode("ascii")
        self._pool = httpcore.ConnectionPool(uds=socket, max_connections=_INSERTS + 32, keepalive_expiry=10)
        self._threads = ThreadPoolExecutor(_INSERTS, thread_name_prefix="casbah-insert")
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Batch, Future[Inserted]]] = deque()

    def state(self, tenant: str, /) -> Any:
        """The state of a tenant's partitions. Raises WriterGoneError, or the writer's error."""
        answer, error = self._ask(STATE, tenant, seconds=_SECONDS_FOR_STATE)
        if error is not None:
            raise error
        return answer

    def tenant(self, tenant_id: TenantId, /) -> "_WriterTenant":
        """A tenant's activities, to insert into."""
        return _WriterTenant(self, tenant_id.name)

    def insert_soon(self, batch: Batch) -> Future[Inserted]:
        """Have the writer store a batch. The future has the result once it is durable."""
        stored: Future[Inserted] = Future()
        stored.set_running_or_notify_cancel()  # It is sent soon, so it cannot be canceled.
        with self._lock:
            self._waiting.append((batch, stored))
        self._threads.submit(self._send)
        return stored

    def tell(self, process: int, counts: Sequence[Any]) -> None:
        """Tell the writer what this process has counted. Raises WriterGoneError."""
        self._ask(COUNTS, (process, counts), seconds=_SECONDS_FOR_STATE)

    def close(self) -> None:
        """Send what waits, and close the connections."""
        self._threads.shutdown()
        self._pool.close()

    def _send(self) -> None:
        waiting = self._next()
        if not waiting:
            return
        try:
            outcomes: Sequence[Outcome] = self._ask(INSERT, [batch for batch, _ in waiting])
        except BaseException as failure:  # noqa: BLE001  raised where the result is awaited
            outcomes = [(None, failure)] * len(waiting)
        for (_, stored), (inserted, error) in zip(waiting, outcomes, strict=True):
            if inserted is None:
                stored.set_exception(error or RuntimeError("a batch without an outcome"))
            else:
                stored.set_result(inserted)

    def _next(self) -> Sequence[tuple[Batch, Future[Inserted]]]:
        """The batches to send next: all that wait, up to about `_MAX_TOGETHER` activities."""
        batches: list[tuple[Batch, Future[Inserted]]] = []
        count = 0
        with self._lock:
            while self._waiting and count < _MAX_TOGETHER:
                batches.append(self._waiting.popleft())
                (_, entries), _ = batches[-1]
                count += len(entries)
        return batches

    def _ask(self, path: str, question: Any, *, seconds: float | None = None) -> Any:
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        url = writer_url(path.encode())
        headers = [(b"host", b"writer"), (CALL, self._secret)]
        try:
            answer = self._pool.request(
                b"POST", url, headers=headers, content=pickle.dumps(question), extensions={"timeout": timeouts}
            )
        except FAILURES as error:
            raise WriterGoneError from error
        if answer.status != _OK:
            raise WriterGoneError
        return pickle.loads(answer.content)  # noqa: S301  from a process of ours


class _WriterTenant(Inserter):
    """One tenant's activities in the writer. What is urgent does not come from workers."""

    def __init__(self, writer: WriterClient, name: str) -> None:
        self._writer = writer
        self._name = name

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | PreparedByStore],
        /,
        *,
        urgent: bool = False,  # noqa: ARG002  see above
    ) -> Future[Inserted]:
        return self._writer.insert_soon((self._name, list(new_activities)))


def internal(
    app: ASGIApp,
    store: Store,
    *,
    state: Callable[[str], Any] | None,
    counts: dict[int, Sequence[Any]],
    secret: str,
    workers: int,
) -> ASGIApp:
    """The writer's application as its Unix socket serves it: with the clients' addresses as workers have seen them.

    `counts` are what workers have counted, by process.
    """

    def count(question: tuple[int, Sequence[Any]]) -> None:
        counts[question[0]] = question[1]

    known = secret.encode("ascii")
    # Threads of their own: one call that waits, for a commit or for a tenant to open, must not keep another kind waiting.
    inserts = ThreadPoolExecutor(_INSERTS * workers, thread_name_prefix="casbah-insert")
    looks = ThreadPoolExecutor(_LOOKS * workers, thread_name_prefix="casbah-look")
    calls: dict[str, tuple[ThreadPoolExecutor, Callable[[Any], Any]]] = {
        INSERT: (inserts, lambda batches: _inserted(batches, store)),
        COUNTS: (looks, count),
    }
    if state is not None:
        calls[STATE] = (looks, partial(_outcome, state))

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        ours = {name: value for name, value in scope.get("headers", ()) if name.startswith(PREFIX)}
        call = calls.get(scope.get("path", "")) if compare_digest(ours.get(CALL, b""), known) else None
        if call is not None:
            pool, function = call
            body = await Request(scope, receive).body()
            answer = await asyncio.get_running_loop().run_in_executor(pool, _answered, function, body)
            await Response(answer)(scope, receive, send)
            return
        if scope["type"] == "http":
            dropped = (PREFIX, b"host") if HOSTLESS in ours else (PREFIX,)
            scope["headers"] = [header for header in scope["headers"] if not header[0].startswith(dropped)]
            if compare_digest(ours.get(PROXY, b""), known):
                address, _, port = ours[PEER].decode("ascii").rpartition(" ")
                scope["scheme"], scope["client"] = ours[SCHEME].decode("ascii"), (address, int(port))
        await app(scope, receive, send)

    return outer


def _answered(call: Callable[[Any], Any], body: bytes) -> bytes:
    return pickle.dumps(call(pickle.loads(body)))  # noqa: S301  from a process of ours


def _inserted(batches: Sequence[Batch], store: Store) -> Sequence[Outcome]:
    """The outcomes of batches, once all of them are durable or refused."""
    under_way: list[Future[Inserted] | BaseException] = []
    for name, entries in batches:
        try:
            under_way.append(store.tenant(TenantId(name)).insert_soon(entries))
        except Exception as error:  # noqa: BLE001  raised in the worker that sent the batch; other batches continue
            under_way.append(error)
    return [_stored(one) for one in under_way]


def _stored(one: "Future[Inserted] | BaseException") -> Outcome:
    error = one if isinstance(one, BaseException) else one.exception()
    if error is None and isinstance(one, Future):
        return one.result(), None
    return None, _portable(error)


def _outcome(call: Callable[[Any], Any], question: Any) -> tuple[Any, BaseException | None]:
    try:
        return call(question), None
    except Exception as error:  # noqa: BLE001  raised in the worker that asked
        return None, _portable(error)


def _portable(error: BaseException | None) -> BaseException:
    """An error as another process can read it. A bug is logged here: the other process gets it without its traceback."""
    if error is not None and bug(error):
        _log.error("the writer failed", exc_info=error)
    if isinstance(error, CasbahError | OSError):
        with suppress(Exception):  # Whatever keeps it from being sent, what it says can be.
            same: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
            return same
    return RuntimeError(f"{type(error).__name__}: {error}")
