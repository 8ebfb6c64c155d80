"""The type of a kind of pull source: the keys that its entry needs, and what opens its fetcher. Each API has a file."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from casbah.ingest.pull.contract import Fetcher
from casbah.ingest.pull.entry import BadPullFileError, PullEntry, Secret
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Pages, Windowed

MINUTE, DAY = 60_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Tools:
    """The dependencies of pullers, replaceable in tests."""

    client: httpx.Client
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    dice: random.Random
    aws: Callable[..., Any]

    def web(self, entry: PullEntry, base: str, authorize: Callable[[], Mapping[str, str]]) -> Web:
        """A client for the API at `base`, or at the entry's own address."""
        return Web(
            self.client,
            entry.url or base,
            authorize=authorize,
            clock=self.clock,
            sleep=self.sleep,
            dice=self.dice,
        )


OpenFetcher = Callable[[PullEntry, Secret, Tools, int, int], Fetcher]
"""Opens a fetcher. The numbers: how far back its first run begins, and how much each run reads again, in ms. Raises
BadPullFileError."""

OpenPages = Callable[[PullEntry, Secret, Tools], Pages]


@dataclass(frozen=True, slots=True)
class PullKind:
    """One API. `overlap` is how late its events arrive, in ms.

    Of the entry's keys `needs` are required, and one of `any_of`; without `secret` it has none. `data`, `credential` and
    `permission` describe it in docs/pull.md.
    """

    name: str
    open: OpenFetcher
    overlap: int
    data: str
    credential: str
    permission: str
    secret: bool = True
    needs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()


def utc(moment: int, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """A time in ms since the epoch as an API takes it, to the second."""
    return datetime.fromtimestamp(moment // 1_000, UTC).strftime(form)


def windowed(pages: OpenPages, *, keeps: int, maximum: int) -> OpenFetcher:
    """Reads in windows of time. In ms: how long the vendor keeps events, and the longest window of one request."""

    def open_fetcher(entry: PullEntry, secret: Secret, tools: Tools, back: int, overlap: int) -> Fetcher:
        if overlap >= maximum:
            raise BadPullFileError(f"{entry.kind}: overlap: less than {maximum // MINUTE}m")
        return Windowed(pages(entry, secret, tools), tools.clock, min(back, keeps), overlap, keeps, maximum)

    return open_fetcher
