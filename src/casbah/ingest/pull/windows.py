"""Sources that are read in time windows, page by page, in any order.

A round reads everything since the last one plus an overlap, because events arrive late and clocks differ. Reading an event
twice is harmless. The window stays the same until its last page is stored, so that an interrupted round resumes where it was,
or restarts the window if its page token has expired.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from casbah.ingest.pull.contract import ApiRefusedError, Checkpoint, Fetched

_EXPIRED = (400, 404, 410, 422)
_MAX_BEGINNINGS = 5
"""How often a round starts a window because page tokens expire; after that it waits for the next round."""


@dataclass(frozen=True, slots=True)
class Read:
    """One page: its events, and the token (JSON) of the next page, if any. `gap` describes what cannot be read."""

    events: list[bytes]
    following: Any = None
    gap: str = ""


class Pages(Protocol):
    """The API-specific part of a windowed fetcher."""

    @property
    def connector(self) -> str: ...

    def read(self, since: int, until: int, token: Any) -> Read:
        """A page of events from `since` to `until` (ms); `token` is None for the first."""
        ...


@dataclass(frozen=True, slots=True)
class Windowed:
    """A fetcher that reads time windows. In ms: the first round starts `back` ago, later ones `overlap` before the last end;
    `keeps` is how long the vendor keeps events, `maximum` the longest window of one request.
    """

    pages: Pages
    clock: Callable[[], int]
    back: int
    overlap: int
    keeps: int
    maximum: int

    @property
    def connector(self) -> str:
        return self.pages.connector

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        now = self.clock()
        if "since" not in checkpoint:
            checkpoint, gap = self._new_round(checkpoint, now)
        else:
            gap = ""
        since, until, token = checkpoint["since"], checkpoint["until"], checkpoint.get("token")
        try:
            page = self.pages.read(since, until, token)
        except ApiRefusedError as refused:
            if token is None or refused.status not in _EXPIRED:
                raise
            begun = checkpoint.get("begun", 1)
            if begun >= _MAX_BEGINNINGS:
                refused.resume = {"since": since, "until": until}
                raise
            return Fetched((), {"since": since, "until": until, "begun": begun + 1}, more=True)
        gap = "; ".join(filter(None, (gap, page.gap)))
        if page.following is not None:
            return Fetched(page.events, {**checkpoint, "token": page.following}, more=True, gap=gap)
        return Fetched(page.events, {"done": until}, more=until < now - self.overlap, gap=gap)

    def _new_round(self, checkpoint: Checkpoint, now: int) -> tuple[Checkpoint, str]:
        """The checkpoint of a new round, and the gap of events that it can no longer reach."""
        done = checkpoint.get("done")
        since = now - self.back if done is None else done - self.overlap
        oldest = now - self.keeps
        lost = since < oldest and done is not None and done < oldest
        gap = f"events from {done} to {oldest} ms are no longer kept by the vendor" if lost else ""
        since = max(since, oldest)
        return {"since": since, "until": min(now, since + self.maximum)}, gap
