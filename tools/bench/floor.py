"""The floor: the same questions asked of bare tantivy, on Casbah's own index, with nothing of ours between.

The only module of the bench that looks inside the store. Queries are rendered word for word (`tools.bench.bare`), every period is
searched whole, and records are unpacked as the store unpacks them.
"""

import heapq
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import tantivy
from tantivy import Order

from casbah.activity.new_activity import NewActivity
from casbah.activity.query import Query, parse
from casbah.store.embedded import schema as s
from casbah.store.embedded.document import document, prepared
from casbah.store.embedded.record_codec import SAMPLES, RecordCodec
from casbah.store.embedded.sequence import SequenceNumber
from tools.bench import process
from tools.bench.bare import Bare

_TENANT = Path("tenants") / "default"
_MEMORY = 64_000_000
_SCAN_PAGE = 5_000


class Floor:
    """The periods of a store, newest first, open for reading. The store may belong to a server that runs."""

    def __init__(self, store: Path) -> None:
        periods = store / _TENANT / "periods"
        folders = sorted((each for each in periods.iterdir() if each.name.isdigit()), reverse=True)
        self._decode = RecordCodec(store / _TENANT / "dictionaries").decode
        self._schema = s.build()
        self._searchers = [_opened(folder, self._schema).searcher() for folder in folders]

    def ask(self, body: dict[str, Any]) -> tuple[list[bytes], int]:
        """The records of a page, and the exact total."""
        query = parse(body, now=time.time_ns() // 1_000_000)
        return self._by_date(query) if query.sort.name == "date" else self._merged(query)

    def scan(self) -> Iterator[bytes]:
        """Every record, newest first, in pages."""
        for searcher in self._searchers:
            for start in range(0, searcher.num_docs, _SCAN_PAGE):
                for _, address in _found(
                    searcher, tantivy.Query.all_query(), "date_key", _SCAN_PAGE, start, Order.Desc
                ).hits:
                    yield self._record(searcher, address)

    def _record(self, searcher: Any, address: Any) -> bytes:
        return self._decode(searcher.doc(address)["record"][0])

    def _by_date(self, query: Query) -> tuple[list[bytes], int]:
        records: list[bytes] = []
        total, skip = 0, query.skip
        order = Order.Desc if query.descending else Order.Asc
        for searcher in self._searchers if query.descending else reversed(self._searchers):
            rendered = Bare(self._schema, searcher).render(query.predicate)
            wanted = query.limit - len(records)
            found = _found(searcher, rendered, "date_key", max(wanted, 1), skip, order)
            records += [self._record(searcher, address) for _, address in found.hits[:wanted]]
            total += found.count
            skip = max(0, skip - found.count)
        return records, total

    def _merged(self, query: Query) -> tuple[list[bytes], int]:
        order = Order.Desc if query.descending else Order.Asc
        pages, total = [], 0
        for searcher in self._searchers:
            rendered = Bare(self._schema, searcher).render(query.predicate)
            found = _found(searcher, rendered, f"{query.sort.name}_key", query.skip + query.limit, 0, order)
            pages.append([(key, searcher, address) for key, address in found.hits])
            total += found.count
        merged = list(heapq.merge(*pages, key=lambda hit: hit[0], reverse=query.descending))
        return [self._record(searcher, address) for _, searcher, address in merged[query.skip :][: query.limit]], total


def documents(records: Sequence[bytes], *, folder: Path) -> list[str]:
    """The documents that the store would make of records, packed as it would once it has learned from some."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        codec = RecordCodec(Path(scratch))
        for record in records[:SAMPLES]:
            codec.encode(record)
        codec.learn()
        return [_document(record, seq, codec) for seq, record in enumerate(records, 1)]


def _document(record: bytes, seq: int, codec: RecordCodec) -> str:
    activity = orjson.loads(record)
    entry = prepared(NewActivity(activity["_id"], activity["timestamp"], record, activity, created=activity["created"]))
    return document(entry, SequenceNumber(seq, activity["created"], seq), dedup_keys=(), packed=codec.encode(record))


def ingest(made: Sequence[str], *, batch: int, folder: Path) -> tuple[float, int]:
    """Index ready documents in one index, a commit a batch; the seconds that it took, and the bytes of the index."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        index = _opened(Path(scratch), s.build())
        writer = index.writer(_MEMORY, num_threads=1)
        started = time.perf_counter()
        for start in range(0, len(made), batch):
            for document in made[start : start + batch]:
                writer.add_json(document)
            writer.commit()
        seconds = time.perf_counter() - started
        writer.wait_merging_threads()
        return seconds, process.size(Path(scratch))


def _opened(folder: Path, schema: tantivy.Schema) -> tantivy.Index:
    index = tantivy.Index(schema, str(folder), reuse=True)
    index.register_tokenizer(s.WORDS, s.analyzer())
    return index


def _found(searcher: Any, query: Any, column: str, limit: int, offset: int, order: Order) -> Any:
    return searcher.search(query, limit=limit, count=True, order_by_field=column, offset=offset, order=order)
