"""What VictoriaLogs stores of a record, and what it is asked; as somebody who knows it would do it.

The time is the time of the activity, with the number of storing in the nanoseconds, so that the newest come first and ties are
broken alike. Streams are the app and its instance. The message is the words of the record, for full-text search; the other
fields are flat, and the record is one of them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from casbah.activity.query import Query
from tools.bench import columns
from tools.bench.columns import JOINED
from tools.bench.logsql import STREAM, quoted, render

INSERT = f"/insert/jsonline?_stream_fields={','.join(STREAM)}"
_NANOSECONDS = 1_000_000
"""In a millisecond: numbers of storing repeat after as many, which no millisecond of the data has."""


def form(record: bytes, seq: int) -> bytes:
    """A record as a line of JSON."""
    row: dict[str, Any] = {**columns.row(record), "seq": seq, "record": record.decode()}
    row["_time"] = row.pop("date") * _NANOSECONDS + seq % _NANOSECONDS
    row["_msg"] = columns.spaced(row.pop("word"))
    if row.pop("ip_key", None):
        first, *rest = row["ip"]
        row |= {"ip_first": first, "ip_rest": {str(number): each for number, each in enumerate(rest)}}
    row |= {f"{name}_text": columns.joined(row[name]) for name in JOINED if name in row}
    return orjson.dumps(row) + b"\n"


def months(file: Path) -> set[str]:
    """The months that lines in the order of time begin and end in, as the names of partitions begin."""
    lines = file.read_bytes().splitlines()
    times = (orjson.loads(line)["_time"] for line in (lines[0], lines[-1]))
    return {datetime.fromtimestamp(time / 1e9, UTC).strftime("%Y%m") for time in times}


def is_newest(query: Query) -> bool:
    """Whether the page is the newest of its filter, which it finds from the end, in as little time as it must read."""
    return query.sort.name == "date" and query.descending and not query.skip


def newest(query: Query) -> str:
    """The records of the newest page. Without the time among its fields it would read everything."""
    return f"{render(query.predicate)} | sort by ({_order(query)}) limit {query.limit} | fields _time, record"


def places(query: Query) -> str:
    """Where the activities of a page are. It reads every field that is asked for of everything that it sorts: no records yet."""
    cut = f"offset {query.skip} limit {query.limit}"
    return f"{render(query.predicate)} | sort by ({_order(query)}) {cut} | fields _time, seq"


def at(query: Query, found: Sequence[Mapping[str, str]]) -> str:
    """The records of a page, by where they are."""
    times, numbers = [each["_time"].removesuffix("Z") for each in found], ",".join(each["seq"] for each in found)
    return f"_time:[{min(times)}Z, {max(times)}Z] seq:in({numbers}) | sort by ({_order(query)}) | fields record"


def total(query: Query) -> str:
    """The exact total."""
    return f"{render(query.predicate)} | stats count() total"


def by_id(activity_id: str) -> str:
    """The record of that id."""
    return f"id:={quoted(activity_id)} | fields record"


def _order(query: Query) -> str:
    way = " desc" if query.descending else ""
    return f"_time{way}" if query.sort.name == "date" else f"{query.sort.name}{way}, seq{way}"
