"""Records and arrivals for tests, made plainly."""

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from casbah import compose, settings
from casbah.activity.new_activity import NewActivity
from casbah.activity.query import Query, parse
from casbah.base.event_digest import digest_of_record

NOW = 1_760_000_000_000
"""The tests' clock, in ms."""

SIGNS = (*".?*+|^$#&@~-", "\\", "()", "[]", "{}", "<1-9>")
"""What means something in a pattern, in one engine or another."""


def record(number: int, **keys: Any) -> dict[str, Any]:
    """A small whole record."""
    name = f"activity-{number}"
    base = {"_id": name, "uid": name, "timestamp": NOW - number, "created": NOW, "appId": 11161, "entityData": {}}
    return base | keys


def arrival(made: Mapping[str, Any], *, digest: str | None = None, raw: bytes | None = None) -> NewActivity:
    """An arrival of a record; what it lacks of `_id`, `uid`, `created` is for the store to add."""
    bare = {key: value for key, value in made.items() if key != "_id"} if digest else dict(made)
    adds = tuple(key for key in ("_id", "uid", "created") if key not in bare)
    body = raw if raw is not None else json.dumps(bare).encode()
    return NewActivity(made["_id"], made["timestamp"], body, bare, digest, bare.get("created"), adds)


def from_source(activity_id: str, timestamp: int, body: Mapping[str, Any]) -> NewActivity:
    """An arrival as a connector makes it: known by its id and its source's body."""
    digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    keys = {"timestamp": timestamp, "appId": 1, "rawDataJson": body}
    raw = json.dumps(keys).encode()
    return NewActivity(activity_id, timestamp, raw, keys, digest, None, ("_id", "uid", "created"))


def copies_of(activity_id: str, timestamp: int) -> tuple[NewActivity, NewActivity]:
    """Two arrivals of one activity: from a row of a CSV export, which carries less, and from its source's event."""
    event = from_source(activity_id, timestamp, {"of": "the source"})
    keys = {"timestamp": timestamp, "appId": 1, "sourceForm": "csv", "rawDataJson": {"of": "an export"}}
    digest = digest_of_record(keys)
    raw = json.dumps(keys).encode()
    return NewActivity(activity_id, timestamp, raw, keys, digest, None, ("_id", "uid", "created")), event


def query(filters: Mapping[str, Any] | None = None, **parameters: Any) -> Query:
    """A query as the wire would parse it, at NOW."""
    return parse({"filters": filters or {}, **parameters}, now=NOW)


def ids(records: Iterable[bytes]) -> list[str]:
    """The `_id` of each record, in order."""
    return [json.loads(each)["_id"] for each in records]


def empty_store(folder: Path) -> Path:
    """A new store in a folder: commands that only read want one."""
    with closing(compose.store_of(settings.read({}, store=str(folder)))):
        return folder
