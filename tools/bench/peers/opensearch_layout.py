"""OpenSearch's index: its types, its settings, a record as a document, and a search; as somebody who knows it would do it.

Sorted on disk as pages are; one shard, because it is one machine; records are kept as text in the source, beside nothing else,
so that what comes back is a page of them.
"""

import json
from typing import Any

from casbah.activity.address import from_key
from casbah.activity.query import Query
from tools.bench import columns
from tools.bench.columns import COLUMNS, Column
from tools.bench.dsl import WILD, render

_TYPES: dict[Column, dict[str, Any]] = {
    Column.NUMBER: {"type": "long"},
    Column.FLAG: {"type": "boolean"},
    Column.TEXT: {"type": "keyword"},
    Column.LIST: {"type": "keyword"},
    Column.NETWORK: {"type": "ip"},
    Column.WORDS: {"type": "text", "analyzer": "whitespace", "norms": False, "position_increment_gap": 100},
}
_CODES = ("service", "instance", "ip_category")
_FARTHEST = 2_000_000


def _type(name: str) -> dict[str, Any]:
    """Numbers that are codes are keywords, as its manual advises for what is looked up and never compared."""
    if name in WILD:
        # Without values beside the postings it would check each candidate against the source, which keeps none.
        return {"type": "keyword", "fields": {"wild": {"type": "wildcard", "doc_values": True}}}
    return {"type": "keyword"} if name in _CODES else _TYPES[COLUMNS[name]]


INDEX: dict[str, Any] = {
    "settings": {
        "number_of_shards": 1,
        "number_of_replicas": 0,
        "sort.field": ["date", "seq"],
        "sort.order": ["desc", "desc"],
        "max_result_window": _FARTHEST,
        "refresh_interval": "1s",
        "translog.durability": "request",
    },
    "mappings": {
        "dynamic": False,
        "_source": {"includes": ["record"]},
        "properties": {"seq": {"type": "long"}, **{name: _type(name) for name in COLUMNS}},
    },
}
LAYOUT = json.dumps(INDEX)


def form(record: bytes, seq: int) -> bytes:
    """A record as two lines of a bulk request."""
    row: dict[str, Any] = {"seq": seq, **columns.row(record), "record": record.decode()}
    row["word"] = [" ".join(words) for words in row["word"]]
    if "ip_key" in row:
        row["ip_key"] = [from_key(key) for key in row["ip_key"]]
    row |= {name: str(row[name]) for name in _CODES if name in row}
    return json.dumps({"create": {"_id": row["id"]}}).encode() + b"\n" + json.dumps(row).encode() + b"\n"


def search(query: Query) -> dict[str, Any]:
    """A page and the exact total, in one."""
    way = "desc" if query.descending else "asc"
    return {
        "query": render(query.predicate),
        "sort": [{query.sort.name: way}, {"seq": way}],
        "from": query.skip,
        "size": query.limit,
        "track_total_hits": True,
    }
