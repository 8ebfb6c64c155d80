# ruff: noqa: S608  (names are our own; values are escaped)
"""ClickHouse's table: its types, its indexes, a record as a row, and a search; as somebody who knows it would do it.

Sorted by tenant and time, a partition a month. Values that repeat are dictionary-encoded, absent texts and lists are empty instead of
null, and text indexes serve words, values of lists, and parts of long texts.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import orjson

from casbah.activity.address import from_key
from casbah.activity.query import Query
from tools.bench import columns
from tools.bench.columns import COLUMNS, JOINED, Column
from tools.bench.sql import Condition, Dialect, render

_MANY = frozenset(
    {
        "id",
        "session",
        "source_id",
        "ip",
        "file_selector",
        "url",
        "file_id",
        "alert_id",
        "object_id",
        "entity",
        "account",
    }
)
"""Fields with too many different values for dictionaries of them to pay."""

_SORTED = frozenset({"seq", "date", "created"})
_NULLABLE = frozenset({"service", "ip_category"})
_WHOLE = ("id", "user_name", "org_unit")
"""Texts that are looked up whole, beside the lists."""

_PARTS = ("url_text",)
"""Long texts of many values whose parts are looked up; others are read through."""


def _type(name: str, column: Column) -> str:
    text = "String" if name in _MANY else "LowCardinality(String)"
    match column:
        case Column.NUMBER:
            return (
                "Int64 CODEC(Delta, ZSTD)" if name in _SORTED else "Nullable(Int64)" if name in _NULLABLE else "Int64"
            )
        case Column.FLAG:
            return "Bool"
        case Column.TEXT:
            return text
        case Column.LIST:
            return f"Array({text})"
        case Column.WORDS:
            return "String CODEC(ZSTD(3))"
        case Column.NETWORK:
            raise AssertionError(f"{name} is two columns")


def _columns() -> Mapping[str, str]:
    """The columns of a record, in order."""
    found = {"seq": _type("seq", Column.NUMBER)}
    for name, column in COLUMNS.items():
        if column is Column.NETWORK:
            found |= {"ip_first": "Nullable(IPv6)", "ip_rest": "Array(IPv6)"}
        else:
            found[name] = _type(name, column)
    return {**found, **{f"{name}_text": "String" for name in JOINED}, "record": "String CODEC(ZSTD(3))"}


def _indexes() -> Mapping[str, str]:
    """The tokenizer of the text index of a column."""
    lists = [name for name, column in COLUMNS.items() if column is Column.LIST]
    return {
        "word": "splitByString([' '])",
        **dict.fromkeys((*lists, *_WHOLE), "array"),
        **dict.fromkeys(_PARTS, "ngrams(3)"),
    }


def table() -> str:
    """The statement that makes it, if it is not there."""
    parts = ["tenant LowCardinality(String) DEFAULT 'default'"]
    parts += [f"{name} {kind}" for name, kind in _columns().items()]
    parts += [f"INDEX {name}_index {name} TYPE text(tokenizer = {way})" for name, way in _indexes().items()]
    return (
        f"CREATE TABLE IF NOT EXISTS activity ({', '.join(parts)}) ENGINE = MergeTree "
        "PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(date)) ORDER BY (tenant, date, seq) "
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )


def inserted(file: Path) -> str:
    """The statement that stores the rows of a file."""
    kinds = {name: kind.partition(" CODEC")[0] for name, kind in _columns().items()}
    read = literal(", ".join(f"{name} {kind}" for name, kind in kinds.items()))
    return f"INSERT INTO activity ({', '.join(kinds)}) SELECT * FROM file('{file}', 'JSONEachRow', {read})"


def form(record: bytes, seq: int) -> bytes:
    """A record as a line of JSON."""
    row: dict[str, Any] = {"seq": seq, **columns.row(record), "record": record.decode()}
    row["word"] = columns.spaced(row["word"])
    if keys := list(map(from_key, row.pop("ip_key", ()))):
        row |= {"ip_first": keys[0], "ip_rest": keys[1:]}
    row |= {f"{name}_text": columns.joined(row[name]) for name in JOINED if name in row}
    return orjson.dumps(row) + b"\n"


def page(query: Query) -> str:
    """The records of a page."""
    way = "DESC" if query.descending else "ASC"
    order = f"ORDER BY {query.sort.name} {way}, seq {way} LIMIT {query.limit} OFFSET {query.skip}"
    return f"SELECT record FROM activity WHERE {_where(query)} {order}"


def total(query: Query) -> str:
    """The exact total."""
    return f"SELECT count() FROM activity WHERE {_where(query)}"


def by_id(activity_id: str) -> str:
    """The record of that id."""
    return f"SELECT record FROM activity WHERE tenant = 'default' AND id = {literal(activity_id)}"


def literal(value: Any) -> str:
    """A value as it is written in a statement."""
    match value:
        case bool() | int():
            return str(value)
        case IPv6Address():
            return f"toIPv6('{value}')"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case list():
            return f"[{', '.join(map(literal, value))}]"
    raise TypeError(f"{value!r} is of no type that a column has")


def _where(query: Query) -> str:
    condition = render(query.predicate, DIALECT)
    first, *rest = condition.text.split(DIALECT.mark)
    said = "".join(literal(value) + text for value, text in zip(condition.values, rest, strict=True))
    return f"tenant = 'default' AND {first}{said}"


def _like(name: str, before: str, text: str, after: str) -> Condition:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return Condition(f"{name} LIKE ?", (f"{before}{escaped}{after}",))


def _some(name: str, condition: Callable[[str], Condition]) -> Condition:
    inner = condition("v")
    return Condition(f"arrayExists(v -> {inner.text}, {name})", inner.values)


def _phrase(words: tuple[str, ...], open_ended: bool) -> Condition:
    if not open_ended:
        return Condition("hasPhrase(word, ?)", (" ".join(words),))
    beside = _like("word", "%", f" {' '.join(words)}", "%")
    if len(words) == 1:
        return beside
    return Condition(f"(hasAllTokens(word, ?) AND {beside.text})", (list(words[:-1]), *beside.values))


def _present(name: str) -> Condition:
    if name in _NULLABLE or name == "ip_first":
        return Condition(f"{name} IS NOT NULL")
    texts = (Column.TEXT, Column.LIST, Column.WORDS)
    return Condition(f"notEmpty({name})" if name == "ip_rest" or COLUMNS[name] in texts else "TRUE")


DIALECT = Dialect(
    mark="?",
    one_of=lambda name, values: Condition(f"{name} IN ({', '.join('?' * len(values))})", tuple(values)),
    shares=lambda name, values: Condition(f"hasAny({name}, ?)", (values,)),
    within=lambda name, values: Condition(f"hasAll(?, {name})", (values,)),
    begins=lambda name, text: Condition(f"startsWith({name}, ?)", (text,)),
    holds=lambda name, text: _like(name, "%", text, "%"),
    ends=lambda name, text: Condition(f"endsWith({name}, ?)", (text,)),
    some=_some,
    words=lambda words: Condition("hasAllTokens(word, ?)", (list(dict.fromkeys(words)),)),
    phrase=_phrase,
    address=IPv6Address,
    present=_present,
)
