"""Pullers that keep running, each in a thread and a rhythm of its own, until they are stopped."""

import logging
import random
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from casbah.failure import bug
from casbah.pull import build
from casbah.pull.checkpoints import Checkpoints
from casbah.pull.config import PullSource, secret, span
from casbah.pull.contract import PullError, Sink, Status
from casbah.pull.puller import Puller

log = logging.getLogger("casbah.pull")

_TIMEOUT = 60.0
_SECONDS_TO_STOP = 30.0


class StoppedError(PullError):
    """The puller was told to stop while it waited."""


@dataclass(frozen=True, slots=True)
class Job:
    """A puller of the file, and where its events go."""

    name: str
    entry: PullSource
    sink: Sink


class Pulling:
    """Pullers, ready to run. Raises BadPullFileError where one of them cannot."""

    def __init__(self, jobs: Iterable[Job], *, folder: Path, clock: Callable[[], int]) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        with ExitStack() as opened:
            client = opened.enter_context(httpx.Client(timeout=_TIMEOUT))
            checkpoints = opened.enter_context(closing(Checkpoints(folder)))
            tools = build.Tools(client, clock, self._sleep, random.Random(), build.aws)  # noqa: S311  jitter
            self._pullers = [
                (
                    Puller(
                        job.name,
                        build.source(job.entry, secret(job.name, job.entry), tools),
                        sink=job.sink,
                        checkpoints=checkpoints,
                        clock=clock,
                        stop=self._stopping.is_set,
                    ),
                    span(job.entry.every) / 1_000,
                )
                for job in jobs
            ]
            self._resources = opened.pop_all()

    @property
    def names(self) -> list[str]:
        """Whom there is to run."""
        return [puller.name for puller, _ in self._pullers]

    def once(self) -> dict[str, Status | PullError]:
        """One round of each, one after another; what became of it."""
        return {puller.name: _round(puller) for puller, _ in self._pullers}

    def start(self) -> None:
        """Let all of them run."""
        for puller, pause in self._pullers:
            thread = threading.Thread(
                target=self._run, args=(puller, pause), name=f"casbah-pull-{puller.name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def wait(self) -> None:
        """Wait until they are stopped."""
        self._stopping.wait()

    def stop(self) -> None:
        """Let rounds end where they are; what is stored is stored, and the next start goes on there."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, and let go of everything."""
        self.stop()
        for thread in self._threads:
            thread.join(_SECONDS_TO_STOP)
        self._resources.close()

    def _run(self, puller: Puller, pause: float) -> None:
        while not self._stopping.is_set():
            try:
                found = _round(puller)
            except Exception as error:
                log.warning("pull %s failed: %s", puller.name, error, exc_info=bug(error))
                self._stopping.wait(pause)
                continue
            if isinstance(found, StoppedError):
                return
            if isinstance(found, PullError):
                log.warning("pull %s: %s", puller.name, found)
            elif found.gaps:
                log.info("pull %s: so far %d gaps, the last one: %s", puller.name, len(found.gaps), found.gaps[-1])
            self._stopping.wait(pause)

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError("stopped")


def _round(puller: Puller) -> Status | PullError:
    try:
        return puller.once()
    except PullError as error:
        return error
