"""Compression of records with a dictionary of what a tenant's records have in common.

Records of a cloud app repeat their keys and most of their values, which a compressor that sees one record at a time cannot
exploit. Zstandard with a dictionary trained on the tenant's own records can (figures: `docs/performance.md`). A frame names its
dictionary, so several may be in use; each is a file, synced before the first record that needs it and named by its SHA-256.
Until the first dictionary exists, records are stored as they are, and tantivy compresses them in blocks.

What is stored of a record:

    1 byte    the layout, 1
    4 bytes   CRC-32 of all that follows, little-endian; checked whenever the record is read
    16 bytes  a random salt, for commitments to the record that reveal nothing of it
    3 bytes   how many bytes were added to what was sent, little-endian, after the record's opening brace; all ones: not known
              the record, or a Zstandard frame of it
"""

import hashlib
import logging
import os
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from struct import Struct
from typing import Final

import zstandard

from casbah.base.fsync import make_folder, write_file
from casbah.errors import DamagedRecordError

SAMPLES = 4_000
_FRAME: Final = b"\x28\xb5\x2f\xfd"
"""Magic number of a Zstandard frame (RFC 8878, 3.1.1). A record is a JSON object, so it cannot start like this."""

_LAYOUT: Final = b"\x01"
_CRC_END, _SALT_BYTES, _ADDED_BYTES = 5, 16, 3
_SEAL = _CRC_END + _SALT_BYTES + _ADDED_BYTES
_head = Struct("<cI").pack
"""The first bytes of what is stored, of its layout and its CRC-32."""

_SALTS_AT_ONCE = 4_096
_UNKNOWN = (1 << 8 * _ADDED_BYTES) - 1

_log = logging.getLogger("casbah.store")
_LEVEL = 3
_SAMPLE_BYTES = 8_192
_DICTIONARY_BYTES = 400_000
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
        self._salts = _salts()
        self.held = 0
        self._trained_at: int | None = None
        self._sample: list[bytes | bytearray | memoryview[int]] = []
        self._offered = 0
        self._dice = Random(len(stored))  # noqa: S311  samples records
        self._unpackers = threading.local()
        self._latest: int | None = None

    def encode(self, record: bytes, *, added: int | None = None, salt: bytes | None = None) -> bytes:
        """The bytes to store. `added` bytes of the record were not sent but added when it was stored; None: not known.

        `salt` is that of a record that comes from another store.
        """
        self._offer(record)
        packed = record if self._packer is None else self._packer.compress(record)
        sealed = (
            (salt or next(self._salts))
            + (_UNKNOWN if added is None else added).to_bytes(_ADDED_BYTES, "little")
            + packed
        )
        return _head(_LAYOUT, zlib.crc32(sealed)) + sealed

    def decode(self, stored: bytes) -> bytes:
        """The record that was encoded. Raises DamagedRecordError."""
        (packed,) = _unsealed([stored])
        if not packed.startswith(_FRAME):
            return packed
        try:
            return self._unpacker(zstandard.get_frame_parameters(packed).dict_id).decompress(packed)
        except zstandard.ZstdError as error:
            raise DamagedRecordError(str(error)) from None

    def decode_all(self, stored: Sequence[bytes]) -> list[bytes]:
        """The records that were encoded. Those with one dictionary are decoded in one call. Raises DamagedRecordError.

        Each call releases the GIL, and with many threads it takes long to get it back.
        """
        known: Mapping[int, zstandard.ZstdDecompressor] = self._unpackers.__dict__.get("known", {})
        latest = -1 if self._latest is None else self._latest
        if latest in known and len(stored) > 1:
            frames: Sequence[bytes] = _unsealed(stored)
            if all(frame.startswith(_FRAME) for frame in frames):
                try:
                    return _segments(known[latest].multi_decompress_to_buffer(list(frames)))
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
        content, number = trained.as_bytes(), len(list(self._folder.glob("*.zdict")))
        write_file(self._folder / f"{number:04d}-{hashlib.sha256(content).hexdigest()}.zdict", content)
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
        if dictionary not in self._dictionaries:
            raise DamagedRecordError(f"its compression dictionary {dictionary} in {self._folder} is missing or damaged")
        if dictionary not in known:
            known[dictionary] = zstandard.ZstdDecompressor(dict_data=self._dictionaries[dictionary])
        self._latest = dictionary
        return known[dictionary]


def _segments(unpacked: zstandard.BufferWithSegmentsCollection) -> list[bytes]:
    return [unpacked[place].tobytes() for place in range(len(unpacked))]


def _salts() -> Iterator[bytes]:
    """New salts. They are drawn in bulk, as each draw is a system call."""
    while True:
        drawn = os.urandom(_SALT_BYTES * _SALTS_AT_ONCE)
        for start in range(0, len(drawn), _SALT_BYTES):
            yield drawn[start : start + _SALT_BYTES]


def _packer(dictionary: zstandard.ZstdCompressionDict) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary)


def _unsealed(stored: Sequence[bytes]) -> list[bytes]:
    """The records or frames in what is stored, together: a call for each takes half as long again.

    Raises DamagedRecordError.
    """
    sealed = [data[_CRC_END:] for data in stored]
    records = [rest[_SEAL - _CRC_END :] for rest in sealed]
    heads = [_head(_LAYOUT, zlib.crc32(rest)) for rest in sealed]
    if [data[:_CRC_END] for data in stored] != heads or not all(records):  # No record is empty.
        raise DamagedRecordError("its checksum does not match, or it is cut short or of no known layout")
    return records


def salt_of(stored: bytes) -> bytes:
    """The salt in what is stored of a record."""
    return stored[_CRC_END : _CRC_END + _SALT_BYTES]


def added_of(stored: bytes) -> int:
    """How many bytes were added to a record when it was stored; 0 if that is not known."""
    added = int.from_bytes(stored[_CRC_END + _SALT_BYTES : _SEAL], "little")
    return 0 if added == _UNKNOWN else added


def is_dictionary(file: Path, content: bytes) -> bool:
    """Whether a dictionary has the content that its name says."""
    return hashlib.sha256(content).hexdigest() == file.stem.partition("-")[2]


def _stored(folder: Path) -> Iterator[zstandard.ZstdCompressionDict]:
    """The dictionaries of a folder, oldest first. One that is damaged is left out: only records that need it are lost."""
    for file in sorted(folder.glob("*.zdict")):
        content = file.read_bytes()
        if is_dictionary(file, content):
            yield zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
        else:
            _log.error("%s is damaged; records that were compressed with it cannot be read", file)
