"""Packing records: what is read is what was stored, whichever dictionary it was packed with."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity.scope import Scope
from casbah.store.embedded import payload
from casbah.store.embedded.payload import Payloads
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.embedded.vocabulary import Vocabulary
from making import NOW, arrival, ids, query, record

TENANT = Scope("default")


def like(number: int, kind: str = "download") -> bytes:
    return json.dumps(
        record(number, kind=kind, noise=f"{number * 7919:x}", agent="Mozilla/5.0 (Windows NT 10.0)")
    ).encode()


def taught(folder: Path, *, kind: str = "download") -> Payloads:
    made = Payloads(folder)
    for number in range(payload.SAMPLES):
        assert made.pack(like(number, kind)) == like(number, kind), "as it is until there is a dictionary"
    made.learn()
    return made


def test_a_dictionary_makes_records_small_and_nothing_else(tmp_path):
    payloads = taught(tmp_path)
    packed = [payloads.pack(like(number)) for number in range(5_000, 5_100)]
    assert max(map(len, packed)) < len(like(5_000)) / 2
    assert [payloads.unpack(each) for each in packed] == [like(number) for number in range(5_000, 5_100)]
    assert payloads.unpack(like(1)) == like(1), "what was stored before still is what it was"


def test_it_outlives_the_process(tmp_path):
    packed = taught(tmp_path).pack(like(9_999))
    again = Payloads(tmp_path)
    assert again.unpack(packed) == like(9_999)
    assert len(again.pack(like(9_998))) < len(like(9_998)) / 2


def test_a_second_dictionary_leaves_the_first_in_use(tmp_path):
    payloads = taught(tmp_path)
    first = payloads.pack(like(1))
    for number in range(payload.SAMPLES * 10):
        payloads.pack(like(number, "something else altogether"))
    payloads.learn()
    assert len(list(tmp_path.glob("*.zdict"))) == 2
    assert payloads.unpack(first) == like(1)
    assert Payloads(tmp_path).unpack(payloads.pack(like(3, "x"))) == like(3, "x")


def test_nothing_to_learn_from_is_no_error(tmp_path):
    payloads = Payloads(tmp_path)
    for _ in range(payload.SAMPLES):
        payloads.pack(b"{}")
    payloads.learn()
    assert payloads.unpack(payloads.pack(b"{}")) == b"{}"


@given(st.binary(max_size=2_000))
def test_any_record_comes_back(tmp_path_factory, rest):
    payloads = _shared(tmp_path_factory)
    text = b'{"' + rest
    assert payloads.unpack(payloads.pack(text)) == text


_SHARED: dict[str, Payloads] = {}


def _shared(factory: pytest.TempPathFactory) -> Payloads:
    if "one" not in _SHARED:
        _SHARED["one"] = taught(factory.mktemp("payload"))
    return _SHARED["one"]


def test_threads_may_unpack_together(tmp_path):
    payloads = taught(tmp_path)
    packed = {number: payloads.pack(like(number)) for number in range(500)}
    start = threading.Barrier(4)

    def read(_: int) -> bool:
        start.wait(10)
        return all(payloads.unpack(each) == like(number) for number, each in packed.items())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(4)))


def test_a_store_learns_as_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(payload, "SAMPLES", 300)
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    for start in range(0, 900, 300):
        store.insert([arrival(json.loads(like(number))) for number in range(start, start + 300)], TENANT)
    assert [each.name for each in tmp_path.glob("tenants/default/dictionaries/*")] == ["0000.zdict"]
    store.close()
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    records = store.scan(query(isScan=True, limit=5_000), TENANT).records
    assert sorted(map(json.loads, records), key=lambda made: -made["timestamp"]) == [
        json.loads(like(n)) for n in range(900)
    ]
    assert ids([store.fetch("activity-850", TENANT) or b"{}"]) == ["activity-850"]
    store.close()


@given(
    st.lists(st.text("abİ\x00\n .", min_size=1, max_size=6), max_size=30),
    st.text("abİ\x00\n .", min_size=1, max_size=3),
)
def test_a_vocabulary_matches_as_python_does(texts, part):
    terms = sorted(set(texts), key=str.encode)
    held = Vocabulary([(term, 1) for term in terms])
    assert held.matching(part) == [term for term in terms if part in term]
    assert held.matching(part, ends=True) == [term for term in terms if term.endswith(part)]


def test_an_even_sample_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(payload, "SAMPLES", 200)
    payloads = Payloads(tmp_path)
    payloads._dice = random.Random(3)
    for number in range(20_000):
        payloads.pack(b"%d" % number)
    middle = sorted(int(each) for each in payloads._sample)[100]
    assert 7_000 < middle < 13_000
