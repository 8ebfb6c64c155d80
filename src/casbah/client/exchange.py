"""The one request core, without any input or output of its own.

An operation is a generator that yields Calls and is sent their answers. `with_retries` makes of it a generator of Steps: a Call
to send, whose Reply it is sent, or a Wait. `driver` has the two loops that run those steps, blocking and awaiting.
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
from casbah.client.retry import Retry, seconds_said

Result = TypeVar("Result")

_OK = range(200, 300)
_CLIENT_FAULTS = range(400, 500)
_SERVER_FAULTS = range(500, 600)
_MOST_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Call:
    """A request, its path below the server's address.

    A call that `appends` is sent again only where the server surely did not take it, and its answer is not read.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    appends: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or not all of it. `unsent`: the request never reached the server."""

    reason: str
    unsent: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done for so long."""

    seconds: float


Reply = Answer | Broken | None
Steps = Generator[Call | Wait, Reply, Result]
Operation = Generator[Call, dict[str, Any], Result]


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a status means: the error, what to do about it, and whether the same request may fare better later.

    `counts`: it uses up one of the attempts. `refused`: the server did nothing with the request.
    """

    error: type[ClientError]
    advice: str
    passing: bool = False
    counts: bool = True
    refused: bool = False


_MEND = "mend the request"
# fmt: off
_FAULTS = {
    400: _Fault(BadRequestError,       _MEND),
    401: _Fault(AuthenticationError,   "give a token that is in use; `casbah token create` makes one"),
    403: _Fault(PermissionDeniedError, "use a token with the scope that this needs; reading needs Investigation.read"),
    404: _Fault(NotFoundError,         "check the id, that the token's tenant has it, and the server's address"),
    405: _Fault(BadRequestError,       "check the server's address"),
    413: _Fault(BadRequestError,       "ask with fewer values"),
    429: _Fault(ThrottledError,        "ask less often, or with more patience", passing=True, refused=True, counts=False),
    502: _Fault(ServerError,           "try again later", passing=True),
    # A 503 may come from a proxy or from the server, before or after it took the request: not `refused`.
    503: _Fault(ServerError,           "try again later", passing=True),
    504: _Fault(ServerError,           "narrow the filters, or try again later", passing=True),
}
# fmt: on
_OTHER_4XX = _Fault(BadRequestError, _MEND)
_OTHER_5XX = _Fault(ServerError, "the server's log says more")
_UNEXPECTED = _Fault(ProtocolError, "check the server's address, and that no sign-in page stands before it")
_GARBLED = _Fault(ProtocolError, "try again; if it stays so, something changes answers on the way", passing=True)
_UNSENT = _Fault(UnreachableError, "check that the server runs, and its address", passing=True, refused=True)
_CUT = _Fault(UnreachableError, "try again, with smaller pages or a longer timeout", passing=True)
_APPENDED = "it may have been taken all the same, so it was not sent again; look before you repeat it"


@dataclass(frozen=True, slots=True)
class _Failure:
    """A reply that is no use, in words."""

    fault: _Fault
    text: str
    status: int | None = None
    detail: str = ""
    seconds: float | None = None

    def again(self, call: Call) -> bool:
        """Whether the call may be sent once more."""
        return self.fault.passing and (self.fault.refused or not call.appends)

    def error(self, call: Call, *, tries: int) -> ClientError:
        """The error to raise after so many tries."""
        often = f" ({tries} times)" if tries > 1 else ""
        advice = self.fault.advice if self.again(call) or not self.fault.passing else _APPENDED
        message = f"{call.method} {call.path}: {self.text}{often}; {advice}"
        return self.fault.error(message, status=self.status, detail=self.detail, seconds=self.seconds)


def with_retries(operation: Operation[Result], *, retry: Retry, clock: Callable[[], float]) -> Steps[Result]:
    """The steps of an operation, with those that trying again takes. `clock` gives seconds since the epoch."""
    try:
        call = next(operation)
        while True:
            call = operation.send((yield from _answered(call, retry, clock)))
    except StopIteration as done:
        result: Result = done.value
        return result


def _answered(call: Call, retry: Retry, clock: Callable[[], float]) -> Steps[dict[str, Any]]:
    """The JSON object that a call is answered with, however often it takes."""
    tally = _Tally(retry)
    while True:
        found = _read(call, (yield call), now=clock())
        if not isinstance(found, _Failure):
            return found
        seconds = tally.next_wait(found)
        if not found.again(call) or seconds is None:
            raise found.error(call, tries=tally.tries)
        yield Wait(seconds)


@dataclass(slots=True)
class _Tally:
    """How often one request was sent, and how long it has waited."""

    retry: Retry
    tries: int = field(default=0, init=False)
    counted: int = field(default=0, init=False)
    waited: float = field(default=0.0, init=False)

    def next_wait(self, trouble: _Failure) -> float | None:
        """The seconds to wait before the next try, None if there is to be none."""
        self.tries += 1
        self.counted += trouble.fault.counts
        seconds = self.retry.pause(self.tries) if trouble.seconds is None else trouble.seconds
        if self.counted >= self.retry.attempts or self.waited + seconds > self.retry.patience:
            return None
        self.waited += seconds
        return seconds


def _read(call: Call, reply: Reply, *, now: float) -> dict[str, Any] | _Failure:
    if reply is None:
        raise AssertionError("a call was answered with nothing")
    if isinstance(reply, Broken):
        return _Failure(_UNSENT if reply.unsent else _CUT, reply.reason)
    if reply.status not in _OK:
        return _refused(reply, now=now)
    return {} if call.appends else _json(reply)


def _refused(answer: Answer, *, now: float) -> _Failure:
    detail = _detail(answer)
    text = f"the server answered {answer.status}" + (f": {detail}" if detail else "")
    seconds = seconds_said(answer.headers, detail, now=now)
    return _Failure(_fault(answer.status), text, answer.status, detail, seconds)


def _fault(status: int) -> _Fault:
    if status in _CLIENT_FAULTS:
        return _FAULTS.get(status, _OTHER_4XX)
    return _FAULTS.get(status, _OTHER_5XX) if status in _SERVER_FAULTS else _UNEXPECTED


def _json(answer: Answer) -> dict[str, Any] | _Failure:
    """The object in an answer. JSON that breaks off is a transport's fault and may pass; something else is not."""
    kind = answer.headers.get("content-type", "no content type")
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        fault = _GARBLED if "json" in kind else _UNEXPECTED
        return _Failure(fault, f"the answer ({kind}, {len(answer.content)} bytes) is not JSON", answer.status)
    if not isinstance(found, dict):
        return _Failure(_UNEXPECTED, f"the answer is a JSON {type(found).__name__}, not an object", answer.status)
    return found


def _detail(answer: Answer) -> str:
    """What the server says of its refusal, as one line."""
    text = answer.content.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text if "text/plain" in answer.headers.get("content-type", "") else ""
    if isinstance(found, dict):
        found = found.get("detail", "")
    line = found if isinstance(found, str) else json.dumps(found)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in line[:_MOST_DETAIL]).split())
