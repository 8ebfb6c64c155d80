"""A client over scripted answers, blocking or awaiting, so that a test is written once; and what awaits where it must."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from casbah.client import AsyncCasbah, Casbah, Retry

NOW = 1_760_000_000.0
URL = "https://casbah.contoso.com"
TOKEN = "kept0from0every0message" * 3
ONE_PAGE = {"data": [], "hasNext": False, "total": 0}


@dataclass
class Script:
    """Answers with the replies it is given, in order, and notes what it was asked and how long it was let wait."""

    replies: list[Any]
    awaiting: bool
    asked: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, type):
            raise reply("scripted", request=request)
        return reply

    def run(self, use: Callable[[Any], Any], **options: Any) -> Any:
        """What `use` makes of the activities of a client that speaks to this script."""
        given = {
            "retry": Retry(uniform=lambda _, maximum: maximum),
            "http": httpx.MockTransport(self),
            "clock": lambda: NOW,
        }
        given |= options if "bearer" in options else {"token": TOKEN, **options}
        if not self.awaiting:
            with Casbah(URL, sleep=self.waits.append, **given) as casbah:
                return use(casbah.activities)
        return asyncio.run(self._awaited(use, given))

    async def _awaited(self, use: Callable[[Any], Any], given: dict[str, Any]) -> Any:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        async with AsyncCasbah(URL, sleep=sleep, **given) as casbah:
            return await settled(use(casbah.activities))


async def settled(value: Any) -> Any:
    """The value, awaited where it must be."""
    return await value if inspect.isawaitable(value) else value


async def drained(several: Any) -> list[Any]:
    """All that an iterator of either kind gives."""
    return [each async for each in several] if hasattr(several, "__aiter__") else list(several)
