"""Failed authentications, counted by client address; beyond the limit they get 429.

Credentials are always checked first: a key is 320 random bits, so nobody guesses one, and looking up its hash or verifying a
signature costs less than the rest of a request. So the limit never refuses a valid key, even if others at the
same address (an office, a proxy) fail.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Container
from typing import NoReturn, Protocol

from casbah.errors import ThrottledError
from casbah.setting_parsers import Rate

_MOST = 10_000
"""Maximum number of addresses; the least recently seen are evicted first."""


class FailureElsewhereError(Exception):
    """An authentication failed in a process that does not count failures: the one that does must answer."""


class Failures(Protocol):
    """Where failed authentications are counted."""

    def failed(self, address: str, /) -> None:
        """Count a failure of an address. Raises ThrottledError beyond the limit."""


class CountedElsewhere:
    """See `Failures`. One process of a server counts for all: its limit is for the whole server."""

    def failed(self, _: str, /) -> NoReturn:
        raise FailureElsewhereError


class FailedSignIns:
    """Counts failures of an address in the last `rate.seconds`; a rate of None counts nothing. The clock gives ms.

    Addresses in `exempt` are not counted: those of trusted proxies, which all of their clients would share.
    """

    def __init__(self, rate: Rate | None, *, clock: Callable[[], int], exempt: Container[str] = ()) -> None:
        self._rate = rate
        self._clock = clock
        self._exempt = exempt
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[int]] = OrderedDict()

    def failed(self, address: str, /) -> None:
        """Count a failure of an address. Raises ThrottledError beyond the limit."""
        if self._rate is None or address in self._exempt:
            return
        with self._lock:
            now, span = self._clock(), self._rate.seconds * 1_000
            failed = self._failed.setdefault(address, deque())
            self._failed.move_to_end(address)
            while failed and not 0 <= now - failed[0] < span:
                failed.popleft()
            if len(failed) < self._rate.requests:
                failed.append(now)
                if len(self._failed) > _MOST:
                    self._failed.popitem(last=False)
                return
            seconds = max(1, -(-(failed[0] + span - now) // 1_000))
        raise ThrottledError(seconds)
