"""What ingest costs: the figures are of what was stored, ratios are of one round, and the files are as described."""

import gzip
from collections.abc import Callable

import orjson
import pytest
from tools.bench import ingesting, raw, report
from tools.bench.ingesting import Cost, Ratio
from tools.bench.peers.clickhouse import ClickHouse
from tools.bench.peers.duck import Duck
from tools.demo.generate import made_up

PERIOD_MS = 1 << 31
RATIO = Ratio("work", "microseconds", lambda key: (key[0], "one", key[2]))


def way(*costs: float) -> Callable[[], Cost]:
    left = iter(costs)
    return lambda: Cost(10, next(left), 5)


def test_ratios_are_of_the_same_round():
    ways = {("a", "one", ""): way(100, 200, 400), ("a", "many", ""): way(150, 100, 800)}
    one, many = ingesting.in_rounds(ways, [RATIO], rounds=3)["rows"]
    assert "work" not in one
    assert many["work"] == {"median": 1.5, "low": 1.0, "high": 1.75}
    assert many["microseconds"]["median"] == 150


def test_what_fails_is_told_and_not_a_base():
    ways = {("a", "one", ""): way(1), ("a", "many", ""): way(1, 2, 3)}
    found = ingesting.in_rounds(ways, [RATIO], rounds=3)
    failed, other = found["rows"]
    assert failed["error"].startswith("StopIteration")
    assert other["microseconds"]["median"] == 2
    assert "work" not in other
    _, columns, rows = report._stored("", ("", ""), found)
    assert [len(row) for row in rows] == [len(columns)] * 2


def test_earlier_records_are_of_sixty_periods():
    times = [orjson.loads(record)["timestamp"] for record in ingesting.before_records(1)]
    assert times == sorted(times)
    assert len({time // PERIOD_MS for time in times}) >= 60
    assert times[-1] < orjson.loads(next(ingesting.week_of(0, size=1, seed=1)))["timestamp"]


@pytest.mark.parametrize("kind", [ClickHouse, Duck], ids=lambda kind: kind.name)
def test_what_was_there_before_does_not_count(kind, records, tmp_path):
    if lacking := kind.lacking(tmp_path):
        pytest.skip(lacking)
    peer = kind(tmp_path)
    before = ingesting._files(peer, records * 20, 0, tmp_path / "before")
    files = ingesting._files(peer, records, len(records) * 20, tmp_path / "rows")
    cost = ingesting._stored(peer, before, files, len(records))
    assert 0 < cost.bytes < 5 * sum(map(len, records)) / len(records)
    assert cost.per_second > 0
    assert cost.microseconds > 0


@pytest.mark.parametrize("source", raw._DELIVERED)
def test_many_files_have_the_events_of_the_one(source, tmp_path):
    events = [b'{"number":%d}' % number for number in range(20)]
    one, many = raw._written(source, events, tmp_path)
    assert one.read_bytes().split(b"\n") == events
    delivered = [orjson.loads(gzip.decompress(file.read_bytes())) for file in sorted(many.iterdir())]
    held = [each["Records"] if isinstance(each, dict) else each for each in delivered]
    assert [len(each) for each in held] == [8, 8, 4]
    assert [event["number"] for each in held for event in each] == list(range(20))


@pytest.mark.parametrize("source", raw._DELIVERED)
def test_raw_events_are_ingested_as_both(source, tmp_path, monkeypatch):
    made = made_up(300, until_ms=raw.FROM, days=7)
    events = [each.event for each in made if each.source == source][:20]
    monkeypatch.setattr(raw, "_EVENTS", len(events))
    for path in raw._written(source, events, tmp_path / source):
        cost = raw._ingested(path, None, tmp_path)
        assert cost.microseconds > 0
        assert cost.bytes > 0


def test_a_command_that_fails_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="nowhere"):
        raw._run(tmp_path / "nowhere", tmp_path / "store", tmp_path)
