"""Compression of records with a dictionary of what a tenant's records have in common.

Records of a cloud app repeat their keys and most of their values, which a compressor that sees one record at a time cannot
exploit. Zstandard with a dictionary trained on the tenant's own records can (figures: `docs/performance.md`). A frame names its
dictionary, so several may be in use; each is a file, synced before the first record that needs it. Until the first dictionary
exists, records are stored as they are, and tantivy compresses them in blocks.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final

import zstandard

from casbah.fsync import make_folder, write_file

SAMPLES = 2_000
_FRAME: Final = b"\x28\xb5\x2f\xfd"
"""Magic number of a Zstandard frame (RFC 8878, 3.1.1). A record is a JSON object, so it cannot start like this."""

_LEVEL = 3
_SAMPLE_BYTES = 8_192
_DICTIONARY_BYTES = 112_640
_GROWTH = 10
"""A new dictionary is trained when the tenant holds this many times the records it held at the last training."""


class RecordCodec:
    """Encodes and decodes one tenant's records. Only one thread may encode and learn; any thread may decode.

    `held` is the number of records the tenant holds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        stored = list(_stored(folder))
        self._dictionaries = {dictionary.dict_id(): dictionary for dictionary in stored}
        self._packer = _packer(stored[-1]) if stored else None
        self.held = 0
        self._trained_at: int | None = None
        self._sample: list[bytes | bytearray | memoryview[int]] = []
        self._offered = 0
        self._dice = Random(len(stored))  # noqa: S311  samples records
        self._unpackers = threading.local()
        self._latest: int | None = None

    def encode(self, record: bytes) -> bytes:
        """The bytes to store."""
        self._offer(record)
        return record if self._packer is None else self._packer.compress(record)

    def decode(self, stored: bytes) -> bytes:
        """The record that was encoded."""
        if not stored.startswith(_FRAME):
            return stored
        return self._unpacker(zstandard.get_frame_parameters(stored).dict_id).decompress(stored)

    def decode_all(self, stored: Sequence[bytes]) -> list[bytes]:
        """The records that were encoded. Those with one dictionary are decoded in one call.

        Each call releases the GIL, and with many threads it takes long to get it back.
        """
        known: Mapping[int, zstandard.ZstdDecompressor] = self._unpackers.__dict__.get("known", {})
        latest = -1 if self._latest is None else self._latest
        if latest in known and len(stored) > 1 and all(data.startswith(_FRAME) for data in stored):
            try:
                return _segments(known[latest].multi_decompress_to_buffer(list(stored)))
            except zstandard.ZstdError:  # Some used another dictionary; each frame says which.
                pass
        return [self.decode(data) for data in stored]

    def forget(self) -> None:
        """Drop the samples taken so far: some of those records are about to be deleted."""
        self._sample, self._offered = [], 0

    def learn(self) -> None:
        """Train a dictionary if one is due. Call between commits, as it takes most of a second."""
        if self._trained_at is None:
            self._trained_at = self.held - self._offered if self._packer else 0
        if len(self._sample) < SAMPLES or self.held < self._trained_at * _GROWTH:
            return
        self._trained_at = self.held
        sample, self._sample, self._offered = self._sample, [], 0
        try:
            trained = zstandard.train_dictionary(_DICTIONARY_BYTES, sample, level=_LEVEL)
        except zstandard.ZstdError:  # Records too small or too similar to train on: do without.
            return
        make_folder(self._folder)
        write_file(self._folder / f"{len(self._dictionaries):04d}.zdict", trained.as_bytes())
        self._dictionaries = {**self._dictionaries, trained.dict_id(): trained}
        self._packer = _packer(trained)

    def _offer(self, record: bytes) -> None:
        """Keep an even sample of all records since the last training (reservoir sampling)."""
        self.held += 1
        self._offered += 1
        if len(self._sample) < SAMPLES:
            self._sample.append(record[:_SAMPLE_BYTES])
        elif (place := int(self._dice.random() * self._offered)) < SAMPLES:
            self._sample[place] = record[:_SAMPLE_BYTES]

    def _unpacker(self, dictionary: int) -> zstandard.ZstdDecompressor:
        """The current thread's decompressor; decompressors are not thread-safe."""
        known: dict[int, zstandard.ZstdDecompressor] = self._unpackers.__dict__.setdefault("known", {})
        if dictionary not in self._dictionaries:  # The writing process has trained it since we last looked.
            self._dictionaries = {stored.dict_id(): stored for stored in _stored(self._folder)}
        if dictionary not in known:
            known[dictionary] = zstandard.ZstdDecompressor(dict_data=self._dictionaries[dictionary])
        self._latest = dictionary
        return known[dictionary]


def _segments(unpacked: zstandard.BufferWithSegmentsCollection) -> list[bytes]:
    return [unpacked[place].tobytes() for place in range(len(unpacked))]


def _packer(dictionary: zstandard.ZstdCompressionDict) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary)


def _stored(folder: Path) -> Iterator[zstandard.ZstdCompressionDict]:
    """The dictionaries of a folder, oldest first."""
    for file in sorted(folder.glob("*.zdict")):
        yield zstandard.ZstdCompressionDict(file.read_bytes(), dict_type=zstandard.DICT_TYPE_FULLDICT)
