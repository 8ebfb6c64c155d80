"""The deadline of a search, passed down to the code that takes the time."""

import time
from dataclasses import dataclass, field
from threading import Event

from casbah.errors import SearchTooLongError


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from its creation; None: no limit. Checked between the steps of a search, each of which is short.

    `gone` is set once the client has disconnected.
    """

    seconds: int | None = None
    end: float = float("inf")
    gone: Event = field(default_factory=Event, compare=False, repr=False)

    @classmethod
    def after(cls, seconds: int, *, gone: Event | None = None) -> "Deadline":
        """A deadline `seconds` from now, or when `gone` is set."""
        return cls(seconds, time.monotonic() + seconds, gone or Event())

    def check(self) -> None:
        """Raises SearchTooLongError once the deadline has passed."""
        if self.gone.is_set() or time.monotonic() > self.end:
            raise SearchTooLongError(self.seconds or 0)


NEVER = Deadline()
