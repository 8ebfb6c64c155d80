"""What lies beside the activities, from the tables of format 3 to the key-value stores of format 4.

Format 3 had a table for each kind of object in `tokens.db`, `ranges.db` and `queries.db`, and `retention.json`.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

from casbah.base.fsync import copy_unlocked
from casbah.base.key_value import QUERIES, RANGES, RULES, TOKENS, Collection, FolderKeyValueStore

_Row = tuple[str, str, Mapping[str, Any]]
"""A namespace, a key, and the value under it."""


def converted(folder: Path, into: Path) -> None:
    """Write the key-value stores of format 4 from the files of format 3 in `folder`."""
    for collection, file, rows in (
        (TOKENS, "tokens.db", _tokens),
        (RANGES, "ranges.db", _ranges),
        (QUERIES, "queries.db", _queries),
    ):
        if (folder / file).exists():
            _fill(collection, into, _of_database(folder / file, into / f"{file}.old", rows))
    if (folder / "retention.json").exists():
        _fill(RULES, into, _rules(json.loads((folder / "retention.json").read_bytes())))


def _fill(collection: Collection, into: Path, rows: Iterator[_Row]) -> None:
    with closing(FolderKeyValueStore(into, collection)) as key_values:
        for namespace, name, value in rows:
            key_values.put(namespace, name, value)


def _of_database(file: Path, copy: Path, rows: Callable[[sqlite3.Connection], Iterator[_Row]]) -> Iterator[_Row]:
    """The rows of a copy of a database: reading the original could change it."""
    copy_unlocked(file, copy)
    try:
        with closing(sqlite3.connect(copy)) as database:
            yield from rows(database)
    finally:
        for suffix in ("", "-wal", "-shm"):
            copy.with_name(f"{copy.name}{suffix}").unlink(missing_ok=True)


def _tokens(database: sqlite3.Connection) -> Iterator[_Row]:
    hashes = {}
    columns = "id, name, hash, tenant, scopes, created, used, revoked, expires"
    for row in database.execute(f"select {columns} from token order by created, rowid"):  # noqa: S608  a constant
        identity, name, hashed, tenant, scopes, created, used, revoked, expires = row
        hashes[identity] = hashed.hex()
        times = {"created": created, "used": used, "revoked": revoked, "expires": expires}
        yield "token", hashed.hex(), {"id": identity, "name": name, "tenant": tenant, "scopes": scopes.split(), **times}
    columns = "hash, token, name, tenant, scopes, created, expires"
    for hashed, token, name, tenant, scopes, created, expires in database.execute(f"select {columns} from session"):  # noqa: S608  a constant
        about = {"name": name, "tenant": tenant, "scopes": scopes.split(), "created": created, "expires": expires}
        if token is None or token in hashes:
            yield "session", hashed.hex(), {"token": hashes.get(token), **about}


def _ranges(database: sqlite3.Connection) -> Iterator[_Row]:
    numbers = dict(database.execute("select tenant, number from version"))
    tags: dict[str, dict[str, str]] = {}
    for tenant, identity, name in database.execute("select tenant, id, name from tag"):
        tags.setdefault(tenant, {})[identity] = name
    rows = database.execute("select tenant, id, body from range order by tenant, name").fetchall()
    ranges = {
        tenant: [{"id": identity, **json.loads(body)} for _, identity, body in group]
        for tenant, group in groupby(rows, key=lambda row: row[0])
    }
    for tenant in sorted(tags.keys() | ranges.keys()):
        page = {"number": numbers.get(tenant, 1), "ranges": ranges.get(tenant, []), "tags": tags.get(tenant, {})}
        yield "ranges", tenant, page


def _queries(database: sqlite3.Connection) -> Iterator[_Row]:
    columns = "tenant, id, owner, name, shared, body, changed"
    for tenant, identity, owner, name, shared, body, changed in database.execute(f"select {columns} from query"):  # noqa: S608  a constant
        about = {"owner": owner, "name": name, "filters": json.loads(body), "shared": bool(shared), "changed": changed}
        yield tenant, identity, about


def _rules(content: Mapping[str, Any]) -> Iterator[_Row]:
    for tenant, rules in content.items():
        yield "rules", tenant, {"rules": rules}
