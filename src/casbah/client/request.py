"""Requests and retries, without I/O.

An operation is a generator that yields Calls and is sent their answers. `with_retries` turns it into a generator of Steps:
each is a Call to send, answered with a Reply, or a Wait. `driver` runs those steps, blocking or async.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from casbah.client.errors import (
    AuthenticationError,
    BadRequestError,
    ClientError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ServerError,
    ThrottledError,
    UnreachableError,
)
from casbah.client.retry import Retry, requested_wait

Result = TypeVar("Result")

_OK = range(200, 300)
_CLIENT_FAULTS = range(400, 500)
_SERVER_FAULTS = range(500, 600)
_MAX_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Call:
    """A request; `path` is relative to the server's address.

    A call that `appends` is retried only if the server certainly did not accept it. Once accepted it has succeeded, so an
    answer that is not JSON is read as an empty object.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    appends: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or not all of it. `unsent`: the request never reached the server.

    `untrusted`: this machine does not trust the server's certificate.
    """

    reason: str
    unsent: bool
    untrusted: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next step."""

    seconds: float


Reply = Answer | Broken | None
Steps = Generator[Call | Wait, Reply, Result]
Operation = Generator[Call, dict[str, Any], Result]


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a status means: the error, what to do about it, and whether a retry may succeed (`transient`).

    `counts`: it uses up one of the attempts. `refused`: the server did not process the request.
    """

    error: type[ClientError]
    advice: str
    transient: bool = False
    counts: bool = True
    refused: bool = False


_FIX = "fix the request"
# fmt: off
_FAULTS = {
    400: _Fault(BadRequestError,       _FIX),
    401: _Fault(AuthenticationError,   "use a valid token; `casbah token create` makes one"),
    403: _Fault(PermissionDeniedError, "use a token with the scope that this requires; reading requires Investigation.read"),
    404: _Fault(NotFoundError,         "check the id, that the token's tenant has it, and the server's address"),
    405: _Fault(BadRequestError,       "check the server's address"),
    413: _Fault(BadRequestError,       "send fewer values"),
    429: _Fault(ThrottledError, "send fewer requests, or raise Retry.patience", transient=True, refused=True, counts=False),
    502: _Fault(ServerError,           "try again later", transient=True),
    # A 503 may come from a proxy or from the server, before or after it processed the request: not `refused`.
    503: _Fault(ServerError,           "try again later", transient=True),
    504: _Fault(ServerError,           "narrow the filters, or try again later", transient=True),
}
# fmt: on
_OTHER_4XX = _Fault(BadRequestError, _FIX)
_OTHER_5XX = _Fault(ServerError, "the server's log says more")
_UNEXPECTED = _Fault(ProtocolError, "check the server's address, and that there is no sign-in page in front of it")
_GARBLED = _Fault(
    ProtocolError, "try again; if it persists, something between client and server changes the answers", transient=True
)
_UNSENT = _Fault(UnreachableError, "check that the server runs, and its address", transient=True, refused=True)
_UNTRUSTED = _Fault(
    UnreachableError, "let this machine trust the server's certificate, such as with SSL_CERT_FILE", refused=True
)
_CUT = _Fault(UnreachableError, "try again, with smaller pages or a longer timeout", transient=True)
_APPENDED = "the server may have stored it, so it was not sent again; check before you repeat it"


@dataclass(frozen=True, slots=True)
class _Failure:
    """A reply without a usable answer."""

    fault: _Fault
    text: str
    status: int | None = None
    detail: str = ""
    seconds: float | None = None

    def retryable(self, call: Call) -> bool:
        """Whether the call may be retried."""
        return self.fault.transient and (self.fault.refused or not call.appends)

    def error(self, call: Call, *, tries: int) -> ClientError:
        """The error to raise after `tries` attempts."""
        often = f" ({tries} times)" if tries > 1 else ""
        advice = self.fault.advice if self.retryable(call) or not self.fault.transient else _APPENDED
        message = f"{call.method} {call.path}: {self.text}{often}; {advice}"
        return self.fault.error(message, status=self.status, detail=self.detail, seconds=self.seconds)


def with_retries(operation: Operation[Result], *, retry: Retry, clock: Callable[[], float]) -> Steps[Result]:
    """The steps of an operation, including retries. `clock` returns seconds since the epoch."""
    try:
        call = next(operation)
        while True:
            call = operation.send((yield from _answered(call, retry, clock)))
    except StopIteration as done:
        result: Result = done.value
        return result


def _answered(call: Call, retry: Retry, clock: Callable[[], float]) -> Steps[dict[str, Any]]:
    """The JSON object in the answer to a call, after as many attempts as needed. Raises ClientError."""
    tally = _Tally(retry)
    while True:
        result = _read(call, (yield call), now=clock())
        if not isinstance(result, _Failure):
            return result
        seconds = tally.next_wait(result)
        if not result.retryable(call) or seconds is None:
            raise result.error(call, tries=tally.tries)
        yield Wait(seconds)


@dataclass(slots=True)
class _Tally:
    """How often one request was sent, and how long it has waited."""

    retry: Retry
    tries: int = field(default=0, init=False)
    counted: int = field(default=0, init=False)
    waited: float = field(default=0.0, init=False)

    def next_wait(self, failure: _Failure) -> float | None:
        """The seconds to wait before the next attempt; None to give up."""
        self.tries += 1
        self.counted += failure.fault.counts
        seconds = self.retry.pause(self.tries) if failure.seconds is None else failure.seconds
        if self.counted >= self.retry.attempts or self.waited + seconds > self.retry.patience:
            return None
        self.waited += seconds
        return seconds


def _read(call: Call, reply: Reply, *, now: float) -> dict[str, Any] | _Failure:
    if reply is None:
        raise AssertionError("a call was answered with nothing")
    if isinstance(reply, Broken):
        return _Failure(_UNTRUSTED if reply.untrusted else _UNSENT if reply.unsent else _CUT, reply.reason)
    if reply.status not in _OK:
        return _refused(reply, now=now)
    result = _json(reply)
    return {} if call.appends and isinstance(result, _Failure) else result


def _refused(answer: Answer, *, now: float) -> _Failure:
    detail = _detail(answer)
    text = f"the server answered {answer.status}" + (f": {detail}" if detail else "")
    seconds = requested_wait(answer.headers, detail, now=now)
    return _Failure(_fault(answer.status), text, answer.status, detail, seconds)


def _fault(status: int) -> _Fault:
    if status in _CLIENT_FAULTS:
        return _FAULTS.get(status, _OTHER_4XX)
    return _FAULTS.get(status, _OTHER_5XX) if status in _SERVER_FAULTS else _UNEXPECTED


def _json(answer: Answer) -> dict[str, Any] | _Failure:
    """The object in an answer. Truncated JSON is a transport failure and worth a retry; other content is not."""
    kind = answer.headers.get("content-type", "no content type")
    try:
        content = json.loads(answer.content)
    except (ValueError, RecursionError):
        fault = _GARBLED if "json" in kind else _UNEXPECTED
        return _Failure(fault, f"the answer ({kind}, {len(answer.content)} bytes) is not JSON", answer.status)
    if not isinstance(content, dict):
        return _Failure(_UNEXPECTED, f"the answer is a JSON {type(content).__name__}, not an object", answer.status)
    return content


def _detail(answer: Answer) -> str:
    """The server's error detail, on one line."""
    text = answer.content.decode("utf-8", "replace")
    try:
        detail = json.loads(text)
    except (ValueError, RecursionError):
        detail = text if "text/plain" in answer.headers.get("content-type", "") else ""
    if isinstance(detail, dict):
        detail = _form_errors(detail) if detail.get("error") is True else detail.get("detail", "")
    line = detail if isinstance(detail, str) else json.dumps(detail)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in line[:_MAX_DETAIL]).split())


def _form_errors(body: Mapping[str, Any]) -> str:
    """The texts of a 400 in MDCA's form, `{"field": [{"error": "text", ...}], "error": true}`, each after its field's name."""
    errors = ((name, item) for name, items in body.items() if isinstance(items, list) for item in items)
    texts = (
        (name, item["error"]) for name, item in errors if isinstance(item, dict) and isinstance(item.get("error"), str)
    )
    return "; ".join(text if text.startswith(name) else f"{name}: {text}" for name, text in texts)
