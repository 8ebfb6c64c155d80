"""Add keys to a JSON record in place, leaving its other bytes unchanged."""

import json
from collections.abc import Mapping
from typing import Any

import orjson


def with_additions(record: bytes, added: Mapping[str, Any]) -> bytes:
    """The record with `added` as its first keys. It must not have these keys yet; all other bytes are unchanged."""
    if not added:
        return record
    start = record.index(b"{") + 1
    rest = record[start:]
    comma = b"" if rest.lstrip().startswith(b"}") else b","
    return record[:start] + _dumped(added)[1:-1] + comma + rest


def _dumped(added: Mapping[str, Any]) -> bytes:
    """Compact JSON; lone surrogates (possible in ids), which UTF-8 cannot encode, are escaped."""
    try:
        return orjson.dumps(dict(added))
    except TypeError:
        return json.dumps(added, separators=(",", ":")).encode("ascii")
