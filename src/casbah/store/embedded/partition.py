"""One period of one tenant: an index directory and what it holds now. How it is asked is `tantivy_searcher`'s."""

from collections.abc import Callable
from pathlib import Path

import tantivy

from casbah.fsync import make_folder
from casbah.store.embedded import schema as s
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.searcher import Limits, PartitionSearcher, extremes, latest


class Partition:
    """The index of one period on disk. One thread writes at a time; views may be taken by any.

    `last` is the largest number of storing that is in view. `pending` are the limits of a commit that was
    begun and may be on disk without being in view: one can succeed and still end in an error. `limits` asks the process that
    writes, if this one only reads; without, they are looked up.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        *,
        codec: RecordCodec,
        cache: Cache,
        limits: Callable[[], Limits] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.number = number
        self.generation = 0
        self._codec = codec
        self._cache = cache
        self._changed = changed
        make_folder(folder)
        self._schema = s.build()
        with translate_io_errors():
            self.index = tantivy.Index(self._schema, str(folder), reuse=True)
            self.index.register_tokenizer(s.WORDS, s.analyzer())
            self.index.config_reader("manual", 0)
            self.index.reload()
        self._limits, self.last = extremes(self.index.searcher()) if limits is None else (limits(), 0)
        self.pending: Limits | None = None
        self.searcher = self._seen()

    def refresh(self, last: int | None = None) -> None:
        """Take what is committed into view; `last` is its largest number of storing, looked up where nobody knows."""
        with translate_io_errors():
            self.index.reload()
        self.last = max(self.last, latest(self.index.searcher()) if last is None else last)
        self._limits = _both(self._limits, self.pending or {})
        self.pending = None
        self.generation += 1
        self._changed()  # Before it is in view here, so that nobody who has seen it here sees less in another process.
        before, self.searcher = self.searcher, self._seen()
        self._cache.forget(before.name)

    def follow(self, limits: Callable[[], Limits]) -> None:
        """Take into view what another process has committed. Its limits are asked for afterwards: those from before could be
        too narrow for what it has committed in between.
        """
        with translate_io_errors():
            self.index.reload()
        self._limits = limits()
        before, self.searcher = self.searcher, self._seen()
        self._cache.forget(before.name)

    @property
    def reach(self) -> Limits:
        """Between which moments all lies that is in view or may be on disk.

        Any thread may ask, so `pending` is looked at first: `refresh` takes it into the limits before it lets go of it.
        """
        pending = self.pending or {}
        return _both(self._limits, pending)

    def shed(self) -> None:
        """Let go of the records that the engine keeps unpacked; for the thread that writes, where nothing is pending."""
        with translate_io_errors():
            self.index.reload()
        self.searcher = self.searcher.renewed(self.index.searcher())

    def _seen(self) -> PartitionSearcher:
        return PartitionSearcher(
            self.number,
            tantivy_searcher=self.index.searcher(),
            schema=self._schema,
            limits=self._limits,
            codec=self._codec,
            cache=self._cache,
        )


def _both(some: Limits, more: Limits) -> Limits:
    """The limits of two sets of activities together."""
    return {
        name: (
            min(each[name][0] for each in (some, more) if name in each),
            max(each[name][1] for each in (some, more) if name in each),
        )
        for name in {**some, **more}
    }
