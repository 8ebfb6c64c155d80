"""The IP ranges that tenants have named, in a small database beside the store, on disk once acknowledged.

    draft --read--> Drawn --Book--> stored --Ranges--> Networks, which enrichment asks

Names are unique, and a prefix stands in one range alone: of ranges that lie within each other the narrowest counts, and
between two of the same prefix nothing could decide. A tag is named by its id or its name; a name that nobody knows yet makes
a new tag.
"""

import json
import logging
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from casbah.activity.scope import Scope
from casbah.errors import BadRangeError, NoSuchRangeError, RangesUnavailableError, StoreClosedError
from casbah.ingest.enrich.networks import Range, Ranges, network, overlap
from casbah.ingest.enrich.tags import BUILT_IN

log = logging.getLogger("casbah.enrich")

FILE = "ranges.db"
MOST_RANGES = 10_000
MOST_NETWORKS = 1_000
"""Networks of one range."""

_TAG_ID = re.compile(r"[0-9a-f]{24}")
_TABLES = """
create table if not exists range (
    tenant text not null, id text not null, name text not null, body text not null, primary key (tenant, id),
    unique (tenant, name)
) strict, without rowid;
create table if not exists tag (
    tenant text not null, id text not null, name text not null, primary key (tenant, id), unique (tenant, name)
) strict, without rowid;
create table if not exists version (tenant text primary key, number integer not null) strict, without rowid;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A range as somebody draws it; `networks` as they spell them, `tags` by id or name."""

    name: str
    category: int
    networks: tuple[str, ...]
    tags: tuple[str, ...] = ()
    organization: str = ""
    location: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """A range as it is kept: `changed` is when, in ms; its tags are ids."""

    id: str
    drawn: Drawn
    changed: int

    def range(self) -> Range:
        """The same as enrichment knows it."""
        said = self.drawn
        return Range(
            id=self.id,
            name=said.name,
            cidrs=said.networks,
            category=said.category,
            tags=said.tags,
            organization=said.organization,
            location={key: value for key, value in said.location.items() if key in PLACE},
        )


PLACE = ("countryCode", "city", "region", "latitude", "longitude")
"""What of a range's location is said of its addresses too."""


class Book:
    """All tenants' ranges. Methods may be called from any thread; they raise RangesUnavailableError where the file fails."""

    def __init__(self, folder: Path, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._known: dict[str, Ranges] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(folder / FILE, check_same_thread=False, isolation_level=None)
        with self._using() as database:
            database.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {_TABLES}")

    def ranges(self, scope: Scope) -> Ranges:
        """What enrichment is to know of a tenant. Cheap to ask: it is read anew only after a change."""
        known = self._known.get(scope.tenant)
        if known is None:
            with self._using() as database:
                known = Ranges(
                    scope.tenant, _version(database, scope), tuple(each.range() for each in _all(database, scope))
                )
                self._known[scope.tenant] = known
        return known

    def all(self, scope: Scope) -> Sequence[Kept]:
        """Every range of a tenant, by name."""
        with self._using() as database:
            return _all(database, scope)

    def tags(self, scope: Scope) -> Mapping[str, str]:
        """Every tag that a tenant can use, by id: those built in, and its own."""
        with self._using() as database:
            return {**BUILT_IN, **_own_tags(database, scope)}

    def add(self, drawn: Drawn, scope: Scope, *, range_id: str | None = None) -> str:
        """Keep a new range; returns its id, which is a new one if none is chosen. Raises BadRangeError."""
        with self._changing(scope) as database:
            there = _all(database, scope)
            if len(there) >= MOST_RANGES:
                raise BadRangeError(f"there are {MOST_RANGES} IP ranges already, which is as many as there may be")
            kept = Kept(range_id or secrets.token_hex(12), _tagged(database, drawn, scope), self._clock())
            _keep(database, kept, there, scope)
        return kept.id

    def change(self, range_id: str, drawn: Drawn, scope: Scope) -> None:
        """Keep a range in place of the one of that id. Raises NoSuchRangeError or BadRangeError."""
        with self._changing(scope) as database:
            there = _all(database, scope)
            others = [each for each in there if each.id != range_id]
            if len(others) == len(there):
                raise NoSuchRangeError(range_id)
            _keep(database, Kept(range_id, _tagged(database, drawn, scope), self._clock()), others, scope)

    def remove(self, range_id: str, scope: Scope) -> None:
        """Forget a range. Raises NoSuchRangeError."""
        with self._changing(scope) as database:
            done = database.execute("delete from range where tenant = ? and id = ?", (scope.tenant, range_id))
            if not done.rowcount:
                raise NoSuchRangeError(range_id)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            self._database.close()

    @contextmanager
    def _changing(self, scope: Scope) -> Iterator[sqlite3.Connection]:
        """A change of a tenant's ranges, kept whole at the end of it or not at all."""
        with self._using() as database:
            database.execute("begin immediate")
            try:
                yield database
                database.execute(
                    "insert into version values (?, 1) on conflict (tenant) do update set number = number + 1",
                    (scope.tenant,),
                )
                database.execute("commit")
            finally:
                if database.in_transaction:
                    database.execute("rollback")
                self._known.pop(scope.tenant, None)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise StoreClosedError
            try:
                yield self._database
            except (sqlite3.OperationalError, sqlite3.DatabaseError) as wrong:
                log.warning("the database of IP ranges failed: %s", wrong)
                raise RangesUnavailableError from wrong


def tag_id(name: str) -> str:
    """The id of a new tag: the same in every tenant, so that exports of one mean something in another."""
    return sha256(f"tag {name.casefold()}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _version(database: sqlite3.Connection, scope: Scope) -> int:
    row = database.execute("select number from version where tenant = ?", (scope.tenant,)).fetchone()
    return int(row[0]) if row else 0


def _all(database: sqlite3.Connection, scope: Scope) -> list[Kept]:
    rows = database.execute("select id, body from range where tenant = ? order by name", (scope.tenant,))
    return [_kept(range_id, json.loads(body)) for range_id, body in rows]


def _kept(range_id: str, body: dict[str, Any]) -> Kept:
    changed = body.pop("changed")
    lists = {key: tuple(body[key]) for key in ("networks", "tags")}
    return Kept(range_id, Drawn(**{**body, **lists}), changed)


def _keep(database: sqlite3.Connection, kept: Kept, others: Sequence[Kept], scope: Scope) -> None:
    if any(each.drawn.name == kept.drawn.name for each in others):
        raise BadRangeError(f"name: there is an IP range {kept.drawn.name!r} already")
    found = overlap([*(each.range() for each in others), kept.range()])
    if found:
        raise BadRangeError(f"subnets: {found[0]}")
    body = json.dumps({**asdict(kept.drawn), "changed": kept.changed})
    database.execute(
        "insert into range values (?, ?, ?, ?)"
        " on conflict (tenant, id) do update set name = excluded.name, body = excluded.body",
        (scope.tenant, kept.id, kept.drawn.name, body),
    )


def _own_tags(database: sqlite3.Connection, scope: Scope) -> dict[str, str]:
    return dict(database.execute("select id, name from tag where tenant = ? order by name", (scope.tenant,)).fetchall())


def _tagged(database: sqlite3.Connection, drawn: Drawn, scope: Scope) -> Drawn:
    """The same with ids for tags, new ones made."""
    known = {**BUILT_IN, **_own_tags(database, scope)}
    by_name = {name.casefold(): identity for identity, name in known.items()}
    found = []
    for tag in drawn.tags:
        identity = tag if tag in known else by_name.get(tag.casefold())
        if identity is None:
            if _TAG_ID.fullmatch(tag):
                raise BadRangeError(f"tags: there is no tag with the id {tag!r}; a new one is made by its name")
            identity = tag_id(tag)
            database.execute("insert into tag values (?, ?, ?)", (scope.tenant, identity, tag))
            by_name[tag.casefold()] = identity
        found.append(identity)
    return Drawn(**{**asdict(drawn), "networks": drawn.networks, "tags": tuple(dict.fromkeys(found))})


def checked(networks: Sequence[str]) -> tuple[str, ...]:
    """The networks of a range as they are spelled, each once. Raises BadRangeError for what is none."""
    for text in networks:
        try:
            network(text)
        except ValueError as wrong:
            raise BadRangeError(f"subnets: {wrong}") from None
    return tuple(dict.fromkeys(text.strip() for text in networks))
