"""How a command reaches the activities: over HTTP, to another machine's server, to the one that runs on the store, or inside
this process.

Either way it is the same API, so the answers are the same (`docs/decisions/0005`). A running server writes its address and a
key to the store's `server.json`, which only the store's owner can read.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from casbah import settings
from casbah.activity.tenant import TENANTS, TenantId
from casbah.cli import server_file
from casbah.cli.profiles import KnownServer
from casbah.errors import ServerRefusedError, nearest
from casbah.identity.permissions import DEFAULT_TENANT, TENANT_HEADER
from casbah.serving.local_tls import trusted
from casbah.settings import Settings

if TYPE_CHECKING:
    from casbah.compose import Application

_OK = 400
_DOTS_OF_JWT = 2
_SECONDS = 600.0
_SECONDS_TO_CONNECT = 2.0
_PROBE = "/api/v1/activities/metadata/"


Sender = Callable[..., httpx.Response]
"""Takes a method, a path and httpx options, and returns the response."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API as one tenant's owner sees it. `application` answers it, if it is in this process."""

    send: Sender
    settings: Settings
    application: "Application | None" = None

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
def connected(target: Settings | KnownServer, *, tenant: str) -> Iterator[Api]:
    """The API of a store or of a server. Raises StoreLockedError if another process holds the store without serving it."""
    TenantId(tenant)
    if isinstance(target, KnownServer):
        with _remote(target, tenant) as api:
            yield api
        return
    _suggest_tenant(target, tenant)
    server = running(target.store)
    if server is not None:
        with httpx.Client(
            base_url=server["url"],
            headers=_headers(server["key"], tenant),
            timeout=_SECONDS,
            trust_env=False,
            verify=trusted(server.get("certificate")),
        ) as client:
            yield Api(client.request, target)
        return
    from casbah import compose  # noqa: PLC0415  beside a server, no command waits for the whole application

    with compose.build(target) as application, asyncio.Runner() as runner:
        inside = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=application.app),
            base_url="http://casbah",
            headers=_headers(application.local_key, tenant),
        )

        def send(method: str, path: str, /, **options: Any) -> httpx.Response:
            return runner.run(inside.request(method, path, **options))

        try:
            yield Api(send, target, application)
        finally:
            runner.run(inside.aclose())


def _suggest_tenant(settings: Settings, name: str) -> None:
    """Warn of a tenant that has no activities and is named almost as one that has."""
    folder = settings.store / TENANTS
    known = [path.name for path in folder.iterdir()] if settings.cluster is None and folder.is_dir() else []
    if name not in known and (hint := nearest(name, known)):
        sys.stderr.write(f"casbah: tenant {name!r} has no activities{hint}\n")


@contextmanager
def _remote(server: KnownServer, tenant: str) -> Iterator[Api]:
    """The API of another machine's server, as its token allows. Proxies and SSL_CERT_FILE of the environment apply."""
    if tenant != DEFAULT_TENANT:
        raise ServerRefusedError(f"a token belongs to one tenant: use a token of {tenant!r} instead of --tenant")
    scheme = "Bearer" if server.token.count(".") == _DOTS_OF_JWT else "Token"
    headers = {"Authorization": f"{scheme} {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=_SECONDS) as client:

        def send(method: str, path: str, /, **options: Any) -> httpx.Response:
            answer = client.request(method, path, **options)
            if answer.is_redirect:
                raise ServerRefusedError(f"{server.url} redirects to {answer.headers['location']}; use that address")
            if answer.headers.get("content-type", "").startswith("text/html"):
                raise ServerRefusedError(f"{server.url} answers with a web page; use the address of a Casbah server")
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise ServerRefusedError(
                    f"{server.url} does not accept the token: {_detail(answer)}; `casbah login {server.url}` replaces it"
                )
            return answer

        yield Api(send, settings.read(os.environ))


def running(store: Path) -> Mapping[str, str] | None:
    """The address and key of the server that runs on a store, or None.

    The file of a killed server may name a port that another process uses by now. Only the process that wrote the key knows
    it, so only an answer to that key counts.
    """
    try:
        server = server_file.read(store)
        headers = _headers(server["key"], DEFAULT_TENANT)
        verify = trusted(server.get("certificate"))
        answer = httpx.get(
            server["url"] + _PROBE, headers=headers, timeout=_SECONDS_TO_CONNECT, trust_env=False, verify=verify
        )
    except (OSError, KeyError, TypeError, httpx.HTTPError, httpx.InvalidURL):
        return None
    return server if answer.status_code == httpx.codes.OK else None


def _headers(key: str, tenant: str) -> dict[str, str]:
    return {"Authorization": f"Token {key}", TENANT_HEADER: tenant}


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
