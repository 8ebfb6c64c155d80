"""The types of pulling: a fetcher, which gets the next page from an API, and the checkpoint of its progress.

    fetcher.fetch(checkpoint) -> Fetched --sink--> events on disk --then--> checkpoint on disk

A page is stored before its checkpoint, so a crash in between fetches it again. That is harmless, because ingest drops
duplicates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Checkpoint = Mapping[str, Any]
"""The progress of a fetcher, as JSON; empty at first. Only the fetcher interprets it."""


class PullError(Exception):
    """A round ended early. The message says what to check and holds no secret. The next round resumes at `resume` if set, else
    at the last checkpoint.
    """

    resume: Checkpoint | None = None


class ApiRefusedError(PullError):
    """The API refused the request permanently: bad credentials, permissions or parameters. `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ApiUnreachableError(PullError):
    """The API kept failing. The next round retries."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One page: its events as the API sent them, one JSON object each, and the checkpoint to keep once they are stored.

    `more` means that another page is available now. `gap` describes events that can no longer be read. `stored` is called
    once the checkpoint is on disk.
    """

    events: Sequence[bytes]
    checkpoint: Checkpoint
    more: bool
    gap: str = ""
    stored: Callable[[], None] = lambda: None


class Fetcher(Protocol):
    """Reads one API, page by page. `connector` is the name of the connector for its events."""

    @property
    def connector(self) -> str: ...

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """The page after a checkpoint. Raises PullError."""
        ...


@dataclass(frozen=True, slots=True)
class IngestCounts:
    """How many of the events sent to the store were stored, known already, or refused."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0


Sink = Callable[[Sequence[bytes], str], IngestCounts]
"""Stores events under a connector's name; they are on disk on return."""


@dataclass(slots=True)
class Status:
    """The status of a puller; times in ms."""

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
