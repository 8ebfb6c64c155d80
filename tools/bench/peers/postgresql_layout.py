# ruff: noqa: S608  (names are our own; values travel as parameters)
"""PostgreSQL's table, indexes, rows and conditions, as somebody who knows it would choose them.

One table; a btree for each field with one value, with the order of pages behind it; GIN on lists, on trigrams where the public
API asks for parts of values, and on a tsvector for words; the record itself compressed beside them. In the C locale a
btree serves prefixes, too.
"""

from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

from casbah.activity.query import Query
from tools.bench import columns
from tools.bench.columns import COLUMNS, JOINED, Column
from tools.bench.sql import Condition, Dialect, render

_TYPES = {
    Column.NUMBER: "bigint",
    Column.FLAG: "boolean",
    Column.TEXT: "text",
    Column.LIST: "text[]",
    Column.WORDS: "tsvector",
}
_BY_TRIGRAM = ("user_agent", "organization", "operation", *(f"{name}_text" for name in JOINED))
_RARELY_SET = ("policy", "user_tag")
_NOT_BY_BTREE = ("id", "user_agent", "date", "created")
_FAR = 1_000


def types() -> dict[str, str]:
    """The columns of the table, in order."""
    found = {"seq": "bigint NOT NULL"}
    for name, column in COLUMNS.items():
        if column is Column.NETWORK:
            found |= {"ip_first": "inet", "ip_rest": "inet[]"}
        else:
            found[name] = _TYPES[column]
    return {**found, **{f"{name}_text": "text" for name in JOINED}, "record": "text NOT NULL"}


def table() -> str:
    """The table."""
    return f"CREATE TABLE activity ({', '.join(f'{name} {kind}' for name, kind in types().items())})"


def indexes() -> list[str]:
    """Its indexes."""
    ordered = [name for name, c in COLUMNS.items() if c in (Column.NUMBER, Column.FLAG, Column.TEXT)]
    lists = [name for name, c in COLUMNS.items() if c is Column.LIST]
    return [
        "CREATE UNIQUE INDEX ON activity (id)",
        "CREATE UNIQUE INDEX ON activity (seq)",
        "CREATE INDEX ON activity (date DESC, seq DESC)",
        "CREATE INDEX ON activity (created DESC, seq DESC)",
        *(f"CREATE INDEX ON activity ({n}, date DESC, seq DESC)" for n in ordered if n not in _NOT_BY_BTREE),
        *(f"CREATE INDEX ON activity (date DESC, seq DESC) WHERE {name} IS NOT NULL" for name in _RARELY_SET),
        "CREATE INDEX ON activity (ip_first)",
        "CREATE INDEX ON activity (seq) WHERE ip_rest IS NOT NULL",
        *(f"CREATE INDEX ON activity USING gin ({name})" for name in (*lists, "word")),
        *(f"CREATE INDEX ON activity USING gin ({name} gin_trgm_ops)" for name in _BY_TRIGRAM),
    ]


LAYOUT = Path(__file__).read_text(encoding="utf-8").partition("\ndef _like")[0]


def form(record: bytes, seq: int) -> bytes:
    """A record as a line of COPY's text format."""
    row: dict[str, Any] = {"seq": seq, **columns.row(record), "record": record.decode()}
    row["word"] = _positions(row["word"])
    addresses = [str(IPv6Address(key)) for key in row.pop("ip_key", [])]
    if addresses:
        row |= {"ip_first": addresses[0]} | ({"ip_rest": addresses[1:]} if addresses[1:] else {})
    row |= {f"{name}_text": columns.joined(row[name]) for name in JOINED if name in row}
    return "\t".join(_copied(row.get(name)) for name in types()).encode() + b"\n"


def _copied(value: Any) -> str:
    if value is None:
        return r"\N"
    text = _array(value) if isinstance(value, list) else str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(values: list[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def _positions(found: list[tuple[str, ...]]) -> str:
    """A tsvector in which no two strings of the record are neighbors."""
    places: dict[str, list[str]] = {}
    place = 1
    for phrase in found:
        for word in phrase:
            places.setdefault(word, []).append(str(place))
            place += 1
        place += 1
    return " ".join(f"'{word}':{','.join(held)}" for word, held in places.items())


def _like(before: str, after: str) -> Callable[[str, str], Condition]:
    def condition(name: str, text: str) -> Condition:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return Condition(f"{name} LIKE %s", (f"{before}{escaped}{after}",))

    return condition


def _some(name: str, condition: Callable[[str], Condition]) -> Condition:
    inner = condition("v")
    return Condition(f"EXISTS (SELECT FROM unnest({name}) AS v WHERE {inner.text})", inner.values)


def _found(words: tuple[str, ...], between: str, *, open_ended: bool = False) -> Condition:
    text = between.join(f"'{word}'" for word in words) + (":*" if open_ended else "")
    return Condition("word @@ %s::tsquery", (text,))


DIALECT = Dialect(
    mark="%s",
    one_of=lambda name, values: Condition(f"{name} = ANY(%s)", (values,)),
    shares=lambda name, values: Condition(f"{name} && %s::text[]", (values,)),
    within=lambda name, values: Condition(f"{name} <@ %s::text[]", (values,)),
    begins=_like("", "%"),
    holds=_like("%", "%"),
    ends=_like("%", ""),
    some=_some,
    words=lambda words: _found(words, " & "),
    phrase=lambda words, open_ended: _found(words, " <-> ", open_ended=open_ended),
    address=lambda key: str(IPv6Address(key)),
)


def statements(query: Query) -> tuple[Condition, Condition]:
    """The page and the total. Far pages are found by the index alone before their records are read."""
    where = render(query.predicate, DIALECT)
    way = "DESC" if query.descending else "ASC"
    order = f"ORDER BY {query.sort.name} {way}, seq {way}"
    cut = f"WHERE {where.text} {order} LIMIT {query.limit} OFFSET {query.skip}"
    far = f"WHERE seq IN (SELECT seq FROM activity {cut}) {order}"
    page = f"SELECT record FROM activity {far if query.skip > _FAR else cut}"
    return (
        Condition(page, where.values),
        Condition(f"SELECT count(*) FROM activity WHERE {where.text}", where.values),
    )
