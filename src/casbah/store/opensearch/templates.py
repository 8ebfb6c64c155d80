"""The index template: the fields of the query language, and the store's own columns.

The store's columns are `record` (its text, stored but not indexed), `seq` (the sequence number), `twin` (the dedup key, which
identifies an event by its id and body), and `<field>_n` (how many values a field has, if more than one).

This needs no module or plugin of the cluster: words are split at whitespace, and everything else is compared verbatim.
"""

import time
from collections.abc import Mapping
from typing import Any

from casbah.activity.fields import COUNTED, FIELDS, Field, Kind
from casbah.activity.text import MAX_WORD_CHARACTERS
from casbah.errors import ClusterUnreachableError, StoreFormatError
from casbah.store.opensearch.cluster import MAX_HITS, Cluster, ClusterRefusedError, managed

FORMAT = 2
"""Goes up whenever the format changes."""

_OLDER = (1,)
"""Formats that can be copied to the current one."""

PERIOD_BITS = 31
FIRST_PERIOD, LAST_PERIOD = 440, 1_910
"""A partition spans 2^31 ms (24 days 20 hours), as in the embedded store. Timestamps before the year 2000 share one partition,
and so do those after 2100, because each index has a cost."""

SORTED = ("date", "seq")

CHUNK = 120
"""Longer words are indexed in pieces of this many characters, as the cluster splits words of over 255 UTF-16 units anywhere."""

_MAPPINGS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.MS: {"type": "long"},
    Kind.INT: {"type": "long"},
    Kind.ADDRESS: {"type": "ip"},
    Kind.WORDS: {"type": "text", "analyzer": "whitespace", "norms": False, "position_increment_gap": 100},
}
_ALREADY_EXISTS = "resource_already_exists_exception"
_PAUSE = 0.05
_STATE = {"dynamic": False, "properties": {}}
_FEEDBACK = {
    "dynamic": False,
    "properties": {name: {"type": "keyword"} for name in ("tenant", "activity")}
    | {name: {"type": "long"} for name in ("at", "order")},
}


def period_of(timestamp: int) -> int:
    """The number of the partition for a timestamp (ms)."""
    return min(max(timestamp >> PERIOD_BITS, FIRST_PERIOD), LAST_PERIOD)


def size_of(name: str) -> str:
    """The column with the number of values in a field, if more than one."""
    return f"{name}_n"


def pieces(word: str) -> list[str]:
    """A word as indexed: whole, or in pieces with markers where they continue."""
    if len(word) <= CHUNK:
        return [word]
    cut = [word[start : start + CHUNK] for start in range(0, len(word), CHUNK)]
    last = len(cut) - 1
    return [f"{_JOINT if at else ''}{piece}{_JOINT if at < last else ''}" for at, piece in enumerate(cut)]


def claim(cluster: Cluster, *, replicas: int, to_copy: bool = False) -> None:
    """Install the template and create the shared indices. Raises StoreFormatError if the cluster has another format.

    A cluster of an older format that is opened only `to_copy` it is left as it is.
    """
    existing = cluster.ask("GET", f"_index_template/{cluster.names.template}", absent=(404,))
    if existing is not None:
        meta = existing["index_templates"][0]["index_template"]["template"]["mappings"].get("_meta", {})
        if to_copy and meta.get("format") in _OLDER:
            return
        _check(meta, cluster)
    template = {"index_patterns": [cluster.names.pattern], "priority": 500, "template": _template(replicas)}
    cluster.ask("PUT", f"_index_template/{cluster.names.template}", template)
    for name, mappings in ((cluster.names.tenants, _STATE), (cluster.names.feedback, _FEEDBACK)):
        body = {"settings": {"number_of_shards": 1, "number_of_replicas": replicas}, "mappings": mappings}
        make(cluster, name, body)


def make(cluster: Cluster, name: str, body: Mapping[str, Any], *, seconds: float = 20.0) -> None:
    """Create an index unless it exists. Raises ClusterUnreachableError if it does not become available in time."""
    end = time.monotonic() + seconds
    if cluster.ask("HEAD", name):
        return
    try:
        cluster.ask("PUT", name, body, asking=managed(seconds), seconds=seconds)
    except ClusterRefusedError as refused:
        if refused.kind != _ALREADY_EXISTS:
            raise
    # A busy cluster answers before all of its nodes know of the index.
    while not cluster.ask("HEAD", name):
        if time.monotonic() > end:
            raise ClusterUnreachableError(f"index {name} was created but is not available yet")
        time.sleep(_PAUSE)


def _template(replicas: int) -> Mapping[str, Any]:
    return {
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": replicas,
            "codec": "best_compression",
            "sort.field": list(SORTED),
            "sort.order": ["desc"] * len(SORTED),
            "max_result_window": MAX_HITS,
            "translog.durability": "request",
            "refresh_interval": "-1",
            "merge.policy.expunge_deletes_allowed": 0,
        },
        "mappings": {
            "dynamic": False,
            "_meta": {"format": FORMAT, "fields": _fingerprint()},
            "_source": {"includes": ["record"]},
            "properties": {
                "seq": {"type": "long"},
                "twin": {"type": "keyword"},
                **{field.name: _mapping(field) for field in FIELDS.values()},
                **{size_of(field.name): {"type": "integer"} for field in FIELDS.values() if field.kind in COUNTED},
            },
        },
    }


def _mapping(field: Field) -> Mapping[str, Any]:
    return _MAPPINGS.get(field.kind, {"type": "keyword"})


def _fingerprint() -> list[str]:
    return [f"{field.name}:{field.kind.value}" for field in FIELDS.values()]


def _check(meta: Mapping[str, Any], cluster: Cluster) -> None:
    if meta.get("format") != FORMAT:
        older = meta.get("format") in _OLDER
        next_step = "casbah copy them to another prefix (docs/cluster.md)" if older else "install a newer Casbah"
        raise StoreFormatError(
            f"the cluster's indices {cluster.names.pattern} have format {meta.get('format')}; "
            f"this Casbah reads {FORMAT}: {next_step}"
        )
    if meta.get("fields") != _fingerprint():
        raise StoreFormatError(f"the cluster's indices {cluster.names.pattern} were written with other fields")


_JOINT = "+"
"""Occurs in no word."""

if MAX_WORD_CHARACTERS < CHUNK:
    raise AssertionError("every word would be one piece")
