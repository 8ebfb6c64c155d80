"""The two loops that run operations over httpx, one blocking and one async. All decisions are made in `request`."""

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from casbah import __version__
from casbah.client.errors import UsageError
from casbah.client.key import Key
from casbah.client.request import Answer, Broken, Call, Operation, Reply, Wait, with_retries
from casbah.client.retry import Retry

Result = TypeVar("Result")

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NO_ANSWER = (httpx.TransportError, httpx.DecodingError)
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""OpenSSL's name of the error, as Python quotes it."""

_FIRST_ERROR = 400
_API = "/api"


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """A server's address, credentials and retry policy. `clock` returns seconds since the epoch."""

    url: str
    key: Key = field(repr=False)
    retry: Retry
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Blocking:
    """Runs operations in the calling thread."""

    server: ServerAccess
    http: httpx.Client
    sleep: Callable[[float], object]

    def run(self, operation: Operation[Result]) -> Result:
        """The result of the operation. Raises ClientError."""
        steps = with_retries(operation, retry=self.server.retry, clock=self.server.clock)
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                result: Result = done.value
                return result
            reply = self._reply(step)

    def _reply(self, call: Call | Wait) -> Reply:
        if isinstance(call, Wait):
            self.sleep(call.seconds)
            return None
        header = self.server.key.header(self.server.key.current())
        request = _request(self.http, self.server.url, call, header)
        try:
            return _answer(self.http.send(request, auth=None, follow_redirects=False), header)
        except _NO_ANSWER as error:
            return _broken(error, header)


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Runs operations in the calling task."""

    server: ServerAccess
    http: httpx.AsyncClient
    sleep: Callable[[float], Awaitable[object]]

    async def run(self, operation: Operation[Result]) -> Result:
        """The result of the operation. Raises ClientError."""
        steps = with_retries(operation, retry=self.server.retry, clock=self.server.clock)
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                result: Result = done.value
                return result
            reply = await self._reply(step)

    async def _reply(self, call: Call | Wait) -> Reply:
        if isinstance(call, Wait):
            await self.sleep(call.seconds)
            return None
        token = self.server.key.current()
        header = self.server.key.header(await token if inspect.isawaitable(token) else token)
        request = _request(self.http, self.server.url, call, header)
        try:
            return _answer(await self.http.send(request, auth=None, follow_redirects=False), header)
        except _NO_ANSWER as error:
            return _broken(error, header)


def checked(url: str) -> str:
    """A server's address without trailing slashes, and without the `/api` of MDCA's "API URL". Raises UsageError."""
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, TypeError, AttributeError):
        parsed = httpx.URL("")
    if parsed.userinfo:
        raise UsageError("url: it contains a user or password; remove them and pass token=")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise UsageError(f"url: expected an address such as https://casbah.contoso.com, got {url!r}")
    address = str(parsed).rstrip("/")
    return address.removesuffix(_API) if parsed.path.rstrip("/").endswith(_API) else address


def _request(http: httpx.Client | httpx.AsyncClient, url: str, call: Call, header: str) -> httpx.Request:
    """The request for a call. Its JSON is ASCII, so that any Python string can be sent."""
    headers = {"Authorization": header, "Accept": "application/json", "User-Agent": f"casbah-client/{__version__}"}
    if call.body is None:
        return http.build_request(call.method, url + call.path, headers=headers)
    content = json.dumps(call.body).encode("ascii")
    headers["Content-Type"] = "application/json"
    return http.build_request(call.method, url + call.path, headers=headers, content=content)


def _answer(response: httpx.Response, header: str) -> Answer:
    """The answer to a request. An error response may echo the token, and errors quote it, so the token is redacted."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    content = response.content
    if response.status_code >= _FIRST_ERROR:
        content = content.replace(_secret(header).encode("ascii"), b"[token]")
    return Answer(response.status_code, headers, content)


def _broken(error: Exception, header: str) -> Broken:
    unsent = isinstance(error, _NEVER_SENT)
    what = "no connection to the server" if unsent else "no complete answer from the server"
    text = str(error).replace(_secret(header), "[token]")
    reason = f"{what} ({type(error).__name__}{f': {text}' if text else ''})"
    return Broken(reason, unsent, untrusted=unsent and _UNTRUSTED in text)


def _secret(header: str) -> str:
    return header.partition(" ")[2]
