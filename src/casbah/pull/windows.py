"""Sources that are asked for a stretch of time, page after page, whichever way they order it.

A round reads everything since the last one, and some time more: events come late, and clocks differ. Reading an event twice
changes nothing. The stretch is kept as it was begun until its last page is stored, so that a round that breaks off goes on
where it was, or begins again where its page token has expired.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from casbah.pull.contract import ApiRefusedError, Checkpoint, Fetched

_EXPIRED = (400, 404, 410, 422)
_MOST_BEGINNINGS = 5
"""How often a round begins a stretch again because its page token has expired; after that it waits for the next round."""


@dataclass(frozen=True, slots=True)
class Read:
    """One page: its events, and the token of the next one, JSON, if there is one. `gap` is what cannot be read, in words."""

    events: list[bytes]
    following: Any = None
    gap: str = ""


class Pages(Protocol):
    """What differs from one API to the next."""

    @property
    def connector(self) -> str: ...

    def read(self, since: int, until: int, token: Any) -> Read:
        """A page of what happened from `since` to `until` (ms); `token` is None for the first."""
        ...


@dataclass(frozen=True, slots=True)
class Windowed:
    """A source out of pages of time. Spans in ms: `back` for the first round, `overlap` for each, `keeps` is how long the
    vendor keeps events, `most` the longest stretch that one request may ask for.
    """

    pages: Pages
    clock: Callable[[], int]
    back: int
    overlap: int
    keeps: int
    most: int

    @property
    def connector(self) -> str:
        return self.pages.connector

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """See `Source`."""
        now = self.clock()
        if "since" not in checkpoint:
            checkpoint, gap = self._begun(checkpoint, now)
        else:
            gap = ""
        since, until, token = checkpoint["since"], checkpoint["until"], checkpoint.get("token")
        try:
            page = self.pages.read(since, until, token)
        except ApiRefusedError as refused:
            if token is None or refused.status not in _EXPIRED:
                raise
            begun = checkpoint.get("begun", 1)
            if begun >= _MOST_BEGINNINGS:
                refused.resume = {"since": since, "until": until}
                raise
            return Fetched((), {"since": since, "until": until, "begun": begun + 1}, more=True)
        gap = "; ".join(filter(None, (gap, page.gap)))
        if page.following is not None:
            return Fetched(page.events, {**checkpoint, "token": page.following}, more=True, gap=gap)
        return Fetched(page.events, {"done": until}, more=until < now - self.overlap, gap=gap)

    def _begun(self, checkpoint: Checkpoint, now: int) -> tuple[Checkpoint, str]:
        """A new round, and what it can no longer reach."""
        done = checkpoint.get("done")
        since = now - self.back if done is None else done - self.overlap
        oldest = now - self.keeps
        lost = since < oldest and done is not None and done < oldest
        gap = f"events from {done} to {oldest} ms are no longer kept by the vendor" if lost else ""
        since = max(since, oldest)
        return {"since": since, "until": min(now, since + self.most)}, gap
