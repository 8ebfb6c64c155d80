"""Rate limit per tenant: a number of requests in any span of a number of seconds. The clock is passed in."""

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from casbah.base.key_value import KeyValueStore, Value, change
from casbah.errors import ThrottledError
from casbah.setting_parsers import Rate


@dataclass(frozen=True, slots=True)
class Quota:
    """What a tenant has left: `remaining` requests in the next `seconds`, after which there are more."""

    rate: Rate
    remaining: int
    seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers of draft-ietf-httpapi-ratelimit-headers, version 08 and later.

        `q` and `w` are the rate; `r` is what remains, and `t` the seconds until the oldest counted request expires.
        """
        return {
            "RateLimit-Policy": f'"tenant";q={self.rate.requests};w={self.rate.seconds}',
            "RateLimit": f'"tenant";r={self.remaining};t={self.seconds}',
        }


class Throttle:
    """Counts each tenant's requests in the last `rate.seconds`; a rate of None lets everything pass.

    The moments that count are in the key-value store, so servers that share it count together.
    """

    def __init__(self, rate: Rate | None, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._rate = rate
        self._key_values = key_values
        self._clock = clock
        self._counting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def is_remote(self) -> bool:
        """Whether calls may wait for a network."""
        return self._rate is not None and self._key_values.is_remote

    def admit(self, tenant: str) -> Quota | None:
        """Count one request; returns what is left after it, or None if there is no rate.

        Raises ThrottledError with the whole seconds until the next may pass.
        """
        if self._rate is None:
            return None
        rate, quota = self._rate, Quota(self._rate, 0, 1)

        def counted(value: Value | None) -> Value:
            nonlocal quota
            seen = () if value is None else value[_SEEN]
            now, span = self._clock(), rate.seconds * 1_000
            # A request in the future was counted before the clock was set back; it no longer counts.
            first = next((at for at, moment in enumerate(seen) if 0 <= now - moment < span), len(seen))
            counts = [*seen[first:]]
            if len(counts) >= rate.requests:
                refused = Quota(rate, 0, _seconds_until(counts[0] + span, now))
                raise ThrottledError(refused.seconds, refused.headers)
            counts.append(now)
            quota = Quota(rate, rate.requests - len(counts), _seconds_until(counts[0] + span, now))
            return {_SEEN: counts}

        # Threads of one server wait for each other here, instead of failing compare-and-set in the key-value store.
        with self._counting[tenant]:
            change(self._key_values, _DRAWER, tenant, counted)
        return quota


def _seconds_until(moment: int, now: int) -> int:
    return max(1, math.ceil((moment - now) / 1_000))


_DRAWER, _SEEN = "throttle", "seen"
