"""Where pulled events go: into a server's store, by the same request as anybody's."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from casbah.pull.contract import ApiMessage, ApiUnreachableError, Sink

PATH = "/api/ext/v1/activities"
_MOST_BYTES = 16_000_000
_OK = 400

Send = Callable[..., httpx.Response]
"""Takes a method, a path and httpx's options, and gives the answer."""


def sink(send: Send, *, name: str, rejects: Path) -> Sink:
    """A sink of a puller's events. What the store refuses is kept in a file of `rejects`, with the reasons."""

    def stored(events: Sequence[bytes], connector: str) -> ApiMessage:
        told = ApiMessage()
        for batch in _batches(events):
            answer = _sent(send, batch, connector)
            refused = answer["refused"]
            if refused:
                _keep(rejects / f"pull-{name}-{datetime.now(UTC):%Y%m%d}.ndjson", name, batch, refused)
            told = ApiMessage(
                told.stored + answer["stored"], told.duplicates + answer["duplicates"], told.refused + len(refused)
            )
        return told

    return stored


def _batches(events: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event)
        if size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _sent(send: Send, batch: Sequence[bytes], connector: str) -> dict[str, Any]:
    """What the store says. One list, because events may hold line feeds."""
    try:
        answer = send("POST", PATH, params={"source": connector}, content=b"[%b]" % b",".join(batch))
    except httpx.HTTPError as error:
        raise ApiUnreachableError(f"the store did not answer: {type(error).__name__}") from None
    if answer.status_code >= _OK and answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:  # All events were refused.
        raise ApiUnreachableError(f"the store answers with HTTP {answer.status_code}: {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found


def _keep(file: Path, name: str, batch: Sequence[bytes], refused: Sequence[dict[str, Any]]) -> None:
    """Beside the rejects of `casbah ingest`, and in the same form."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as opened:
        for each in refused:
            event = batch[each["line"] - 1].decode("utf-8", "backslashreplace")
            line = {"origin": f"pull {name}", "line": each["line"], "reason": each["reason"], "event": event}
            opened.write(json.dumps(line) + "\n")
