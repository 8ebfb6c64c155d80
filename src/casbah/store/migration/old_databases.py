"""What lies beside the activities: databases and JSON files of formats 3 and 4, written again as format 5 has them.

Format 3 had a table for each kind of object in `tokens.db`, `ranges.db` and `queries.db`, and `retention.json`. Format 4 had
key-value stores. Neither had digests.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from casbah.base.checked_json import write_json
from casbah.base.fsync import copy_unlocked
from casbah.base.key_value import QUERIES, RANGES, REJECTS, RULES, TOKENS, Collection, FolderKeyValueStore
from casbah.store.contract import FeedbackEntry
from casbah.store.embedded.feedback import FILE as FEEDBACK
from casbah.store.embedded.feedback import Feedback
from casbah.store.embedded.partitions import NUMBERING

Row = TypeVar("Row")
_Row = tuple[str, str, Mapping[str, Any]]
"""A namespace, a key, and the value under it."""


def converted(folder: Path, into: Path, old_format: int) -> None:
    """Write the key-value stores from the files of an older format in `folder`."""
    for collection, rows in _READERS[old_format]:
        file = f"{collection.name}.db"
        if (folder / file).exists():
            _fill(collection, into, _of_database(folder / file, into / f"{file}.old", rows))
    if (folder / "retention.json").exists():
        _fill(RULES, into, _rules(json.loads((folder / "retention.json").read_bytes())))


def converted_feedback(tenant: Path, into: Path) -> None:
    """Write a tenant's feedback from its database of an older format."""
    if not (tenant / FEEDBACK).exists():
        return
    rows = _of_database(tenant / FEEDBACK, into / f"{FEEDBACK}.old", _feedback)
    with closing(Feedback(into)) as feedback:
        feedback.add_all((activity, FeedbackEntry(at, who, what)) for activity, at, who, what in rows)


def converted_numbering(tenant: Path, into: Path) -> None:
    """Write the largest sequence number before a deletion from the file of an older format."""
    if (tenant / NUMBERING).exists():
        write_json(into / NUMBERING, json.loads((tenant / NUMBERING).read_bytes()))


def _fill(collection: Collection, into: Path, rows: Iterator[_Row]) -> None:
    with closing(FolderKeyValueStore(into, collection)) as key_values:
        for namespace, name, value in rows:
            key_values.put(namespace, name, value)


def _of_database(file: Path, copy: Path, rows: Callable[[sqlite3.Connection], Iterator[Row]]) -> Iterator[Row]:
    """The rows of a copy of a database: reading the original could change it."""
    copy_unlocked(file, copy)
    try:
        with closing(sqlite3.connect(copy)) as database:
            yield from rows(database)
    finally:
        for suffix in ("", "-wal", "-shm"):
            copy.with_name(f"{copy.name}{suffix}").unlink(missing_ok=True)


def _entries(database: sqlite3.Connection) -> Iterator[_Row]:
    """The rows of a key-value store of format 4."""
    for namespace, name, value in database.execute("select drawer, name, value from kept order by number"):
        yield namespace, name, json.loads(value)


def _feedback(database: sqlite3.Connection) -> Iterator[tuple[str, int, str, bytes]]:
    yield from database.execute("select activity, at, who, what from feedback order by number")


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


_READERS: Mapping[int, Sequence[tuple[Collection, Callable[[sqlite3.Connection], Iterator[_Row]]]]] = {
    3: ((TOKENS, _tokens), (RANGES, _ranges), (QUERIES, _queries)),
    4: tuple((collection, _entries) for collection in (TOKENS, RANGES, QUERIES, RULES, REJECTS)),
}
"""The databases of a format, and how to read each."""
