"""One round of a puller: fetch, store and checkpoint page by page."""

from collections.abc import Callable, Sequence

from casbah.pull.checkpoints import Checkpoints
from casbah.pull.contract import PullError, Sink, Source, Status

_MOST_GAPS = 20
_MOST_PAGES = 1_000_000


class Puller:
    """A named source. `stop` is checked between pages."""

    def __init__(
        self,
        name: str,
        source: Source,
        *,
        sink: Sink,
        checkpoints: Checkpoints,
        clock: Callable[[], int],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._source = source
        self._sink = sink
        self._checkpoints = checkpoints
        self._clock = clock
        self._stop = stop

    def once(self) -> Status:
        """Pull all available pages. On PullError, earlier pages are stored and the error is kept in the status."""
        checkpoint, status = self._checkpoints.of(self.name)
        status.rounds += 1
        try:
            for _ in range(_MOST_PAGES):
                if self._stop():
                    return status
                page = self._source.fetch(checkpoint)
                self._store(page.events, status)
                if page.gap:
                    status.gaps = [*status.gaps, page.gap][-_MOST_GAPS:]
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
        result = self._sink(events, self._source.connector)
        status.events += len(events)
        status.stored += result.stored
        status.duplicates += result.duplicates
        status.refused += result.refused
        if result.stored:
            status.last_event = self._clock()
