"""Adding keys to a record's bytes without touching the rest."""

import json
from collections.abc import Mapping
from typing import Any

import orjson


def with_additions(record: bytes, added: Mapping[str, Any]) -> bytes:
    """The record with `added` as its first keys; it has none of them yet, and everything else stays byte for byte."""
    if not added:
        return record
    start = record.index(b"{") + 1
    rest = record[start:]
    comma = b"" if rest.lstrip().startswith(b"}") else b","
    return record[:start] + _dumped(added)[1:-1] + comma + rest


def _dumped(added: Mapping[str, Any]) -> bytes:
    """As orjson writes it; what UTF-8 cannot hold (a lone surrogate in an id) is escaped."""
    try:
        return orjson.dumps(dict(added))
    except TypeError:
        return json.dumps(added, separators=(",", ":")).encode("ascii")
