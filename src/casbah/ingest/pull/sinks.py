"""Sends pulled events to a server with an ordinary ingest request."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from casbah.ingest.pull.contract import ApiUnreachableError, IngestCounts, Sink

PATH = "/api/ext/v1/activities"
_MAX_BYTES = 16_000_000
_OK = 400

Send = Callable[..., httpx.Response]
"""Takes a method, a path and httpx's options; returns the response."""


def sink(send: Send, *, name: str, rejects: Path) -> Sink:
    """A sink for a puller's events. Refused events are written to a file in `rejects`, with the reasons."""

    def stored(events: Sequence[bytes], connector: str) -> IngestCounts:
        total = IngestCounts()
        for batch in _batches(events):
            answer = _sent(send, batch, connector)
            refused = answer["refused"]
            if refused:
                _keep(rejects / f"pull-{name}-{datetime.now(UTC):%Y%m%d}.ndjson", name, batch, refused)
            total = IngestCounts(
                total.stored + answer["stored"], total.duplicates + answer["duplicates"], total.refused + len(refused)
            )
        return total

    return stored


def _batches(events: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event)
        if size >= _MAX_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _sent(send: Send, batch: Sequence[bytes], connector: str) -> dict[str, Any]:
    """Send a batch and return the response, as one list because events may hold line feeds."""
    try:
        answer = send("POST", PATH, params={"source": connector}, content=b"[%b]" % b",".join(batch))
    except httpx.HTTPError as error:
        raise ApiUnreachableError(f"the store did not answer: {type(error).__name__}") from None
    if (
        answer.status_code >= _OK and answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY
    ):  # 422: all events were refused.
        raise ApiUnreachableError(f"the store answered with HTTP {answer.status_code}: {answer.text[:200]}")
    result: dict[str, Any] = answer.json()
    return result


def _keep(file: Path, name: str, batch: Sequence[bytes], refused: Sequence[dict[str, Any]]) -> None:
    """Append to the rejects file, in the format of `casbah ingest`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as opened:
        for refusal in refused:
            event = batch[refusal["line"] - 1].decode("utf-8", "backslashreplace")
            line = {"origin": f"pull {name}", "line": refusal["line"], "reason": refusal["reason"], "event": event}
            opened.write(json.dumps(line) + "\n")
