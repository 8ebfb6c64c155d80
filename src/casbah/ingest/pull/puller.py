"""One round of a puller: fetch, store and checkpoint page by page."""

from collections.abc import Callable, Sequence

from casbah.ingest.pull.checkpoints import Checkpoints
from casbah.ingest.pull.contract import Fetcher, PullError, Sink, Status

_MAX_GAPS = 20
_MAX_PAGES = 1_000_000


class Puller:
    """Fetches from one API, by the name of its entry. `stop` is checked between pages."""

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        *,
        sink: Sink,
        checkpoints: Checkpoints,
        clock: Callable[[], int],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._fetcher = fetcher
        self._sink = sink
        self._checkpoints = checkpoints
        self._clock = clock
        self._stop = stop

    def once(self) -> Status:
        """Pull all available pages. On PullError, earlier pages are stored and the error is kept in the status."""
        checkpoint, status = self._checkpoints.of(self.name)
        status.rounds += 1
        try:
            for _ in range(_MAX_PAGES):
                if self._stop():
                    return status
                page = self._fetcher.fetch(checkpoint)
                self._store(page.events, status)
                if page.gap:
                    status.gaps = [*status.gaps, page.gap][-_MAX_GAPS:]
                status.error, status.last_success = "", self._clock()
                checkpoint = page.checkpoint
                self._checkpoints.keep(self.name, checkpoint, status)
                page.stored()
                if not page.more:
                    return status
        except PullError as error:
            status.error = str(error)
            self._checkpoints.keep(self.name, checkpoint if error.resume is None else error.resume, status)
            raise
        return status

    def _store(self, events: Sequence[bytes], status: Status) -> None:
        status.pages += 1
        if not events:
            return
        result = self._sink(events, self._fetcher.connector)
        status.events += len(events)
        status.stored += result.stored
        status.duplicates += result.duplicates
        status.refused += result.refused
        if result.stored:
            status.last_event = self._clock()
