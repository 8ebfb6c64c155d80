"""How long a search may take: a value that is handed down to where the time goes."""

import time
from dataclasses import dataclass

from casbah.errors import SearchTooLongError


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from when it is made; None: for ever. It is looked at between the steps of a search, none of which is long."""

    seconds: int | None = None
    end: float = float("inf")

    @classmethod
    def after(cls, seconds: int | None) -> "Deadline":
        """So many seconds from now."""
        return cls(seconds, time.monotonic() + seconds) if seconds is not None else cls()

    def check(self) -> None:
        """Raises SearchTooLongError once it is over."""
        if time.monotonic() > self.end:
            raise SearchTooLongError(self.seconds or 0)


NEVER = Deadline()
