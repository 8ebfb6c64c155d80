"""Asks witnesses to cosign the checkpoints of logs (c2sp.org/tlog-witness), and notices when they know another history.

All witnesses are asked for the same checkpoint of a log at the same time, and for the next one once they have answered, so that
their cosignatures come together. One that does not answer is left out for a while, and delays nothing but this.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from casbah.base.backoff import Backoff
from casbah.evidence import notes
from casbah.evidence.conflict import Conflict
from casbah.evidence.witnessed_log import WitnessedLog
from casbah.setting_parsers import WitnessAddress

log = logging.getLogger("casbah.evidence")

LATE_SECONDS = 60.0
"""A witness is late once a checkpoint has waited so long for it."""

_SECONDS = 5.0
_TURN_SECONDS = 30.0
_BACKOFF = Backoff(1.0, 300.0, jitter=0.5)
_MAX_ANSWER = 65_536
_MAX_TRIES = 3
_SHOWN = 200
_OK, _CONFLICT, _UNPROVEN, _TOO_MANY, _ERROR = 200, 409, 422, 429, 500


class HistoryConflictError(Exception):
    """A witness has cosigned a history that is not that of the log. The message says what it knows."""


class _UnavailableError(Exception):
    """The witness does not answer now."""


class _RefusedError(Exception):
    """The witness does not cosign this log."""


@dataclass(slots=True)
class _Retry:
    """When to try again after failures that follow each other, by the monotonic clock, and what was wrong last."""

    failures: int = 0
    again: float = 0.0
    problem: str = ""

    def failed(self, error: Exception) -> float:
        """Note a failure. Returns in how many seconds to try again."""
        self.failures += 1
        pause = _BACKOFF.pause(self.failures)
        self.again, self.problem = time.monotonic() + pause, str(error)
        return pause

    def succeeded(self) -> None:
        self.failures, self.problem = 0, ""


@dataclass(slots=True)
class _Standing:
    """How one log stands at one witness; times are of the monotonic clock."""

    size: int | None = None
    """Of the tree that was cosigned last; unknown at first."""

    text: str = ""
    waiting: float | None = None
    """Since when a checkpoint has not been cosigned."""

    retry: _Retry = field(default_factory=_Retry)


@dataclass(slots=True)
class _Witness:
    """One witness, and how the logs stand with it, by origin."""

    address: WitnessAddress
    client: httpx.Client
    standings: dict[str, _Standing] = field(default_factory=dict)
    retry: _Retry = field(default_factory=_Retry)


@dataclass(frozen=True, slots=True)
class WitnessState:
    """A witness: how many entries of all logs it has cosigned, and how many seconds the oldest other checkpoint has waited."""

    name: str
    size: int
    age: float
    problem: str


class Witnesses:
    """Thread-safe. `closing` says whether the server is stopping."""

    def __init__(self, addresses: Sequence[WitnessAddress], *, quorum: int, closing: Callable[[], bool]) -> None:
        self._quorum = quorum
        self._closing = closing
        self._witnesses = [_Witness(item, httpx.Client(timeout=_SECONDS)) for item in addresses]
        self._names = frozenset(item.name for item in addresses)
        self._pool = ThreadPoolExecutor(max(len(addresses), 1), thread_name_prefix="casbah-witness")

    @property
    def names(self) -> frozenset[str]:
        """The names of all."""
        return self._names

    @property
    def states(self) -> Sequence[WitnessState]:
        """How each is doing."""
        return [_state(item) for item in self._witnesses]

    def ask(self, logs: Sequence[WitnessedLog]) -> None:
        """Ask all witnesses that answer to cosign the last checkpoints of logs."""
        for item in logs:
            for conflict in item.conflicts:
                if conflict.witness not in self._names:
                    item.resume(conflict.witness)
        checkpoints = {item: item.signed for item in logs if item.signed}
        running = {item.address.name: self._pool.submit(self._turn, item, checkpoints) for item in self._witnesses}
        answers = {name: turn.result() for name, turn in running.items()}
        for item, checkpoint in checkpoints.items():
            if lines := {name: answer[item] for name, answer in answers.items() if item in answer}:
                item.cosigned(checkpoint, lines, quorum=self._quorum)

    def close(self) -> None:
        """Close the connections, after requests under way."""
        self._pool.shutdown()
        for witness in self._witnesses:
            witness.client.close()

    def _turn(self, witness: _Witness, checkpoints: Mapping[WitnessedLog, str]) -> Mapping[WitnessedLog, str]:
        """Ask one witness for as long as it answers. Returns its cosignatures."""
        lines: dict[WitnessedLog, str] = {}
        now = end = time.monotonic()
        for item, checkpoint in checkpoints.items():
            standing = witness.standings.setdefault(item.origin, _Standing())
            if standing.text == notes.text_of(checkpoint):
                continue
            standing.waiting = now if standing.waiting is None else standing.waiting
            waits = now < max(standing.retry.again, witness.retry.again)
            if waits or self._closing() or time.monotonic() > end + _TURN_SECONDS:
                continue
            if (line := _ask(witness, standing, item, checkpoint)) is not None:
                lines[item] = line
        return lines


def _ask(witness: _Witness, standing: _Standing, item: WitnessedLog, checkpoint: str) -> str | None:
    """Ask one witness about one log. Returns the line of its cosignature."""
    name = witness.address.name
    try:
        line = _cosignature(witness, standing, item, checkpoint)
    except _UnavailableError as error:
        pause = witness.retry.failed(error)
        log.warning("witness %s does not answer, next try in %.0f s: %s", name, pause, error)
        return None
    except (_RefusedError, HistoryConflictError) as error:
        witness.retry.succeeded()  # It has answered.
        pause = standing.retry.failed(error)
        if isinstance(error, HistoryConflictError):
            item.stop(Conflict(name, str(error)))
        else:
            log.warning("witness %s does not cosign %s, next try in %.0f s: %s", name, item.origin, pause, error)
        return None
    for retry in (witness.retry, standing.retry):
        retry.succeeded()
    standing.waiting = None
    standing.size, standing.text = notes.size_in(checkpoint), notes.text_of(checkpoint)
    item.resume(name)
    return line


def _cosignature(witness: _Witness, standing: _Standing, item: WitnessedLog, checkpoint: str) -> str:
    """The line of a cosignature. Raises _UnavailableError, _RefusedError or HistoryConflictError."""
    size = notes.size_in(checkpoint)
    older = size if standing.size is None else standing.size  # At first we guess that the witness knows this tree.
    for _ in range(_MAX_TRIES):
        status, body = _posted(witness, _request(item, checkpoint, older))
        if status == _OK:
            line = notes.cosignature(body, notes.text_of(checkpoint), witness.address)
            if line is None:
                raise _RefusedError("its answer has no valid cosignature")
            return line
        if status == _UNPROVEN and older:
            raise HistoryConflictError(f"it has cosigned another tree of {older} entries")
        known = _size_in(body) if status == _CONFLICT else None
        if known is None:
            raise _RefusedError(f"it answered {status} {body[:_SHOWN].strip()}".strip())
        _require_later(known, older, size, notes.size_in(item.signed))
        older = known
    raise _RefusedError("it names another size each time")


def _require_later(known: int, older: int, size: int, current: int) -> None:
    """Check the size that a witness says it knows, when `older` and the tree of `size` entries were sent.

    Raises HistoryConflictError if it cannot be of this log, whose last checkpoint has `current` entries; or _RefusedError.
    """
    if known > current:
        raise HistoryConflictError(f"it has cosigned a tree of {known} entries, and the log has {current}")
    if known > size:
        raise _RefusedError("it has cosigned a later checkpoint")
    if known == older == size:
        raise HistoryConflictError(f"it has cosigned another tree of {known} entries")
    if known == older:
        raise _RefusedError(f"it knows the tree of {known} entries, and does not take it")


def _request(item: WitnessedLog, checkpoint: str, older: int) -> str:
    proof = item.consistency(older, notes.size_in(checkpoint))
    lines = [f"old {older}", *map(notes.base64, proof)]
    return "\n".join(lines) + f"\n\n{checkpoint}"


def _posted(witness: _Witness, content: str) -> tuple[int, str]:
    """The status and the text of an answer. Raises _UnavailableError."""
    end = time.monotonic() + _SECONDS
    body = b""
    try:
        with witness.client.stream("POST", f"{witness.address.url}/add-checkpoint", content=content.encode()) as answer:
            for part in answer.iter_bytes():
                body += part
                if len(body) > _MAX_ANSWER or time.monotonic() > end:
                    raise _UnavailableError("its answer is too long, or takes too long")
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError, httpx.InvalidURL) as error:
        raise _UnavailableError(str(error) or type(error).__name__) from error
    if answer.status_code == _TOO_MANY or answer.status_code >= _ERROR:
        raise _UnavailableError(f"it answered {answer.status_code}")
    return answer.status_code, body.decode("utf-8", "replace")


def _size_in(body: str) -> int | None:
    text = body.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004  below 2**64


def _state(witness: _Witness) -> WitnessState:
    standings = list(witness.standings.values())
    waiting = [item.waiting for item in standings if item.waiting is not None]
    problem = next(filter(None, (witness.retry.problem, *(item.retry.problem for item in standings))), "")
    age = time.monotonic() - min(waiting) if waiting else 0.0
    return WitnessState(witness.address.name, sum(item.size or 0 for item in standings), age, problem)
