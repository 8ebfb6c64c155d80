"""Keys that are none, counted by where they come from: whoever tries too many waits."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from casbah.errors import ThrottledError
from casbah.settings import Rate

_MOST = 10_000
"""So many addresses, and so many keys that were good, are remembered; those not seen for longest are forgotten first."""


class Attempts:
    """Counts bad keys of an address in the last `rate.seconds`; a rate of None counts nothing. The clock gives ms.

    A key that was good from the same address before is let pass, so that somebody who shares an address (a proxy's, an
    office's) with whoever tries keys is not kept out.
    """

    def __init__(self, rate: Rate | None, *, clock: Callable[[], int]) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[int]] = OrderedDict()
        self._good: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def check(self, address: str, digest: bytes) -> None:
        """Raises ThrottledError where too many keys of that address were bad, and this one was never good."""
        if self._rate is None:
            return
        with self._lock:
            failed = self._recent(address)
            if len(failed) < self._rate.requests or (address, digest) in self._good:
                return
            seconds = max(1, -(-(failed[0] + self._rate.seconds * 1_000 - self._clock()) // 1_000))
        raise ThrottledError(seconds, {})

    def failed(self, address: str) -> None:
        """A key of that address was bad."""
        if self._rate is None:
            return
        with self._lock:
            failed = self._recent(address)
            failed.append(self._clock())
            self._failed[address] = failed
            self._failed.move_to_end(address)
            if len(self._failed) > _MOST:
                self._failed.popitem(last=False)

    def good(self, address: str, digest: bytes) -> None:
        """A key of that address was good."""
        with self._lock:
            self._seen[digest] = None
            self._seen.move_to_end(digest)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
            if self._rate is None:
                return
            self._good[address, digest] = None
            self._good.move_to_end((address, digest))
            if len(self._good) > _MOST:
                self._good.popitem(last=False)

    def known(self, digest: bytes) -> bool:
        """Whether a key was good, from whatever address."""
        return digest in self._seen

    def _recent(self, address: str) -> deque[int]:
        """When keys of the address were bad, as far as that counts still."""
        failed = self._failed.get(address, deque(maxlen=self._rate.requests if self._rate else 0))
        span = (self._rate.seconds if self._rate else 0) * 1_000
        now = self._clock()
        while failed and not 0 <= now - failed[0] < span:
            failed.popleft()
        return failed
