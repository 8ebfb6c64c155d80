"""Bodies made ready beside: the same items as here, whatever becomes of the processes."""

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from casbah.errors import MalformedBodyError
from casbah.ingest import wire_encoding
from casbah.ingest.connectors import connectors
from casbah.ingest.decompress import InputLimits
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.ingest_body import items
from casbah.ingest.parse_pool import PIECE, ParsePool
from casbah.ingest.preparation import Preparation
from casbah.store.embedded.document import prepared

_LIMITS = InputLimits()
_COUNT = PIECE * 3 + 7


def _body(count: int = _COUNT) -> bytes:
    return b"\n".join(
        orjson.dumps({"_id": f"a{each}", "timestamp": 1_700_000_000_000 + each, "appId": 11770, "x": "y" * 100})
        if each % 500
        else b'{"_id": "no time", "appId": 1}'
        for each in range(count)
    )


def _here(text: bytes) -> list[str]:
    return [_told(item) for item in items(text, "mdca", connectors=connectors(), limits=_LIMITS)]


def _told(found: tuple[int, Any]) -> str:
    line, item = found
    return f"{line}: {getattr(item, 'reason', None) or item.id}"


@pytest.fixture
def parse_pool() -> Iterator[ParsePool]:
    made = ParsePool(
        1,
        connectors=connectors,
        preparation=Preparation(Enrichment, prepared),
        known=Enrichment(),
        loaded=connectors(),
    )
    yield made
    made.close()


def _processes(parse_pool: ParsePool) -> list[Any]:
    return [worker.process for worker in parse_pool._running]


@pytest.mark.slow
def test_it_gives_what_reading_here_gives_in_the_same_order(parse_pool: ParsePool) -> None:
    text = _body()
    found = list(parse_pool.items(text, "mdca", limits=_LIMITS))
    assert [_told(each) for each in found] == _here(text)
    assert {type(item).__name__ for _, item in found} == {"Prepared", "Refusal"}


@pytest.mark.slow
def test_the_zone_of_times_reaches_the_process(parse_pool: ParsePool) -> None:
    row = "2025-11-10 06:08:38,Ann,Downloaded,12,Drawings\n"
    text = f"Date,User Name,Action,Size (KB),Parent Folder\n{row * 6_000}".encode()
    berlin = [
        item.timestamp for _, item in parse_pool.items(text, None, limits=_LIMITS, zone=ZoneInfo("Europe/Berlin"))
    ]
    assert berlin == [1_762_751_318_000] * 6_000
    assert _processes(parse_pool)


def test_small_bodies_start_no_process(parse_pool: ParsePool) -> None:
    text = _body(100)
    assert [_told(item) for item in parse_pool.items(text, "mdca", limits=_LIMITS)] == _here(text)
    assert not _processes(parse_pool)


@pytest.mark.slow
def test_one_that_dies_in_the_middle_loses_nothing_and_is_replaced(parse_pool: ParsePool) -> None:
    text = _body(20_000)
    found = parse_pool.items(text, "mdca", limits=_LIMITS)
    first = list(islice(found, PIECE))
    (process,) = _processes(parse_pool)
    process.kill()
    process.join()
    assert [_told(each) for each in [*first, *found]] == _here(text)
    assert [_told(item) for item in parse_pool.items(text, "mdca", limits=_LIMITS)] == _here(text)
    assert [each.pid for each in _processes(parse_pool)] != [process.pid]


def test_an_answer_that_nobody_hears_to_its_end_does_not_reach_the_next(parse_pool: ParsePool) -> None:
    text = _body(20_000)
    abandoned = parse_pool.items(text, "mdca", limits=_LIMITS)
    next(abandoned)
    abandoned.close()
    assert [_told(item) for item in parse_pool.items(_body(), "mdca", limits=_LIMITS)] == _here(_body())


def test_what_is_wrong_with_a_body_is_raised_here(parse_pool: ParsePool) -> None:
    with pytest.raises(MalformedBodyError, match=f"source {wire_encoding.SOURCE}"):
        list(parse_pool.items(b"no envelope\n" * 30_000, wire_encoding.SOURCE, limits=_LIMITS))


@pytest.mark.slow
def test_whoever_waits_for_a_process_goes_on_after_close(parse_pool: ParsePool) -> None:
    text = _body()
    holding = parse_pool.items(text, "mdca", limits=_LIMITS)
    next(holding)
    found: list[str] = []
    waiting = threading.Thread(
        target=lambda: found.extend(_told(item) for item in parse_pool.items(text, "mdca", limits=_LIMITS))
    )
    waiting.start()
    parse_pool.close()
    waiting.join(20)
    assert found == _here(text)
    assert 1 + len(list(holding)) == _COUNT
