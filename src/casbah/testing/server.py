"""A server for tests of clients: in this process, on a free port, in a temporary folder.

with casbah_server(mimic="mdca") as server:
    server.fill(1_200)
    requests.post(server.url + "/api/v1/activities/", headers=server.headers, json={...})
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casbah import compose, settings
from casbah.errors import clip, nearest
from casbah.identity.permissions import DEFAULT_TENANT, TENANT_HEADER
from casbah.serving.server import address, listening, server_of
from casbah.testing.records import records

_INGEST = "/api/ext/v1/activities"
_MIMIC = "/api/ext/v1/mimic"
_SECONDS = 120.0
_SECONDS_TO_FINISH = 1
"""For requests still running when their test is over."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that the server answered. `path` is percent-encoded."""

    method: str
    path: str
    query: str
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class MisuseError(AssertionError):
    """A test used the server wrongly, or the server refused its request."""


@dataclass
class Server:
    """A running server. `url` has no trailing slash; `token` has all permissions in the tenant `default`."""

    url: str
    token: str
    owner: str
    """The owner's key: it is not throttled, and can create tokens for any tenant."""
    requests: list[Seen] = field(default_factory=list)
    """Client requests so far, in the order of the answers, without those of this object."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that authenticate a client."""
        return {"Authorization": f"Token {self.token}"}

    def add(self, activities: Iterable[Mapping[str, Any]], *, tenant: str = DEFAULT_TENANT) -> list[str]:
        """Store activities. Returns the ids that they have.

        They are records in MDCA's form, with at least `timestamp`, and `_id` or `appId`; missing `_id` and `created` are added.
        """
        listed = list(activities)
        answer = self._ask("POST", _INGEST, tenant, content=_lines(listed), params={"source": "mdca"}).json()
        if answer["refused"]:
            raise MisuseError(
                f"{len(answer['refused'])} activities were refused; an activity needs `timestamp`, and `_id` or `appId`: "
                f"{answer['refused'][:3]}"
            )
        return [activity["_id"] for activity in listed if "_id" in activity]

    def fill(self, count: int, *, ties: int = 1, until: int | None = None, step: int = 1_000) -> list[dict[str, Any]]:
        """Store `count` sample activities, the newest at `until` (ms; None: now). Returns them, oldest first.

        They are `step` ms apart; groups of `ties` consecutive ones share one ms.
        """
        if count < 0 or ties < 1:
            raise MisuseError(f"fill: expected 0 or more activities and 1 or more ties, got {count} and {ties}")
        activities = records(count, ties=ties, until=until, step=step)
        self.add(activities)
        return activities

    def late(self, activities: Iterable[Mapping[str, Any]], *, after: int = 1, tenant: str = DEFAULT_TENANT) -> None:
        """Store activities after `after` more requests, just before the following one is answered. Needs mimic."""
        params = {"source": "mdca", "after": str(after)}
        self._ask("POST", f"{_MIMIC}/arrivals", tenant, content=_lines(activities), params=params)

    def next(self, *answers: int | Mapping[str, Any], tenant: str = DEFAULT_TENANT) -> None:
        """Make the next requests fail or wait, one per answer. Needs mimic.

        An answer is a status or `{"status", "slow" (ms), "retryAfter" (s)}`.
        """
        wanted = [{"status": answer} if isinstance(answer, int) else answer for answer in answers]
        self._ask("POST", f"{_MIMIC}/answers", tenant, json={"answers": wanted})

    def create_token(
        self, name: str, *, tenant: str = DEFAULT_TENANT, scopes: Sequence[str] | None = None, **more: Any
    ) -> str:
        """Create a token. Returns its key."""
        wanted = {"name": name, "tenant": tenant, "scopes": scopes, **more}
        return str(self._ask("POST", "/api/ext/v1/tokens", tenant, json=wanted).json()["token"])

    def _ask(self, method: str, path: str, tenant: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Token {self.owner}", TENANT_HEADER: tenant}
        # There is no TLS, so do not load certificates, which takes longer than the request.
        options |= {"headers": headers, "timeout": _SECONDS, "trust_env": False, "verify": False}
        answer = httpx.request(method, self.url + path, **options)
        if (
            answer.is_error and answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY
        ):  # 422: all events were refused; the body says why.
            raise MisuseError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer


@contextmanager
def casbah_server(folder: Path | None = None, **options: str) -> Iterator[Server]:
    """A running server and its store, in `folder` or in a temporary folder.

    `options` are settings by name (`docs/settings.md`), as text: `mimic="mdca"`, `throttle="off"`, `mimic_late="2s"`.
    """
    for name in options:
        if name not in settings.SETTINGS:
            raise MisuseError(f"no setting is called {clip(name)}{nearest(name, tuple(settings.SETTINGS))}")
    if folder is None:
        with TemporaryDirectory(prefix="casbah-") as temporary, casbah_server(Path(temporary), **options) as server:
            yield server
        return
    # Another process would run the caller's script again, up to here, if it has no `if __name__ == "__main__"`.
    alone = {"port": "0", "audit": "off", "ingest_processes": "0"}
    chosen = settings.read({}, **{"store": str(folder), **alone, **options})
    with compose.build(chosen) as application, listening(chosen) as listener:
        seen: list[Seen] = []
        owner = f"token {application.local_key}".encode()
        running = server_of(_watched(application.app, seen, owner=owner))
        thread = Thread(target=running.run, kwargs={"sockets": [listener]}, name="casbah", daemon=True)
        thread.start()
        try:
            token, _ = application.services.tokens.create(f"test {secrets.token_hex(3)}", tenant=DEFAULT_TENANT)
            yield Server(address(listener), token, application.local_key, seen)
        finally:
            running.config.timeout_graceful_shutdown = _SECONDS_TO_FINISH
            running.should_exit = True
            thread.join()


def _watched(app: ASGIApp, seen: list[Seen], *, owner: bytes) -> ASGIApp:
    """The application, recording every request except the owner's."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (b"authorization", owner) in [(n, v.lower()) for n, v in scope["headers"]]:
            await app(scope, receive, send)
            return
        body: list[bytes] = []
        # A client that waits for `100 Continue` sends no body.
        ended = any(name == b"expect" for name, _ in scope["headers"])

        async def received() -> Message:
            nonlocal ended
            message = await receive()
            body.append(message.get("body", b""))
            ended = not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                while (
                    not ended
                ):  # Requests refused by their head, or made to fail, are answered before their body is read.
                    await received()
                path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
                seen.append(Seen(scope["method"], path, query, b"".join(body), message["status"]))
            await send(message)

        await app(scope, received, sent)

    return watched


def _lines(activities: Iterable[Mapping[str, Any]]) -> bytes:
    return "\n".join(json.dumps(activity) for activity in activities).encode()
