"""How a command reaches the activities: over HTTP, to the server that runs on the store or else inside this process.

Either way it is the same API, so the answers are the same (`docs/decisions/0005`). A running server writes its address and a
key to the store's `server.json`, which only the store's owner can read.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from casbah.activity.tenant import TenantId
from casbah.errors import ServerRefusedError
from casbah.identity.grants import DEFAULT_TENANT, TENANT_HEADER
from casbah.serving.local_tls import trusted
from casbah.settings import Settings

_FILE = "server.json"
_OK = 400
_SECONDS = 600.0
_SECONDS_TO_CONNECT = 2.0
_PROBE = "/api/v1/activities/metadata/"


Sender = Callable[..., httpx.Response]
"""Takes a method, a path and httpx options, and returns the response."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API as one tenant's owner sees it."""

    send: Sender
    settings: Settings

    def ask(
        self, method: str, path: str, *, allow: Sequence[int] = (), missing: str = "", **options: Any
    ) -> httpx.Response:
        """The response to a request. Raises ServerRefusedError with the server's message for an error status not in `allow`.

        `missing` is the message for a 404, which has none of its own.
        """
        answer = self.send(method, path, **options)
        if missing and answer.status_code == httpx.codes.NOT_FOUND and httpx.codes.NOT_FOUND not in allow:
            raise ServerRefusedError(missing)
        if answer.status_code >= _OK and answer.status_code not in allow:
            raise ServerRefusedError(_detail(answer))
        return answer


@contextmanager
def connected(settings: Settings, *, tenant: str) -> Iterator[Api]:
    """The API of the store. Raises StoreLockedError if another process holds the store without serving it."""
    TenantId(tenant)
    server = running(settings.store)
    if server is not None:
        with httpx.Client(
            base_url=server["url"],
            headers=_headers(server["key"], tenant),
            timeout=_SECONDS,
            trust_env=False,
            verify=trusted(server.get("certificate")),
        ) as client:
            yield Api(client.request, settings)
        return
    from casbah import compose  # noqa: PLC0415  beside a server, no command waits for the whole application

    with compose.build(settings) as application, asyncio.Runner() as runner:
        inside = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=application.app),
            base_url="http://casbah",
            headers=_headers(application.local_key, tenant),
        )

        def send(method: str, path: str, /, **options: Any) -> httpx.Response:
            return runner.run(inside.request(method, path, **options))

        try:
            yield Api(send, settings)
        finally:
            runner.run(inside.aclose())


def running(store: Path) -> Mapping[str, str] | None:
    """The address and key of the server that runs on a store, or None.

    The file of a killed server may name a port that another process uses by now. Only the process that wrote the key knows
    it, so only an answer to that key counts.
    """
    try:
        server: Mapping[str, str] = json.loads((store / _FILE).read_text(encoding="utf-8"))
        headers = _headers(server["key"], DEFAULT_TENANT)
        verify = trusted(server.get("certificate"))
        answer = httpx.get(
            server["url"] + _PROBE, headers=headers, timeout=_SECONDS_TO_CONNECT, trust_env=False, verify=verify
        )
    except (OSError, ValueError, KeyError, TypeError, httpx.HTTPError, httpx.InvalidURL):
        return None
    return server if answer.status_code == httpx.codes.OK else None


@contextmanager
def announced(store: Path, *, url: str, key: str, certificate: Path | None = None) -> Iterator[None]:
    """Keep the address and key of this process in the store, readable by its owner only, while it serves."""
    file, draft = store / _FILE, store / f"{_FILE}.new"
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        more = {} if certificate is None else {"certificate": str(certificate.absolute())}
        json.dump({"url": url, "key": key, "pid": os.getpid(), **more}, opened)
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _headers(key: str, tenant: str) -> dict[str, str]:
    return {"Authorization": f"Token {key}", TENANT_HEADER: tenant}


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
