"""Facts counted in real logs, from `profile.json`: how often an operation occurs and how large its events are."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Fact:
    """The count of an operation, its sizes in bytes (median, 95th percentile), and the shares of optional keys."""

    seen: int
    median: int
    large: int
    sometimes: Mapping[str, float]
    names: Mapping[str, int]


@cache
def facts(source: str) -> Mapping[str, Fact]:
    """The profile of one source, by `<workload>|<record type>|<operation>`, event source, or `<application>|<event>`."""
    return {key: _fact(row) for key, row in _profile()[source].items()}


@cache
def _profile() -> Mapping[str, Any]:
    profile: Mapping[str, Any] = orjson.loads(files("tools.demo").joinpath("profile.json").read_bytes())
    return profile


def _fact(row: Mapping[str, Any]) -> Fact:
    return Fact(row["n"], row["p50"], row["p95"], row.get("sometimes", {}), row.get("names", {}))
