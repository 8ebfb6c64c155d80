"""Stops a command that stores activities such that its reported counts are true."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SIGNALLED = 128
"""The exit code of a command ended by a signal is this plus the signal's number."""


@dataclass(slots=True)
class Stopping:
    """Ends the command at SIGTERM or Ctrl-C: at once, or when the current batch has been answered and counted.

    A second signal ends it at once. `number` is the signal.
    """

    number: int | None = None
    in_batch: bool = False

    @property
    def code(self) -> int:
        """The exit code of a command that a signal ended."""
        return _SIGNALLED + (self.number or signal.SIGINT)

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Within the context, the signals raise KeyboardInterrupt; signals ignored at process start stay ignored."""
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._signalled)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """The context in which a batch is sent and counted. `in_batch` stays set if that is interrupted."""
        self.in_batch = True
        yield
        self.in_batch = False
        if self.number is not None:
            raise KeyboardInterrupt

    def _signalled(self, number: int, _: object) -> None:
        first, self.number = self.number is None, number
        if not (first and self.in_batch):
            raise KeyboardInterrupt
