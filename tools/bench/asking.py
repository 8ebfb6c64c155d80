"""Asking: every request once of everybody, to see that they agree, then in turn, A B A B, to see how long each takes."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tools.bench.wire import Connection

LIST = "/api/v1/activities/"
_MAX_SECONDS = 60
"""Who has taken so long for one shape is not asked again: the figures are those of the rounds until then."""

Ask = Callable[[dict[str, Any]], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: the total, and the ids of the page in order."""

    total: int
    ids: tuple[str, ...]


@dataclass(slots=True)
class Way:
    """One way to ask: over HTTP, or of the floor. `raw` is what is measured, `read` makes sense of what it gave."""

    raw: Callable[[dict[str, Any]], Any]
    read: Callable[[Any], Answer]


@dataclass(slots=True)
class Figures:
    """What one way took for one shape, in ms, and what went wrong."""

    times: list[float] = field(default_factory=list)
    spent: float = 0
    error: str = ""

    def summary(self) -> dict[str, Any]:
        """Median and the middle half, or the error."""
        if self.error or not self.times:
            return {"error": self.error or "not asked"}
        low, median, high = quartiles(self.times)
        return {"median": round(median, 3), "low": round(low, 3), "high": round(high, 3), "rounds": len(self.times)}


def over_http(connection: Connection) -> Way:
    """The way through a server."""
    return Way(lambda body: connection.ask(LIST, body), _of_json)


def of_floor(ask: Callable[[dict[str, Any]], tuple[Sequence[bytes], int]]) -> Way:
    """The way to bare tantivy."""
    return Way(ask, lambda found: Answer(found[1], tuple(orjson.loads(record)["_id"] for record in found[0])))


def agreed(
    ways: Mapping[str, Way], bodies: Sequence[dict[str, Any]], figures: Mapping[str, Figures]
) -> tuple[str, list[str]]:
    """Ask everything once of everybody: the totals, and how answers differ from the first one's, in words.

    It warms everybody up, too.
    """
    totals, differences = [], []
    for body in bodies:
        answers = {name: _asked(way, body, figures[name]) for name, way in ways.items() if not _done(figures[name])}
        known = {name: answer for name, answer in answers.items() if answer is not None}
        if not known:
            continue
        first, right = next(iter(known.items()))
        totals.append(right.total)
        for name, answer in known.items():
            if answer != right:
                said = f"totals {right.total} and {answer.total}" if answer.total != right.total else "other activities"
                differences.append(f"{first} and {name}: {said} for {orjson.dumps(body).decode()}")
    return _span(totals), differences


def in_turn(
    ways: Mapping[str, Way], bodies: Sequence[dict[str, Any]], figures: Mapping[str, Figures], *, rounds: int
) -> None:
    """Each way once a round, so that what slows the machine slows all of them."""
    for number in range(rounds):
        body = bodies[number % len(bodies)]
        for name, way in ways.items():
            if not _done(figures[name]):
                _timed(way, body, figures[name], keep=True)


def quartiles(times: Sequence[float]) -> tuple[float, float, float]:
    """The ends and the middle of the middle half."""
    if len(times) == 1:
        return times[0], times[0], times[0]
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return low, median, high


def _span(totals: Sequence[int]) -> str:
    minimum, maximum = min(totals, default=0), max(totals, default=0)
    return f"{minimum:,}" if minimum == maximum else f"{minimum:,}..{maximum:,}"


def _asked(way: Way, body: dict[str, Any], figures: Figures) -> Answer | None:
    raw = _timed(way, body, figures, keep=False)
    return None if figures.error else way.read(raw)


def _timed(way: Way, body: dict[str, Any], figures: Figures, *, keep: bool) -> Any:
    started = time.perf_counter()
    try:
        raw = way.raw(body)
    except Exception as error:  # noqa: BLE001  whatever goes wrong with one peer is told, and the others go on
        figures.error = f"{type(error).__name__}: {error}"[:300]
        return None
    seconds = time.perf_counter() - started
    figures.spent += seconds
    if keep:
        figures.times.append(seconds * 1_000)
    return raw


def _done(figures: Figures) -> bool:
    return bool(figures.error) or figures.spent > _MAX_SECONDS


def _of_json(raw: bytes) -> Answer:
    found = orjson.loads(raw)
    return Answer(found["total"], tuple(each["_id"] for each in found["data"]))
