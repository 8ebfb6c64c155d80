"""A status report of the pullers."""

from pathlib import Path
from typing import Any

from casbah.pull.checkpoints import Checkpoints, reached
from casbah.pull.config import PullSource


def report(entries: dict[str, PullSource], *, folder: Path, now: int) -> list[dict[str, Any]]:
    """One row per puller; `now` and times are ms since the epoch."""
    kept = Checkpoints(folder)
    try:
        return [_row(name, entry, kept, now) for name, entry in entries.items()]
    finally:
        kept.close()


def _row(name: str, entry: PullSource, kept: Checkpoints, now: int) -> dict[str, Any]:
    """The status of a puller. Its lag is the age of the time up to which everything was read."""
    checkpoint, status = kept.of(name)
    until = reached(checkpoint, status)
    return {
        "name": name,
        "kind": entry.kind,
        "tenant": entry.into,
        "lag_ms": None if until is None else max(0, now - until),
        "last_success": status.last_success,
        "last_event": status.last_event,
        "rounds": status.rounds,
        "events": status.events,
        "stored": status.stored,
        "duplicates": status.duplicates,
        "refused": status.refused,
        "gaps": status.gaps,
        "error": status.error,
    }
