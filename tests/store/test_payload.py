"""Packing records: what is read is what was stored, whichever dictionary it was packed with."""

import json
import random
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity.tenant import TenantId
from casbah.errors import DamagedRecordError
from casbah.store.embedded import record_codec
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.embedded.term_dictionary import TermDictionary
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")
SEAL = 24
"""Bytes beside a record: layout, checksum, salt, number of added bytes."""


def like(number: int, kind: str = "download") -> bytes:
    return json.dumps(
        record(number, kind=kind, noise=f"{number * 7919:x}", agent="Mozilla/5.0 (Windows NT 10.0)")
    ).encode()


def taught(folder: Path, *, kind: str = "download") -> RecordCodec:
    made = RecordCodec(folder)
    for number in range(record_codec.SAMPLES):
        assert made.encode(like(number, kind)).endswith(like(number, kind)), "as it is until there is a dictionary"
    made.learn()
    return made


def test_a_dictionary_makes_records_small_and_nothing_else(tmp_path):
    before = RecordCodec(tmp_path).encode(like(1))
    codec = taught(tmp_path)
    packed = [codec.encode(like(number)) for number in range(5_000, 5_100)]
    assert max(map(len, packed)) < len(like(5_000)) / 2 + SEAL
    assert [codec.decode(each) for each in packed] == [like(number) for number in range(5_000, 5_100)]
    assert codec.decode_all(packed) == [like(number) for number in range(5_000, 5_100)]
    assert codec.decode(before) == like(1), "what was stored before still is what it was"


def test_it_outlives_the_process(tmp_path):
    packed = taught(tmp_path).encode(like(9_999))
    again = RecordCodec(tmp_path)
    assert again.decode(packed) == like(9_999)
    assert len(again.encode(like(9_998))) < len(like(9_998)) / 2 + SEAL


def test_a_second_dictionary_leaves_the_first_in_use(tmp_path):
    codec = taught(tmp_path)
    first = codec.encode(like(1))
    for number in range(record_codec.SAMPLES * 10):
        codec.encode(like(number, "something else altogether"))
    codec.learn()
    assert len(list(tmp_path.glob("*.zdict"))) == 2
    assert codec.decode(first) == like(1)
    assert RecordCodec(tmp_path).decode(codec.encode(like(3, "x"))) == like(3, "x")


def test_nothing_to_learn_from_is_no_error(tmp_path):
    codec = RecordCodec(tmp_path)
    for _ in range(record_codec.SAMPLES):
        codec.encode(b"{}")
    codec.learn()
    assert codec.decode(codec.encode(b"{}")) == b"{}"


@pytest.mark.parametrize("learned", [False, True], ids=["as it is", "compressed"])
def test_every_changed_bit_is_noticed(tmp_path, learned):
    codec = taught(tmp_path) if learned else RecordCodec(tmp_path)
    stored = codec.encode(like(7), added=5)
    for place in range(len(stored) * 8):
        changed = bytearray(stored)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(DamagedRecordError):
            codec.decode(bytes(changed))
        with pytest.raises(DamagedRecordError):
            codec.decode_all([stored, bytes(changed)])
    for length in range(len(stored)):
        with pytest.raises(DamagedRecordError):
            codec.decode(stored[:length])
    for rest in (b"", b"x", stored[5:24]):  # What is cut short although its checksum matches.
        with pytest.raises(DamagedRecordError):
            codec.decode(b"\x01" + zlib.crc32(rest).to_bytes(4, "little") + rest)


def test_a_seal_has_a_salt_of_its_own_and_says_how_much_was_added(tmp_path):
    codec = RecordCodec(tmp_path)
    stored = [codec.encode(like(1), added=0x010203) for _ in range(5_000)]
    assert len({data[5:21] for data in stored}) == 5_000
    assert {data[21:24] for data in stored} == {b"\x03\x02\x01"}
    assert codec.encode(like(1))[21:24] == b"\xff\xff\xff", "not known"


def test_a_frame_that_names_no_dictionary_is_a_damaged_record(tmp_path):
    sealed = bytes(19) + zstandard.ZstdCompressor().compress(like(1))
    stored = b"\x01" + zlib.crc32(sealed).to_bytes(4, "little") + sealed
    with pytest.raises(DamagedRecordError, match="dictionary 0"):
        RecordCodec(tmp_path).decode(stored)


def test_a_damaged_dictionary_is_not_used(tmp_path):
    packed = taught(tmp_path).encode(like(1))
    plain = RecordCodec(tmp_path / "none").encode(like(2))
    (file,) = tmp_path.glob("*.zdict")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    codec = RecordCodec(tmp_path)
    assert codec.decode(plain) == like(2)
    with pytest.raises(DamagedRecordError, match="is missing or damaged"):
        codec.decode(packed)
    assert codec.decode(codec.encode(like(3))) == like(3)


def test_a_damaged_record_is_named_and_never_an_answer(tmp_path, monkeypatch):
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    tenant = store.tenant(TENANT)
    tenant.insert([arrival(record(1)), arrival(record(2))])
    encode = RecordCodec.encode

    def flipped(codec, text, **named):
        data = bytearray(encode(codec, text, **named))
        data[-3] ^= 1
        return bytes(data)

    monkeypatch.setattr(RecordCodec, "encode", flipped)
    tenant.insert([arrival(record(3))])
    assert len(tenant.find(query(limit=2)).records) == 2
    for ask in (
        lambda: tenant.find(query()),
        lambda: tenant.fetch("activity-3"),
        lambda: list(tenant.scan(query(isScan=True)).records),
    ):
        with pytest.raises(
            DamagedRecordError, match=r"partition \d+, (sequence number 3|activity activity-3): its checksum"
        ):
            ask()
    store.close()


@given(st.binary(max_size=2_000))
def test_any_record_comes_back(tmp_path_factory, rest):
    codec = _shared(tmp_path_factory)
    text = b'{"' + rest
    assert codec.decode(codec.encode(text)) == text


_SHARED: dict[str, RecordCodec] = {}


def _shared(factory: pytest.TempPathFactory) -> RecordCodec:
    if "one" not in _SHARED:
        _SHARED["one"] = taught(factory.mktemp("payload"))
    return _SHARED["one"]


def test_threads_may_unpack_together(tmp_path):
    codec = taught(tmp_path)
    packed = {number: codec.encode(like(number)) for number in range(500)}
    start = threading.Barrier(4)

    def read(_: int) -> bool:
        start.wait(10)
        return all(codec.decode(each) == like(number) for number, each in packed.items())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(4)))


def test_a_store_learns_as_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(record_codec, "SAMPLES", 300)
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    for start in range(0, 900, 300):
        store.tenant(TENANT).insert([arrival(json.loads(like(number))) for number in range(start, start + 300)])
    (file,) = tmp_path.glob("tenants/default/dictionaries/*")
    assert file.name == f"0000-{sha256(file.read_bytes()).hexdigest()}.zdict"
    store.close()
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    records = store.tenant(TENANT).scan(query(isScan=True, limit=5_000)).records
    assert sorted(map(json.loads, records), key=lambda made: -made["timestamp"]) == [
        json.loads(like(n)) for n in range(900)
    ]
    assert ids([store.tenant(TENANT).fetch("activity-850") or b"{}"]) == ["activity-850"]
    store.close()


@given(
    st.lists(st.text("abİ\x00\n .", min_size=1, max_size=6), max_size=30),
    st.text("abİ\x00\n .", min_size=1, max_size=3),
)
def test_a_vocabulary_matches_as_python_does(texts, part):
    terms = sorted(set(texts), key=str.encode)
    held = TermDictionary([(term, 1) for term in terms])
    assert held.matching(part) == [term for term in terms if part in term]
    assert held.matching(part, ends=True) == [term for term in terms if term.endswith(part)]


def test_an_even_sample_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(record_codec, "SAMPLES", 200)
    codec = RecordCodec(tmp_path)
    codec._dice = random.Random(3)
    for number in range(20_000):
        codec.encode(b"%d" % number)
    middle = sorted(int(each) for each in codec._sample)[100]
    assert 7_000 < middle < 13_000
