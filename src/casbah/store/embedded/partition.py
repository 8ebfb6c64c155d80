"""A partition: the index of one tenant's activities in one period of time. Queries go through its `searcher`."""

import time
from collections.abc import Callable
from pathlib import Path

import tantivy

from casbah.base.fsync import make_folder
from casbah.store.embedded import schema as s
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.searcher import Limits, PartitionSearcher, extremes, latest


class Partition:
    """The index of one partition on disk. One thread writes at a time; any thread may take the `searcher`.

    `last` is the largest visible sequence number. `pending` holds the limits of a commit that may be on disk but is not visible
    yet: a commit can succeed and still end in an error. A process that only reads passes `limits`, which fetches them from the
    writer; it creates nothing, and raises OSError if there is no index. Without them they are looked up in the index.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        *,
        codec: RecordCodec,
        cache: Cache,
        limits: Callable[[], Limits | None] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.number = number
        self.generation = time.time_ns()  # Never that of another process, which may have owned the store before.
        self._codec = codec
        self._cache = cache
        self._changed = changed
        self._schema = s.build()
        if limits is None:
            make_folder(folder)
        with translate_io_errors():
            # Two processes that create an index at the same time would lose a commit.
            self.index = (
                tantivy.Index(self._schema, str(folder), reuse=True)
                if limits is None
                else tantivy.Index.open(str(folder))
            )
            self.index.register_tokenizer(s.WORDS, s.analyzer())
            self.index.config_reader("manual", 0)
            self.index.reload()
        known = None if limits is None else limits()
        self._limits, self.last = extremes(self.index.searcher()) if known is None else (known, 0)
        self.pending: Limits | None = None
        self.searcher = self._new_searcher()

    def refresh(self, last: int | None = None) -> None:
        """Make the latest commit visible. `last` is its largest sequence number, looked up if None."""
        with translate_io_errors():
            self.index.reload()
        self.last = max(self.last, latest(self.index.searcher()) if last is None else last)
        self._limits = _both(self._limits, self.pending or {})
        self.pending = None
        self.generation += 1
        self._changed()  # Before it is visible here, so that a client that has seen it here sees it in other processes too.
        before, self.searcher = self.searcher, self._new_searcher()
        self._cache.forget(before.name)

    def follow(self, limits: Callable[[], Limits | None]) -> None:
        """Make visible what another process has committed.

        `limits` is called after the reload: earlier limits could be too narrow for commits made in between.
        """
        with translate_io_errors():
            self.index.reload()
        self._limits = known if (known := limits()) is not None else extremes(self.index.searcher())[0]
        before, self.searcher = self.searcher, self._new_searcher()
        self._cache.forget(before.name)

    @property
    def reach(self) -> Limits:
        """The limits of everything that is visible or may be on disk.

        Thread-safe, because it reads `pending` first: `refresh` merges it into the limits before clearing it.
        """
        pending = self.pending or {}
        return _both(self._limits, pending)

    def shed(self) -> None:
        """Free the decompressed blocks that tantivy caches. For the writing thread, when nothing is pending."""
        with translate_io_errors():
            self.index.reload()
        self.searcher = self.searcher.renewed(self.index.searcher())

    def _new_searcher(self) -> PartitionSearcher:
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
            min(limits[name][0] for limits in (some, more) if name in limits),
            max(limits[name][1] for limits in (some, more) if name in limits),
        )
        for name in {**some, **more}
    }
