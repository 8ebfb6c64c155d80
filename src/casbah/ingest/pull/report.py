"""A status report of the pullers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from casbah.ingest.pull.checkpoints import Checkpoints, reached
from casbah.ingest.pull.entry import PullEntry

_Count = Annotated[int, Meta(ge=0)]


class Pull(msgspec.Struct, forbid_unknown_fields=True):
    """The status of a puller, as the API and `casbah pull --list` show it."""

    name: str
    kind: str
    tenant: str
    lag_ms: Annotated[int | None, Meta(description="How long ago all was read until; null: it never ran")]
    last_success: int | None
    last_event: int | None
    rounds: _Count
    events: _Count
    stored: _Count
    duplicates: _Count
    refused: _Count
    gaps: Annotated[Sequence[str], Meta(description="What its vendor no longer has")]
    error: Annotated[str, Meta(description="What went wrong last, if it did")]


def report(entries: dict[str, PullEntry], *, folder: Path, now: int) -> list[Pull]:
    """One row per puller; `now` and times are ms since the epoch."""
    kept = Checkpoints(folder)
    try:
        return [_row(name, entry, kept, now) for name, entry in entries.items()]
    finally:
        kept.close()


def _row(name: str, entry: PullEntry, kept: Checkpoints, now: int) -> Pull:
    """The status of a puller. Its lag is the age of the time up to which everything was read."""
    checkpoint, status = kept.of(name)
    until = reached(checkpoint, status)
    return Pull(
        name=name,
        kind=entry.kind,
        tenant=entry.into,
        lag_ms=None if until is None else max(0, now - until),
        last_success=status.last_success,
        last_event=status.last_event,
        rounds=status.rounds,
        events=status.events,
        stored=status.stored,
        duplicates=status.duplicates,
        refused=status.refused,
        gaps=status.gaps,
        error=status.error,
    )
