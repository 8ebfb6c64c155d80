"""The application asked directly, with no server between: any bytes may stand in path and headers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Asker:
    """Asks `app` as the bearer of `key`."""

    app: ASGIApp
    key: str | None

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        given = {} if self.key is None else {"authorization": f"Token {self.key}"}
        pairs = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in {**given, **(headers or {})}.items()
        ]
        return asyncio.run(send(self.app, method, path.encode(), pairs, [body] if isinstance(body, bytes) else body))


async def send(
    app: ASGIApp, method: str, path: bytes, headers: Sequence[tuple[bytes, bytes]], chunks: Sequence[bytes]
) -> Reply:
    """One request; `path` is percent-encoded and may hold a query. An exception out of the application is let through."""
    raw, _, query = path.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw.decode("latin-1"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }
    waiting = [*chunks] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            # A client that has sent its body waits for the answer.
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def answered(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, answered)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Reply(sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, body)
