"""What pulling is made of: a source that says what comes next, and what is remembered of how far it got.

    source.fetch(checkpoint) -> Fetched --sink--> stored, on disk --then--> the checkpoint is kept

A page is stored before its checkpoint is kept, so a crash between the two reads it again, which changes nothing: events are
stored once, whoever sends them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Checkpoint = Mapping[str, Any]
"""How far a source has got, as JSON; empty at first. Only the source itself reads it."""


class PullError(Exception):
    """Why a round ended early; the message says what to look at and holds no secret. The next round begins at `resume`, if
    that is not where this one ended.
    """

    resume: Checkpoint | None = None


class ApiRefusedError(PullError):
    """The API refuses the request, and would again: credentials, permissions, or a parameter. `status` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ApiUnreachableError(PullError):
    """The API did not answer well enough for long enough; the next round tries again."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One page: its events as the source wrote them, one JSON object each, and the checkpoint to keep once they are stored.

    `more` says that there is another page right now. `gap` is a stretch of time that can no longer be read, in words. `stored`
    is called once the checkpoint is kept.
    """

    events: Sequence[bytes]
    checkpoint: Checkpoint
    more: bool
    gap: str = ""
    stored: Callable[[], None] = lambda: None


class Source(Protocol):
    """Something that can be pulled. `connector` is the name of what makes records of its events."""

    @property
    def connector(self) -> str: ...

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """The page after a checkpoint. Raises PullError."""
        ...


@dataclass(frozen=True, slots=True)
class ApiMessage:
    """What became of events that were sent to the store."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0


Sink = Callable[[Sequence[bytes], str], ApiMessage]
"""Stores events under a connector's name; on disk on return."""


@dataclass(slots=True)
class Status:
    """How a puller is doing; moments in ms."""

    rounds: int = 0
    pages: int = 0
    events: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    last_success: int | None = None
    last_event: int | None = None
    error: str = ""
    gaps: list[str] = field(default_factory=list)
