"""How long a search may take: a value that is handed down to where the time goes."""

import time
from dataclasses import dataclass, field
from threading import Event

from casbah.errors import SearchTooLongError


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from when it is made; None: for ever. It is looked at between the steps of a search, none of which is long.

    `gone` is set once nobody waits for the answer any more.
    """

    seconds: int | None = None
    end: float = float("inf")
    gone: Event = field(default_factory=Event, compare=False, repr=False)

    @classmethod
    def after(cls, seconds: int, *, gone: Event | None = None) -> "Deadline":
        """So many seconds from now, unless nobody waits before that."""
        return cls(seconds, time.monotonic() + seconds, gone or Event())

    def check(self) -> None:
        """Raises SearchTooLongError once it is over."""
        if self.gone.is_set() or time.monotonic() > self.end:
            raise SearchTooLongError(self.seconds or 0)


NEVER = Deadline()
