"""The query set asks by every filter, what it asks is valid, and the peers' conditions find what they mean."""

from contextlib import closing

import orjson
import pytest
from tools.bench import dsl, logsql, sql
from tools.bench.__main__ import WORK
from tools.bench.columns import COLUMNS, row
from tools.bench.peers import clickhouse, clickhouse_layout, duck, postgresql_layout, victorialogs, victorialogs_layout
from tools.bench.shapes import SHAPES

from casbah.activity.fields import FIELDS
from casbah.activity.language import FILTERS, filter_named
from casbah.activity.matching import matches
from casbah.activity.query import parse

NOW = 1_760_000_000_000


def test_every_filter_is_asked(sample):
    bodies = [body for shape in SHAPES for body in shape.bodies(sample, 600)]
    assert {filter_named(name).name for body in bodies for name in body["filters"]} == set(FILTERS)


def test_names_of_shapes_are_unique():
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)


def test_every_field_is_a_column():
    assert list(COLUMNS) == list(FIELDS)


def test_every_record_is_a_row(records):
    for record in records:
        assert set(row(record)) <= set(COLUMNS)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_values_occur_in_the_data(shape, sample, activities):
    found = [parse(body, now=NOW).predicate for body in shape.bodies(sample, len(activities))]
    if "30 days" in shape.name or shape.name in ("half a year", "oldest first", "broad mixture"):
        pytest.skip("it asks for the end of a year, and these records are of one week")
    assert any(matches(predicate, activity) for predicate in found for activity in activities)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_peer_can_say_it(shape, sample):
    for query in (parse(body, now=NOW) for body in shape.bodies(sample, 600)):
        for dialect in (clickhouse_layout.DIALECT, duck.DIALECT, postgresql_layout.DIALECT):
            said = sql.render(query.predicate, dialect)
            assert said.text.count(dialect.mark) == len(said.values)
        assert orjson.dumps(dsl.render(query.predicate))
        assert logsql.render(query.predicate)


@pytest.fixture(scope="session")
def duckdb(records, tmp_path_factory):
    pytest.importorskip("duckdb", reason="`make bench` installs it", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("duck")
    rows = folder / "rows.ndjson"
    rows.write_bytes(b"".join(duck.form(record, number) for number, record in enumerate(records)))
    file = folder / "activity.duckdb"
    base = duck.opened(file)
    base.execute(*duck.inserted(rows))
    base.close()
    return duck.DuckEngine(str(file))


@pytest.fixture(scope="module")
def chdb(records, tmp_path_factory):
    """ClickHouse's engine; a process has one at a time, so it does not outlive this module."""
    pytest.importorskip("chdb", reason="`make bench` installs it", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("clickhouse")
    rows = folder / "rows.ndjson"
    rows.write_bytes(b"".join(clickhouse_layout.form(record, number) for number, record in enumerate(records)))
    with closing(clickhouse.opened(folder / "data")) as session:
        session.query(clickhouse_layout.inserted(rows))
    with closing(clickhouse.ClickHouseEngine(str(folder / "data"))) as engine:
        yield engine


@pytest.fixture(scope="session")
def victorialogs_engine(records, tmp_path_factory):
    built = victorialogs.binary(WORK)
    if not built.exists():
        pytest.skip("`make bench` builds it")
    work = tmp_path_factory.mktemp("bench")
    victorialogs.binary(work).parent.symlink_to(built.parent)
    folder = work / "victorialogs" / "data"
    folder.mkdir(parents=True)
    peer = victorialogs.VictoriaLogs(folder)
    peer.start()
    peer.insert(
        b"".join(victorialogs_layout.form(record, number) for number, record in enumerate(records)), len(records)
    )
    with closing(victorialogs.VictoriaLogsEngine(peer.url)) as engine:
        yield engine
    peer.stop()


@pytest.mark.parametrize("name", ["chdb", "duckdb", "victorialogs_engine"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_it_finds_what_is_meant(shape, name, sample, records, activities, request):
    engine = request.getfixturevalue(name)
    for query in (parse(body, now=NOW) for body in shape.bodies(sample, len(records))[:2]):
        found, total = engine.find(query)
        right = [each for each, activity in zip(records, activities, strict=True) if matches(query.predicate, activity)]
        assert total == len(right)
        assert set(found) <= set(right)
        assert len(found) == min(query.limit, max(0, total - query.skip))
