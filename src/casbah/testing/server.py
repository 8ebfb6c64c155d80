"""A server for the tests of clients: in this process, on a free port, in a folder of its own that is gone afterwards.

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
from casbah.identity.authenticator import DEFAULT_TENANT, TENANT_HEADER
from casbah.serving.server import address, listening, server_of
from casbah.testing.records import records

_INGEST = "/api/ext/v1/activities"
_MIMIC = "/api/ext/v1/mimic"
_SECONDS = 120.0
_SECONDS_TO_FINISH = 1
"""For requests that nobody waits for any more: their test is over."""


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
    """What a test asked for cannot be, or the server refused it."""


@dataclass
class Server:
    """A running server. `url` has no slash at its end; `token` may do everything in the tenant `default`."""

    url: str
    token: str
    owner: str
    """The key of whoever owns the data: it is not throttled, and may make tokens for any tenant."""
    requests: list[Seen] = field(default_factory=list)
    """What clients asked so far, in order of the answers; what this object itself asks is not among them."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What a client sends to be let in."""
        return {"Authorization": f"Token {self.token}"}

    def add(self, activities: Iterable[Mapping[str, Any]], *, tenant: str = DEFAULT_TENANT) -> list[str]:
        """Store activities, records in MDCA's form, at once; their ids. What `_id` or `created` lack is added."""
        listed = list(activities)
        answer = self._ask("POST", _INGEST, tenant, content=_lines(listed), params={"source": "mdca"}).json()
        if answer["refused"]:
            raise MisuseError(f"{len(answer['refused'])} activities were refused: {answer['refused'][:3]}")
        return [each["_id"] for each in listed if "_id" in each]

    def fill(self, count: int, *, ties: int = 1, until: int | None = None, step: int = 1_000) -> list[dict[str, Any]]:
        """Store so many made-up activities, the newest at `until` (ms; now if None), and give them, oldest first.

        They are `step` ms apart; with `ties`, so many of them in a row happened in one ms.
        """
        made = records(count, ties=ties, until=until, step=step)
        self.add(made)
        return made

    def late(self, activities: Iterable[Mapping[str, Any]], *, after: int = 1, tenant: str = DEFAULT_TENANT) -> None:
        """Store activities once `after` more requests have been answered, before the one after them. Needs mimic."""
        params = {"source": "mdca", "after": str(after)}
        self._ask("POST", f"{_MIMIC}/arrivals", tenant, content=_lines(activities), params=params)

    def next(self, *answers: int | Mapping[str, Any], tenant: str = DEFAULT_TENANT) -> None:
        """Let the next requests meet these, one each: a status, or `{"status", "slow" (ms), "retryAfter" (s)}`. Needs mimic."""
        wanted = [{"status": answer} if isinstance(answer, int) else answer for answer in answers]
        self._ask("POST", f"{_MIMIC}/answers", tenant, json={"answers": wanted})

    def create_token(
        self, name: str, *, tenant: str = DEFAULT_TENANT, scopes: Sequence[str] | None = None, **more: Any
    ) -> str:
        """A token's key."""
        wanted = {"name": name, "tenant": tenant, "scopes": scopes, **more}
        return str(self._ask("POST", "/api/ext/v1/tokens", tenant, json=wanted).json()["token"])

    def _ask(self, method: str, path: str, tenant: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Token {self.owner}", TENANT_HEADER: tenant}
        # Without TLS there is no certificate to check, and none to load, which takes longer than the request.
        options |= {"headers": headers, "timeout": _SECONDS, "trust_env": False, "verify": False}
        answer = httpx.request(method, self.url + path, **options)
        if answer.is_error and answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:  # All were refused; it says why.
            raise MisuseError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer


@contextmanager
def casbah_server(folder: Path | None = None, **given: str) -> Iterator[Server]:
    """A running server and its store, in `folder` or in one that is removed at the end.

    `given` are settings by name (`docs/settings.md`), as text: `mimic="mdca"`, `throttle="off"`, `mimic_late="2s"`.
    """
    for name in given:
        if name not in settings.SETTINGS:
            raise MisuseError(f"no setting is called {clip(name)}{nearest(name, tuple(settings.SETTINGS))}")
    if folder is None:
        with TemporaryDirectory(prefix="casbah-") as made, casbah_server(Path(made), **given) as server:
            yield server
        return
    chosen = settings.read({}, **{"store": str(folder), "port": "0", "audit": "off", **given})
    with compose.build(chosen) as house, listening(chosen) as listener:
        seen: list[Seen] = []
        owner = f"token {house.local_key}".encode()
        running = server_of(_watched(house.app, seen, owner=owner))
        thread = Thread(target=running.run, kwargs={"sockets": [listener]}, name="casbah", daemon=True)
        thread.start()
        try:
            token, _ = house.services.tokens.create(f"test {secrets.token_hex(3)}", tenant=DEFAULT_TENANT)
            yield Server(address(listener), token, house.local_key, seen)
        finally:
            running.config.timeout_graceful_shutdown = _SECONDS_TO_FINISH
            running.should_exit = True
            thread.join()


def _watched(app: ASGIApp, seen: list[Seen], *, owner: bytes) -> ASGIApp:
    """The application, with a note of every request but its owner's."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (b"authorization", owner) in [(n, v.lower()) for n, v in scope["headers"]]:
            await app(scope, receive, send)
            return
        body: list[bytes] = []
        # Whoever waits for leave to send is not given it by us.
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
                ):  # What is refused by its head, or fails on demand, is answered before its body is read.
                    await received()
                path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
                seen.append(Seen(scope["method"], path, query, b"".join(body), message["status"]))
            await send(message)

        await app(scope, received, sent)

    return watched


def _lines(activities: Iterable[Mapping[str, Any]]) -> bytes:
    return "\n".join(json.dumps(activity) for activity in activities).encode()
