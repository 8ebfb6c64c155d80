"""One period of one tenant: an index directory, what it holds now, and how it is asked."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Order
from tantivy import Query as Engine

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.store.embedded import schema as s
from casbah.store.embedded.render import EVERYTHING, NOTHING, prune, render

_STREAM_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One activity found: its moment (ms, of the field sorted by), its number of storing, and where its record is."""

    moment: int
    seq: int
    view: "View"
    address: tantivy.DocAddress

    def record(self) -> bytes:
        """The record's own bytes."""
        return self.view.record_at(self.address)


@dataclass(frozen=True, slots=True)
class View:
    """A period as it was at one moment; what is committed later does not show in it."""

    number: int
    schema: tantivy.Schema
    searcher: tantivy.Searcher

    @property
    def bounds(self) -> Mapping[str, tuple[int, int]]:
        """Between which values a field's values lie in this period."""
        first = self.number << s.PERIOD_BITS
        return {"date": (first, first + (1 << s.PERIOD_BITS) - 1)}

    def count(self, predicate: Predicate) -> int:
        """How many activities match. A complement is counted by what it leaves out."""
        asked = prune(predicate, self.bounds)
        if asked == NOTHING:
            return 0
        if asked == EVERYTHING:
            return int(self.searcher.num_docs)
        if isinstance(asked, p.Not):
            return int(self.searcher.num_docs) - self.count(asked.part)
        return self._matching(render(asked, self.schema, self.searcher))

    def top(self, predicate: Predicate, sort: str, *, descending: bool, limit: int, offset: int = 0) -> list[Hit]:
        """The `limit` first activities in the order of `sort` ("date" or "created"), after `offset`."""
        asked = prune(predicate, self.bounds)
        if asked == NOTHING or limit == 0 or self.searcher.num_docs <= offset:
            return []
        return self._top(
            render(asked, self.schema, self.searcher), sort, descending=descending, limit=limit, offset=offset
        )

    def stream(self, predicate: Predicate, sort: str, *, descending: bool) -> Iterator[Hit]:
        """Every activity that matches, in order, a chunk at a time and each chunk from where the last one ended."""
        asked = prune(predicate, self.bounds)
        if asked == NOTHING:
            return
        query = rest = render(asked, self.schema, self.searcher)
        while True:
            found = self._search(rest, f"{sort}_key", descending=descending, limit=_STREAM_CHUNK, offset=0)
            yield from self._hits(found, sort)
            if len(found) < _STREAM_CHUNK:
                return
            rest = Engine.boolean_query(
                [(Occur.Must, query), (Occur.Must, self._beyond(f"{sort}_key", found[-1][0], descending=descending))]
            )

    def moments(self, predicate: Predicate, sort: str, *, first: int, last: int, width: int) -> list[tuple[int, int]]:
        """How many activities match in each `width` ms from `first` to `last`: (start, count), ascending, no empty ones."""
        within = p.both(predicate, p.Range(FIELDS[sort], first, last))
        asked = prune(within, self.bounds)
        if asked == NOTHING:
            return []
        histogram = {"field": sort, "interval": float(width), "offset": float(first % width), "min_doc_count": 1}
        found = self.searcher.aggregate(
            render(asked, self.schema, self.searcher), {"moments": {"histogram": histogram}}
        )
        return [(int(bucket["key"]), int(bucket["doc_count"])) for bucket in found["moments"]["buckets"]]

    def record(self, activity_id: str) -> bytes | None:
        """The record of that id."""
        query = Engine.term_query(self.schema, *s.identity(activity_id))
        hits = self.searcher.search(query, limit=1, count=False).hits
        return self.record_at(hits[0][1]) if hits else None

    def record_at(self, address: tantivy.DocAddress) -> bytes:
        """The record at a place that a search gave."""
        return bytes(self.searcher.doc(address)["record"][0])

    def has(self, column: str, term: str) -> bool:
        """Whether some activity has that term. (No activity is ever deleted singly, so this needs no search.)."""
        return int(self.searcher.doc_freq(column, term)) > 0

    def most(self, column: str) -> int | None:
        """The largest number in a column."""
        found = self._search(Engine.all_query(), column, descending=True, limit=1, offset=0)
        return int(found[0][0]) if found else None

    def ties(self, created: int) -> int:
        """How many numbers are taken in one ms of `created`."""
        low, high = s.created_key(created, 0), s.created_key(created, s.MOST_TIES - 1)
        query = Engine.range_query(self.schema, "created_key", FieldType.Integer, low, high)
        found = self._search(query, "created_key", descending=True, limit=1, offset=0)
        return int(found[0][0]) - low + 1 if found else 0

    def _top(self, query: Engine, sort: str, *, descending: bool, limit: int, offset: int) -> list[Hit]:
        most = int(self.searcher.num_docs)
        found = self._search(
            query, f"{sort}_key", descending=descending, limit=min(limit, most), offset=min(offset, most)
        )
        return self._hits(found, sort)

    def _hits(self, found: Sequence[tuple[int, tantivy.DocAddress]], sort: str) -> list[Hit]:
        addresses = [address for _, address in found]
        moments = self.searcher.fast_field_values(sort, addresses)
        numbers = self.searcher.fast_field_values("seq", addresses)
        return [
            Hit(int(moment or 0), int(number or 0), self, address)
            for moment, number, address in zip(moments, numbers, addresses, strict=True)
        ]

    def _search(
        self, query: Engine, column: str, *, descending: bool, limit: int, offset: int
    ) -> list[tuple[int, tantivy.DocAddress]]:
        order = Order.Desc if descending else Order.Asc
        found = self.searcher.search(query, limit=limit, count=False, order_by_field=column, offset=offset, order=order)
        hits: list[tuple[int, tantivy.DocAddress]] = found.hits
        return hits

    def _matching(self, query: Engine) -> int:
        found: Any = self.searcher.search(query, limit=1, count=True)  # its stub leaves `count` out
        return int(found.count)

    def _beyond(self, column: str, key: int, *, descending: bool) -> Engine:
        low, high = (None, key - 1) if descending else (key + 1, None)
        return Engine.range_query(self.schema, column, FieldType.Integer, low, high)


class Period:
    """The index of one period on disk. One thread writes at a time; views may be taken by any."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        _make_folder(folder)
        self._schema = s.build()
        self.index = tantivy.Index(self._schema, str(folder), reuse=True)
        self.index.register_tokenizer(s.WORDS, s.analyzer())
        self.index.config_reader("manual", 0)
        self.refresh()

    def refresh(self) -> None:
        """Take what is committed into view."""
        self.index.reload()
        self.view = View(self.number, self._schema, self.index.searcher())


def _make_folder(folder: Path) -> None:
    """Make a folder so that it survives a power failure: every folder that gains an entry is synced."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
