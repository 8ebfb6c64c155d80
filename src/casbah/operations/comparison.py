"""Compares two sets of activities by id. Both are kept in a temporary file, so their number does not matter for memory.

Where a side has several events of one id, that id's events are compared by content, too.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from casbah.errors import OperatorError

A, B = 0, 1
"""The two sides."""

MS_PER_HOUR = 3_600_000
_CACHE_KIB = 65_536
"""Memory for pages and for sorting, each."""

_SCHEMA = "CREATE TABLE activity (side INTEGER, id BLOB, content BLOB, source TEXT, hour INTEGER)"
_MERGE = (
    """CREATE TABLE known (id BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID""",
    """INSERT INTO known
    SELECT id, min(content) FROM activity
    WHERE content IS NOT NULL AND id IN (SELECT id FROM activity WHERE content IS NULL) GROUP BY id""",
    """UPDATE activity SET content = coalesce((SELECT content FROM known WHERE known.id = activity.id), x'')
    WHERE content IS NULL""",
    """CREATE TABLE event AS
    SELECT id, min(side) AS first, max(side) AS last, min(source) AS source, min(hour) AS hour
    FROM activity GROUP BY id, content""",
    "DROP TABLE activity",
    """CREATE TABLE merged AS
    SELECT id, min(first) AS first, max(last) AS last, min(source) AS source, min(hour) AS hour
    FROM event GROUP BY id HAVING sum(first = 0) < 2 AND sum(last = 1) < 2""",
    """INSERT INTO merged
    SELECT * FROM event
    WHERE id IN (SELECT id FROM event GROUP BY id HAVING sum(first = 0) > 1 OR sum(last = 1) > 1)""",
)
"""The two sides as one table. An id is one activity, unless a side has several events of this id."""

_DIFFERENCES = "SELECT id, source, hour, first FROM merged WHERE first = last ORDER BY source, hour, id"
_SUMS = """
    SELECT source, hour, sum(first = 0), sum(first = 1)
    FROM merged WHERE first = last GROUP BY source, hour ORDER BY source, hour
"""


class SideActivity(NamedTuple):
    """An activity of one side. `content` tells events of one id apart; None: it is any activity of its id. `hour` is in hours
    since the epoch.
    """

    id: str
    content: bytes | None
    source: str
    hour: int


class Difference(NamedTuple):
    """An activity that only one side has."""

    id: str
    source: str
    hour: int
    side: int


class Sum(NamedTuple):
    """How many activities of a source and an hour only one side has."""

    source: str
    hour: int
    only_a: int
    only_b: int


@dataclass(frozen=True, slots=True)
class SideCounts:
    """How many different activities both sides have, or only one."""

    both: int
    only_a: int
    only_b: int


class Comparison:
    """Two sets of activities. Add all of them, then call `counts` once, then the rest."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._database = connection

    def add(self, side: int, activities: Iterable[SideActivity]) -> None:
        """Add activities of one side; one that repeats counts once."""
        rows = ((side, item.id.encode("utf-8", "surrogatepass"), *item[1:]) for item in activities)
        self._database.executemany("INSERT INTO activity VALUES (?, ?, ?, ?, ?)", rows)

    def hours(self, side: int) -> tuple[int, int] | None:
        """The first and the last hour of one side; None if it has no activity."""
        query = "SELECT min(hour), max(hour) FROM activity WHERE side = ? HAVING count(*) > 0"
        hours: tuple[int, int] | None = self._database.execute(query, (side,)).fetchone()
        return hours

    def counts(self) -> SideCounts:
        """Match the ids of both sides, and count them."""
        for statement in _MERGE:
            self._database.execute(statement)
        rows = self._database.execute("SELECT first, last, count(*) FROM merged GROUP BY first, last")
        matched = {(first, last): count for first, last, count in rows}
        return SideCounts(matched.get((A, B), 0), matched.get((A, A), 0), matched.get((B, B), 0))

    def sums(self) -> Iterator[Sum]:
        """The number of differences by source and hour, in this order."""
        return map(Sum._make, self._database.execute(_SUMS))

    def differences(self) -> Iterator[Difference]:
        """The activities that only one side has, by source, hour and id."""
        for name, source, hour, side in self._database.execute(_DIFFERENCES):
            yield Difference(name.decode("utf-8", "surrogatepass"), source, hour, side)


@contextmanager
def comparison() -> Iterator[Comparison]:
    """A comparison whose temporary file (in TMPDIR) is removed at the end. Raises OperatorError if the disk fails."""
    database = sqlite3.connect("")
    try:
        for pragma in ("journal_mode = OFF", "temp_store = FILE", f"cache_size = -{_CACHE_KIB}"):
            database.execute(f"PRAGMA {pragma}")
        database.execute(_SCHEMA)
        yield Comparison(database)
    except sqlite3.Error as error:
        raise OperatorError(
            f"the temporary file for the comparison: {error}; name a folder with more room in TMPDIR"
        ) from None
    finally:
        database.close()
