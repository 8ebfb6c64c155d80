"""How often a tenant may ask: so many requests in any span of so many seconds. The clock is passed in."""

import math
import threading
from collections import deque
from collections.abc import Callable

from casbah.errors import ThrottledError
from casbah.settings import Rate


class Throttle:
    """Counts each tenant's requests in the last `rate.seconds`; a rate of None lets everything pass."""

    def __init__(self, rate: Rate | None, *, clock: Callable[[], int]) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, deque[int]] = {}

    def admit(self, tenant: str) -> None:
        """Let one request pass, or raise ThrottledError with the whole seconds until the next may."""
        if self._rate is None:
            return
        now = self._clock()
        span = self._rate.seconds * 1_000
        with self._lock:
            seen = self._seen.setdefault(tenant, deque())
            while seen and now - seen[0] >= span:
                seen.popleft()
            if len(seen) >= self._rate.requests:
                raise ThrottledError(max(1, math.ceil((seen[0] + span - now) / 1_000)))
            seen.append(now)
