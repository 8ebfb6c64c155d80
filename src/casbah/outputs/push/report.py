"""How destinations are doing, as the API shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from casbah.activity.tenant import TenantId

_Count = Annotated[int, Meta(ge=0)]
_Time = Annotated[int | None, Meta(description="ms since the epoch; null: not since the server's start")]


class Push(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The status of a destination."""

    name: str
    kind: str
    to: Annotated[str, Meta(description="Scheme, host and port; the path is left out, as it may be a secret")]
    lag_ms: Annotated[
        int | None,
        Meta(description="How long the oldest activity that is not yet sent has been stored; null: not known yet"),
    ]
    reached: Annotated[_Count, Meta(description="The sequence number up to which everything was sent")]
    behind: Annotated[_Count, Meta(description="How many sequence numbers there are after it")]
    last_success: _Time
    last_failure: _Time
    dead_letters: Annotated[_Count, Meta(description="Activities that the destination refused permanently")]
    error: Annotated[str, Meta(description="What is wrong now, if anything is")]


@dataclass(frozen=True, slots=True)
class PushState:
    """How a destination has been doing since the server's start. Times are in ms.

    `waiting_since`: when the oldest activity that is not yet sent was stored, or None. It is known once `has_looked`.
    """

    has_looked: bool = False
    waiting_since: int | None = None
    last_success: int | None = None
    last_failure: int | None = None

    def lag_ms(self, now: int) -> int | None:
        """How long the oldest activity that is not yet sent has been stored. None if that is not known yet."""
        if not self.has_looked:
            return None
        return 0 if self.waiting_since is None else max(0, now - self.waiting_since)


class Reporting(Protocol):
    """A pusher, as far as reports need it."""

    @property
    def name(self) -> str: ...

    @property
    def tenant_id(self) -> TenantId: ...

    @property
    def lag_ms(self) -> int | None: ...

    def report(self) -> Push:
        """The status of its destination."""
        ...


class Pushes:
    """The pushers that run. They are there from the server's start to its end."""

    def __init__(self) -> None:
        self._running: Sequence[Reporting] = ()

    def show(self, running: Sequence[Reporting]) -> None:
        """Report these from now on."""
        self._running = running

    def of(self, tenant_id: TenantId) -> list[Push]:
        """The status of a tenant's destinations, by name."""
        return [pusher.report() for pusher in self._running if pusher.tenant_id == tenant_id]

    def lags(self) -> dict[str, float]:
        """How far behind destinations are, by name, in seconds."""
        return {pusher.name: lag / 1_000 for pusher in self._running if (lag := pusher.lag_ms) is not None}
