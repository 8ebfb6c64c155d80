"""Runs pullers, each in its own thread at its own interval, until stopped."""

import logging
import random
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from casbah.base.failure import bug
from casbah.ingest.pull.checkpoints import Checkpoints
from casbah.ingest.pull.cloudtrail import aws
from casbah.ingest.pull.config import secret
from casbah.ingest.pull.contract import PullError, Sink, Status
from casbah.ingest.pull.entry import PullEntry, span
from casbah.ingest.pull.kind import Tools
from casbah.ingest.pull.puller import Puller
from casbah.ingest.pull.registry import open_fetcher

log = logging.getLogger("casbah.pull")

_TIMEOUT = 60.0
_SECONDS_TO_STOP = 30.0


class StoppedError(PullError):
    """The puller was stopped while it waited."""


@dataclass(frozen=True, slots=True)
class Job:
    """A puller of the config file, and the sink for its events."""

    name: str
    entry: PullEntry
    sink: Sink


class Pulling:
    """Builds pullers to run. Raises BadPullFileError."""

    def __init__(self, jobs: Iterable[Job], *, folder: Path, clock: Callable[[], int]) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        with ExitStack() as opened:
            client = opened.enter_context(httpx.Client(timeout=_TIMEOUT))
            checkpoints = opened.enter_context(closing(Checkpoints(folder)))
            tools = Tools(client, clock, self._sleep, random.Random(), aws)  # noqa: S311  jitter
            self._pullers = [
                (
                    Puller(
                        job.name,
                        open_fetcher(job.entry, secret(job.name, job.entry), tools),
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
        """The names of the pullers."""
        return [puller.name for puller, _ in self._pullers]

    def once(self) -> dict[str, Status | PullError]:
        """Run one round of each puller in turn; returns the status or error of each."""
        return {puller.name: _round(puller) for puller, _ in self._pullers}

    def start(self) -> None:
        """Start a thread for each puller."""
        for puller, pause in self._pullers:
            thread = threading.Thread(
                target=self._run, args=(puller, pause), name=f"casbah-pull-{puller.name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def wait(self) -> None:
        """Wait until `stop` is called."""
        self._stopping.wait()

    def stop(self) -> None:
        """End rounds after the current page. The next start resumes there."""
        self._stopping.set()

    def close(self) -> None:
        """Stop all pullers, wait for their threads, and close all resources."""
        self.stop()
        for thread in self._threads:
            thread.join(_SECONDS_TO_STOP)
        self._resources.close()

    def _run(self, puller: Puller, pause: float) -> None:
        while not self._stopping.is_set():
            try:
                result = _round(puller)
            except Exception as error:
                log.warning("pull %s failed: %s", puller.name, error, exc_info=bug(error))
                self._stopping.wait(pause)
                continue
            if isinstance(result, StoppedError):
                return
            if isinstance(result, PullError):
                log.warning("pull %s: %s", puller.name, result)
            elif result.gaps:
                log.info("pull %s: %d gaps so far, the last one: %s", puller.name, len(result.gaps), result.gaps[-1])
            self._stopping.wait(pause)

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError("stopped")


def _round(puller: Puller) -> Status | PullError:
    try:
        return puller.once()
    except PullError as error:
        return error
