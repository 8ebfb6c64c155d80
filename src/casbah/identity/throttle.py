"""How often a tenant may ask: so many requests in any span of so many seconds. The clock is passed in."""

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from casbah.errors import ThrottledError
from casbah.settings import Rate


@dataclass(frozen=True, slots=True)
class Quota:
    """What a tenant has left: so many requests within the next `seconds`, after which there are more."""

    rate: Rate
    remaining: int
    seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        """For the answer: the IETF's draft-ietf-httpapi-ratelimit-headers, edition 08 and later.

        `q` and `w` are the rate; `r` is what remains, and `t` the seconds until the oldest request that counts is forgotten.
        """
        return {
            "RateLimit-Policy": f'"tenant";q={self.rate.requests};w={self.rate.seconds}',
            "RateLimit": f'"tenant";r={self.remaining};t={self.seconds}',
        }


class Throttle:
    """Counts each tenant's requests in the last `rate.seconds`; a rate of None lets everything pass."""

    def __init__(self, rate: Rate | None, *, clock: Callable[[], int]) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, deque[int]] = {}

    def admit(self, tenant: str) -> Quota | None:
        """Count one request; what is left after it, or None where there is no rate.

        Raises ThrottledError with the whole seconds until the next may pass.
        """
        if self._rate is None:
            return None
        span = self._rate.seconds * 1_000
        with self._lock:
            now = self._clock()
            seen = self._seen.setdefault(tenant, deque())
            # A request of the future was counted before the clock was set back; nobody waits until that comes round again.
            while seen and not 0 <= now - seen[0] < span:
                seen.popleft()
            if len(seen) < self._rate.requests:
                seen.append(now)
                return Quota(self._rate, self._rate.requests - len(seen), _seconds_until(seen[0] + span, now))
            refused = Quota(self._rate, 0, _seconds_until(seen[0] + span, now))
        raise ThrottledError(refused.seconds, refused.headers)


def _seconds_until(moment: int, now: int) -> int:
    return max(1, math.ceil((moment - now) / 1_000))
