# ruff: noqa: S608  (names are our own; values travel as parameters)
"""DuckDB: typed columns in the order of time, no index but its own zone maps, answers by scanning on all cores."""

import importlib.util
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import orjson

from casbah.activity.query import Query
from tools.bench import columns, prepare
from tools.bench.columns import COLUMNS, JOINED, Column
from tools.bench.data import Data
from tools.bench.peers.behind import Behind
from tools.bench.peers.contract import FreshStore
from tools.bench.process import Process
from tools.bench.sql import Condition, Dialect, render, spaced_phrase, spaced_words
from tools.bench.wire import Connection

_TYPES = {
    Column.NUMBER: "BIGINT",
    Column.FLAG: "BOOLEAN",
    Column.TEXT: "VARCHAR",
    Column.LIST: "VARCHAR[]",
    Column.WORDS: "VARCHAR",
}


def types() -> dict[str, str]:
    """The columns of the table, in order."""
    found = {"seq": "BIGINT"}
    for name, column in COLUMNS.items():
        if column is Column.NETWORK:
            found |= {"ip_first": "UHUGEINT", "ip_rest": "UHUGEINT[]"}
        else:
            found[name] = _TYPES[column]
    return {**found, **{f"{name}_text": "VARCHAR" for name in JOINED}, "record": "VARCHAR"}


def form(record: bytes, seq: int) -> bytes:
    """A record as a line of JSON, for `read_json`."""
    row: dict[str, Any] = {"seq": seq, **columns.row(record), "record": record.decode()}
    row["word"] = columns.spaced(row["word"])
    keys = [str(key) for key in row.pop("ip_key", [])]
    if keys:
        row |= {"ip_first": keys[0]} | ({"ip_rest": keys[1:]} if keys[1:] else {})
    row |= {f"{name}_text": columns.joined(row[name]) for name in JOINED if name in row}
    return orjson.dumps(row) + b"\n"


def _one_of(name: str, values: list[Any]) -> Condition:
    """As alternatives: for IN it joins instead of looking through its dictionaries, which takes thirty times as long."""
    return Condition("(" + " OR ".join([f"{name} = ?"] * len(values)) + ")", tuple(values))


def _shares(name: str, values: list[Any]) -> Condition:
    """For a single value the simpler function is four times as fast."""
    if len(values) == 1:
        return Condition(f"list_contains({name}, ?)", tuple(values))
    return Condition(f"list_has_any({name}, ?)", (values,))


def _some(name: str, condition: Callable[[str], Condition]) -> Condition:
    inner = condition("v")
    return Condition(f"len(list_filter({name}, lambda v: {inner.text})) > 0", inner.values)


DIALECT = Dialect(
    mark="?",
    one_of=_one_of,
    shares=_shares,
    within=lambda name, values: Condition(f"list_has_all(?, {name})", (values,)),
    begins=lambda name, text: Condition(f"starts_with({name}, ?)", (text,)),
    holds=lambda name, text: Condition(f"contains({name}, ?)", (text,)),
    ends=lambda name, text: Condition(f"ends_with({name}, ?)", (text,)),
    some=_some,
    words=lambda words: spaced_words(words, "?"),
    phrase=lambda words, open_ended: spaced_phrase(words, "?", open_ended=open_ended),
    address=int,
)


def statements(query: Query) -> tuple[Condition, Condition]:
    """The page and the total. With an offset it reads whole rows unless told not to, which takes eight times as long."""
    where = render(query.predicate, DIALECT)
    way = "DESC" if query.descending else "ASC"
    order = f"ORDER BY {query.sort.name} {way}, seq {way}"
    cut = f"WHERE {where.text} {order} LIMIT {query.limit} OFFSET {query.skip}"
    far = f"WHERE rowid IN (SELECT rowid FROM activity {cut}) {order}"
    return (
        Condition(f"SELECT record FROM activity {far if query.skip else cut}", where.values),
        Condition(f"SELECT count(*) FROM activity WHERE {where.text}", where.values),
    )


class DuckEngine:
    """A database file, read only."""

    def __init__(self, file: str) -> None:
        import duckdb  # noqa: PLC0415  only the bench's own environment has it

        # Late materialisation: only the rows of the page are read whole, for pages of more than its default of 50 as well.
        chosen = {"late_materialization_max_rows": 1_000, "preserve_insertion_order": False}
        self._base = duckdb.connect(file, read_only=True, config=chosen)
        self._local = threading.local()

    def find(self, query: Query, /) -> tuple[Sequence[bytes], int]:
        """See `Engine.find`."""
        page, total = (self._asked(statement) for statement in statements(query))
        return [record.encode() for (record,) in page], total[0][0]

    def fetch(self, activity_id: str, /) -> bytes | None:
        """See `Engine.fetch`."""
        found = self._asked(Condition("SELECT record FROM activity WHERE id = ?", (activity_id,)))
        return found[0][0].encode() if found else None

    def _asked(self, condition: Condition) -> list[tuple[Any, ...]]:
        if not hasattr(self._local, "cursor"):
            self._local.cursor = self._base.cursor()
        return self._local.cursor.execute(condition.text, list(condition.values)).fetchall()


class Duck:
    """See `Peer`. It has no server: the handler's process is the database."""

    name: ClassVar[str] = "duckdb"
    title: ClassVar[str] = "DuckDB"
    form = staticmethod(form)
    durable: ClassVar[bool] = True
    layout: ClassVar[str] = Path(__file__).read_text(encoding="utf-8").partition("\ndef _one_of")[0]

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "activity.duckdb"
        self._handler: Behind | None = None

    @classmethod
    def lacking(cls, _work: Path, /) -> str:
        return (
            ""
            if importlib.util.find_spec("duckdb")
            else "pip install -r tools/bench/requirements.lock (`make bench` does)"
        )

    def version(self) -> str:
        import duckdb  # noqa: PLC0415

        return str(duckdb.__version__)

    def start(self) -> None:
        """Nothing to start."""

    def load(self, data: Data) -> float:
        started, base = 0.0, opened(self._file)
        for file in prepare.prepared(data, form, folder=self._folder):
            before = time.perf_counter()
            base.execute(*inserted(file))
            started += time.perf_counter() - before
        before = time.perf_counter()
        base.execute("CHECKPOINT")
        base.close()
        return started + time.perf_counter() - before

    def serve(self) -> Connection:
        self._handler = Behind("tools.bench.peers.duck:DuckEngine", str(self._file), folder=self._folder)
        return self.again()

    def again(self) -> Connection:
        assert self._handler is not None
        return self._handler.connection()

    @contextmanager
    def fresh(self) -> Iterator[FreshStore]:
        file = self._folder / "fresh.duckdb"
        file.unlink(missing_ok=True)
        with closing(opened(file)) as base:

            def disk() -> int:
                base.execute("CHECKPOINT")
                return file.stat().st_size

            yield FreshStore(lambda lines: base.execute(*inserted(lines)), time.process_time, disk)
        file.unlink()

    def disk(self) -> int:
        return self._file.stat().st_size

    def processes(self) -> Sequence[Process]:
        return [self._handler.process] if self._handler else []

    def stop(self) -> None:
        for process in self.processes():
            process.end()


def opened(file: Path) -> Any:
    import duckdb  # noqa: PLC0415

    base = duckdb.connect(str(file), config={"storage_compatibility_version": "latest"})
    table = ", ".join(f"{name} {kind}" for name, kind in types().items())
    base.execute(f"CREATE TABLE IF NOT EXISTS activity ({table})")
    return base


def inserted(file: Path) -> tuple[str, list[Any]]:
    names = ", ".join(types())
    read = {name: kind.replace("UHUGEINT", "VARCHAR") for name, kind in types().items()}
    cast = ", ".join(f"CAST({name} AS {kind})" if "HUGE" in kind else name for name, kind in types().items())
    given = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in read.items()) + "}"
    source = f"read_json(?, format='newline_delimited', columns={given}, maximum_object_size=67108864)"
    return f"INSERT INTO activity ({names}) SELECT {cast} FROM {source}", [str(file)]
