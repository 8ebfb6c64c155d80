"""The clients, blocking and async: a server's address, credentials and an httpx client."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import httpx

from casbah.client.activities import Activities, AsyncActivities
from casbah.client.driver import Awaiting, Blocking, ServerAccess, checked
from casbah.client.errors import UsageError
from casbah.client.key import AsyncRenewal, Key, Renewal
from casbah.client.retry import Retry

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_URL, _TOKEN = "CASBAH_URL", "CASBAH_TOKEN"


class Casbah:
    """A client of the Activities API of Casbah or MDCA. Thread-safe, and a context manager.

    Pass either `token`, an API token, or `bearer`, a JWT or a callable that returns one and is called for each request.
    `timeout` is httpx's, in seconds. `http` is a transport, or your own httpx.Client, which keeps its timeouts and which you
    close. `clock` returns seconds since the epoch, `sleep` waits for seconds.
    """

    def __init__(  # noqa: PLR0913  one parameter per option
        self,
        url: str,
        *,
        token: str | None = None,
        bearer: Renewal | None = None,
        timeout: float | httpx.Timeout | None = TIMEOUT,
        retry: Retry | None = None,
        http: httpx.Client | httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        server = ServerAccess(checked(url), Key(token=token, bearer=bearer), retry or Retry(), clock)
        self._owns = not isinstance(http, httpx.Client)
        self._http = http if isinstance(http, httpx.Client) else httpx.Client(transport=http, timeout=timeout)
        self.activities = Activities(Blocking(server, self._http, sleep))

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """A client from CASBAH_URL and CASBAH_TOKEN. Raises UsageError if one is not set."""
        return cls(_variable(_URL), token=_variable(_TOKEN), **options)

    def close(self) -> None:
        """Close the connections, unless you passed the httpx client."""
        if self._owns:
            self._http.close()

    def __repr__(self) -> str:
        return f"<Casbah {self.activities.runner.server.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncCasbah:
    """The async client. `http` is an httpx.AsyncClient or an async transport; `bearer` may return an awaitable."""

    def __init__(  # noqa: PLR0913  one parameter per option
        self,
        url: str,
        *,
        token: str | None = None,
        bearer: AsyncRenewal | None = None,
        timeout: float | httpx.Timeout | None = TIMEOUT,
        retry: Retry | None = None,
        http: httpx.AsyncClient | httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        server = ServerAccess(checked(url), Key(token=token, bearer=bearer), retry or Retry(), clock)
        self._owns = not isinstance(http, httpx.AsyncClient)
        self._http = http if isinstance(http, httpx.AsyncClient) else httpx.AsyncClient(transport=http, timeout=timeout)
        self.activities = AsyncActivities(Awaiting(server, self._http, sleep))

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """A client from CASBAH_URL and CASBAH_TOKEN. Raises UsageError if one is not set."""
        return cls(_variable(_URL), token=_variable(_TOKEN), **options)

    async def close(self) -> None:
        """Close the connections, unless you passed the httpx client."""
        if self._owns:
            await self._http.aclose()

    def __repr__(self) -> str:
        return f"<AsyncCasbah {self.activities.runner.server.url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UsageError(f"the environment variable {name} is not set; from_environment() reads {_URL} and {_TOKEN}")
    return value
