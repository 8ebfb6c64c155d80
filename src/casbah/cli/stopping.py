"""Stopping a command that stores, so that what it says of itself is true."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SIGNALLED = 128
"""The exit code of a command that a signal ends is this and the signal's number."""


@dataclass(slots=True)
class Stopping:
    """Ends the command at SIGTERM or Ctrl-C: at once, or once the batch under way is answered, so that it is counted.

    A second signal ends it in any case. `number` is the signal.
    """

    number: int | None = None
    in_batch: bool = False

    @property
    def code(self) -> int:
        """The exit code of a command that a signal ended."""
        return _SIGNALLED + (self.number or signal.SIGINT)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Inside, the signals raise KeyboardInterrupt here; one that this process was started to ignore stays ignored."""
        before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        for each, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(each, self._signalled)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Inside, a batch is sent and counted. It stays `in_batch` where that was broken off."""
        self.in_batch = True
        yield
        self.in_batch = False
        if self.number is not None:
            raise KeyboardInterrupt

    def _signalled(self, number: int, _: object) -> None:
        first, self.number = self.number is None, number
        if not (first and self.in_batch):
            raise KeyboardInterrupt
