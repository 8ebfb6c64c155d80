"""Reads the partitions of older formats. Formats 3 and 4 have the same columns of their own, and the same records.

This is independent of the code that reads the current format, which may change.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import tantivy
import zstandard
from tantivy import Query as Engine

from casbah.errors import StoreFormatError
from casbah.store.embedded.io_errors import translate_io_errors

_FRAME: Final = b"\x28\xb5\x2f\xfd"
"""Magic number of a Zstandard frame (RFC 8878, 3.1.1); a record that does not begin with it is stored as it is."""

_COLUMNS = ("stored", "seq", "date_key", "created_key")
_PERIOD_BITS, _SEQ_BITS, _TIE_BITS = 31, 32, 20


class OldRecord(NamedTuple):
    """A stored activity: where it belongs in every order, the keys by which its event is known, and its record.

    `stored` and `seq` are the sequence numbers of its last and its first storing; `timestamp` and `created` are in ms.
    """

    stored: int
    seq: int
    timestamp: int
    created: int
    tiebreaker: int
    dedup_keys: Sequence[str]
    record: bytes


class OldRecords:
    """Decodes the records of one tenant."""

    def __init__(self, dictionaries: Path) -> None:
        self._plain = zstandard.ZstdDecompressor()
        self._decompressors: dict[int, zstandard.ZstdDecompressor] = {0: self._plain}
        for file in sorted(dictionaries.glob("*.zdict")):
            dictionary = zstandard.ZstdCompressionDict(file.read_bytes(), dict_type=zstandard.DICT_TYPE_FULLDICT)
            self._decompressors[dictionary.dict_id()] = zstandard.ZstdDecompressor(dict_data=dictionary)

    def decode(self, stored: bytes) -> bytes:
        """The record that was stored. Raises StoreFormatError if it is damaged."""
        if not stored.startswith(_FRAME):
            return stored
        try:
            return self._decompressors[zstandard.get_frame_parameters(stored).dict_id].decompress(stored)
        except KeyError:
            raise StoreFormatError("a compression dictionary is missing; restore it from a backup") from None
        except zstandard.ZstdError as error:
            raise StoreFormatError(f"a record is damaged ({error}); restore the store from a backup") from None


class OldPartition:
    """The index of one partition, at its last commit. It is only read."""

    def __init__(self, folder: Path, number: int, *, records: OldRecords) -> None:
        self._number = number
        self._records = records
        self._index = _opened(folder)
        self._searcher = self._index.searcher()
        self.held = int(self._searcher.num_docs)
        """How many activities it holds."""

    def read(self, *, after: int, at_once: int) -> Iterator[list[OldRecord]]:
        """Every activity that was last stored under a number above `after`, in the order of storing."""
        dedup_keys = self._dedup_keys()
        while True:
            stored = Engine.range_query(self._index.schema, "stored", tantivy.FieldType.Integer, after + 1, None)
            with translate_io_errors():
                hits = self._searcher.search(
                    stored, limit=at_once, count=False, order_by_field="stored", order=tantivy.Order.Asc
                ).hits
            if not hits:
                return
            addresses = [address for _, address in hits]
            columns = [self._searcher.fast_field_values(name, addresses) for name in _COLUMNS]
            yield [self._record(address, row, dedup_keys) for address, *row in zip(addresses, *columns, strict=True)]
            after = int(hits[-1][0])

    def _record(
        self, address: tantivy.DocAddress, row: Sequence[int | None], dedup_keys: Mapping[int, Sequence[str]]
    ) -> OldRecord:
        stored, seq, date_key, created_key = (int(number or 0) for number in row)
        return OldRecord(
            stored=stored,
            seq=seq,
            timestamp=(self._number << _PERIOD_BITS) | (date_key >> _SEQ_BITS),
            created=created_key >> _TIE_BITS,
            tiebreaker=created_key & ((1 << _TIE_BITS) - 1),
            dedup_keys=dedup_keys.get(seq, ()),
            record=self._records.decode(self._searcher.doc(address)["record"][0]),
        )

    def _dedup_keys(self) -> Mapping[int, Sequence[str]]:
        """The terms of the column `twin`, which is indexed but not stored, by sequence number."""
        keys: defaultdict[int, list[str]] = defaultdict(list)
        with translate_io_errors():
            for term, size in self._searcher.terms_with_prefix("twin", ""):
                query = Engine.term_query(self._index.schema, "twin", term)
                hits = self._searcher.search(query, limit=max(size, 1), count=False, order_by_field="seq").hits
                for seq, _ in hits:
                    keys[int(seq)].append(term)
        return keys


def held_in(folder: Path) -> int:
    """How many activities a partition holds."""
    return int(_opened(folder).searcher().num_docs)


def _opened(folder: Path) -> tantivy.Index:
    with translate_io_errors():
        index = tantivy.Index.open(str(folder))
        index.register_tokenizer("words", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        index.config_reader("manual", 0)
        index.reload()
        return index
