"""An HTTP client for vendors' APIs with retries, size limits, and protection of credentials.

Waits are exponential with full jitter unless the response says how long to wait: Retry-After, or the time at which a rate
limit resets, in seconds since the epoch, as sent by Okta (`X-Rate-Limit-Reset`) and GitHub (`x-ratelimit-reset`).
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from casbah.base import jsontext
from casbah.base.backoff import Backoff, retry_after
from casbah.ingest.pull.contract import ApiRefusedError, ApiUnreachableError

_TRIES = 8
_BACKOFF = Backoff(1.0, 60.0)
_LONGEST_REQUESTED_WAIT = 3_600.0
_MAX_BYTES = 256_000_000
_TOO_MANY = 429
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset")
_HINTS = {
    401: "check that the token is right and has not expired",
    403: "check that the token may read audit logs",
    404: "check the address, and the name of the organization",
}


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A successful response."""

    body: bytes
    headers: httpx.Headers

    def json(self, kind: Any = Any) -> Any:
        """Parse the body. It is complete JSON."""
        return jsontext.decode(self.body, kind)

    def link(self, relation: str) -> str | None:
        """The address of a Link header's relation (RFC 8288), or None."""
        for value in self.headers.get_list("link"):
            target = httpx.Response(200, headers={"link": value}).links.get(relation)
            if target and "url" in target:
                return target["url"]
        return None


class Web:
    """Sends requests to one API. `authorize` returns headers with credentials; `clock` returns ms, `sleep` takes seconds."""

    def __init__(
        self,
        client: httpx.Client,
        base: str,
        *,
        authorize: Callable[[], Mapping[str, str]],
        clock: Callable[[], int],
        sleep: Callable[[float], None],
        dice: random.Random,
    ) -> None:
        self._client = client
        self.base = base.rstrip("/")
        self._authorize = authorize
        self._clock = clock
        self._sleep = sleep
        self._dice = dice

    def get(self, address: str, parameters: Mapping[str, Any] | None = None) -> ApiAnswer:
        """GET an address of the API. Raises ApiRefusedError or ApiUnreachableError."""
        return self.send("GET", address, parameters=parameters)

    def send(
        self, method: str, address: str, *, parameters: Mapping[str, Any] | None = None, body: Any = None
    ) -> ApiAnswer:
        """Send a request, with retries. Raises ApiRefusedError, also for another host, which must not get our credentials; or
        ApiUnreachableError.
        """
        url = urljoin(f"{self.base}/", address)
        if urlsplit(url)[:2] != urlsplit(self.base)[:2]:
            raise ApiRefusedError(
                f"the response of {self.base} leads to {_host(url)}, which does not get our credentials", 0
            )
        problem = ""
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._once(method, url, parameters, body)
            except (httpx.TransportError, httpx.StreamError, httpx.DecodingError, msgspec.DecodeError) as error:
                problem, requested = type(error).__name__, None
            else:
                if isinstance(answer, ApiAnswer):
                    return answer
                problem, requested = f"HTTP {answer.status_code}", self._requested_wait(answer)
            if attempt < _TRIES:
                self._sleep(self._pause(attempt, requested))
        raise ApiUnreachableError(f"{_host(url)} failed {_TRIES} times; the last time: {problem}")

    def _once(
        self, method: str, url: str, parameters: Mapping[str, Any] | None, body: Any
    ) -> ApiAnswer | httpx.Response:
        """A successful answer, or a response worth retrying."""
        headers = {"Accept": "application/json", **self._authorize()}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        with self._client.stream(method, url, params=parameters, content=content, headers=headers) as response:
            text = _bounded(response)
        status = response.status_code
        if response.is_success:
            jsontext.decode(text, msgspec.Raw)  # Raises DecodeError for a truncated body.
            return ApiAnswer(text, response.headers)
        if status == _TOO_MANY or response.is_server_error or self._is_out_of_rate(response):
            return response
        raise ApiRefusedError(_refusal(url, status, text), status)

    def _is_out_of_rate(self, response: httpx.Response) -> bool:
        """GitHub signals rate limiting with 403 (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""
        return response.status_code == httpx.codes.FORBIDDEN and (
            response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
        )

    def _requested_wait(self, response: httpx.Response) -> float | None:
        """Seconds to wait, if the response says so."""
        now = self._clock() / 1_000
        header = response.headers.get("retry-after", "").strip()
        wait: float | None
        if header:
            wait = retry_after(header, now=now) or 0.0
        else:
            resets = [response.headers[name] for name in _RESETS if response.headers.get(name, "").isdecimal()]
            wait = (
                float(resets[0]) - now if resets and response.status_code != httpx.codes.SERVICE_UNAVAILABLE else None
            )
        return None if wait is None else min(max(wait, 0.0), _LONGEST_REQUESTED_WAIT)

    def _pause(self, attempt: int, requested: float | None) -> float:
        return _BACKOFF.pause(attempt, self._dice.uniform) if requested is None else requested + self._dice.random()


def _bounded(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > _MAX_BYTES:
            raise ApiRefusedError(f"{_host(str(response.url))} answered with more than {_MAX_BYTES} bytes", 0)
        pieces.append(piece)
    return b"".join(pieces)


def _refusal(url: str, status: int, text: bytes) -> str:
    """The error message, with a hint or the beginning of the body."""
    hint = _HINTS.get(status, "it says: " + text[:200].decode("utf-8", "replace"))
    return f"{_host(url)}{urlsplit(url).path} refused with HTTP {status}; {hint}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
