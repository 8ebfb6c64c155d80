"""Packing records: what is read is what was stored, whichever dictionary it was packed with."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity.tenant import TenantId
from casbah.store.embedded import record_codec
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.embedded.term_dictionary import TermDictionary
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")


def like(number: int, kind: str = "download") -> bytes:
    return json.dumps(
        record(number, kind=kind, noise=f"{number * 7919:x}", agent="Mozilla/5.0 (Windows NT 10.0)")
    ).encode()


def taught(folder: Path, *, kind: str = "download") -> RecordCodec:
    made = RecordCodec(folder)
    for number in range(record_codec.SAMPLES):
        assert made.encode(like(number, kind)) == like(number, kind), "as it is until there is a dictionary"
    made.learn()
    return made


def test_a_dictionary_makes_records_small_and_nothing_else(tmp_path):
    codec = taught(tmp_path)
    packed = [codec.encode(like(number)) for number in range(5_000, 5_100)]
    assert max(map(len, packed)) < len(like(5_000)) / 2
    assert [codec.decode(each) for each in packed] == [like(number) for number in range(5_000, 5_100)]
    assert codec.decode(like(1)) == like(1), "what was stored before still is what it was"


def test_it_outlives_the_process(tmp_path):
    packed = taught(tmp_path).encode(like(9_999))
    again = RecordCodec(tmp_path)
    assert again.decode(packed) == like(9_999)
    assert len(again.encode(like(9_998))) < len(like(9_998)) / 2


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
    assert [each.name for each in tmp_path.glob("tenants/default/dictionaries/*")] == ["0000.zdict"]
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
