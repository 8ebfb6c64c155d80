"""What is deleted is gone at once from every answer, and by and by from the disk.

The engine only marks what is deleted, and lets go of it when it happens to merge a segment. So whatever else is in the period
is written anew, some thousand activities at a time, each under its id, in its place and known by the same terms as before;
a segment of which nothing is left goes with all its files. A period says on disk up to which number of storing it still
has to be written anew, so that a restart goes on with it.

Numbers of storing are never given twice, even when those with the largest are deleted: cursors of the change feed are
made of them. So the largest is on disk before anything is deleted.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from casbah.activity.arrival import Arrival
from casbah.activity.predicate import Predicate
from casbah.activity.record import identifier
from casbah.durable import sync_folder, write_file
from casbah.store.embedded import schema as s
from casbah.store.embedded.asked import Asked
from casbah.store.embedded.document import document, prepared
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.period import Period
from casbah.store.embedded.periods import PERIODS, Periods
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.stamp import Stamps
from casbah.store.embedded.view import Kept, View
from casbah.store.embedded.writer import Writers
from casbah.store.entry import parsed

_AT_ONCE = 2_000
_MARK = "erasing.json"


class Erasure:
    """Deletes from one tenant's periods; to be called by the thread that writes."""

    def __init__(self, periods: Periods, *, writers: Writers, stamps: Stamps, reserve: Reserve) -> None:
        self._periods = periods
        self._writers = writers
        self._stamps = stamps
        self._reserve = reserve
        self._twins: tuple[Period, int, Mapping[int, Sequence[str]]] | None = None

    def delete(self, predicate: Predicate) -> int:
        """Delete what matches; how many activities that were."""
        found = [(period, Asked(period.view, predicate)) for period in self._periods.all() if period.view.held]
        counted = [(period, asked, asked.count()) for period, asked in found]
        if any(count for _, _, count in counted):
            self._reserve.using(self._periods.remember)
            self._periods.payloads.forget()
        for period, asked, count in counted:
            if count:
                self._reserve.using(partial(self._delete, period, asked))
        return sum(count for _, _, count in counted)

    def _delete(self, period: Period, asked: Asked) -> None:
        write_file(period.folder / _MARK, json.dumps({"through": period.last}).encode())
        self._writers.write(period, (), {}, last=period.last, matching=asked.query)

    def erase(self) -> bool:
        """Write some more activities anew in place of what lies beside the deleted; whether there is more to do."""
        for period in self._periods.all():
            if (mark := period.folder / _MARK).exists():
                self._some_of(period, mark)
                return True
        return False

    def _some_of(self, period: Period, mark: Path) -> None:
        through = int(json.loads(mark.read_bytes())["through"])
        kept = period.view.stored_until(through, limit=_AT_ONCE)
        if kept:
            self._write_anew(period, kept, self._twins_of(period, through))
            return
        self._twins = None
        self._writers.tidy(period)
        mark.unlink()
        sync_folder(mark.parent)

    def _write_anew(self, period: Period, kept: Sequence[Kept], twins: Mapping[int, Sequence[str]]) -> None:
        fresh = [
            (self._fresh(each, period.number, twins), s.of_date_key(each.date_key, period.number)[1]) for each in kept
        ]
        documents = (self._document(each, order) for each, order in fresh)
        self._writers.write(
            period,
            documents,
            {},
            last=max(each.stamp.seq for each, _ in fresh),
            without=[s.identity(each.entry.id) for each, _ in fresh],
        )

    def _fresh(self, kept: Kept, number: int, twins: Mapping[int, Sequence[str]]) -> Fresh:
        timestamp, order = s.of_date_key(kept.date_key, number)
        activity = parsed(kept.record)
        created = s.of_created_key(kept.created_key)
        name = identifier(activity["_id"]) or ""
        entry = prepared(Arrival(name, timestamp, kept.record, activity, created=created))
        stamp = self._stamps.again(created, kept.created_key & (s.MOST_TIES - 1))
        return Fresh(entry, tuple(twins.get(order, ())), stamp)

    def _document(self, fresh: Fresh, order: int) -> str:
        packed = self._periods.payloads.pack(fresh.entry.record)
        return document(fresh.entry, fresh.stamp, twins=fresh.twins, packed=packed, order=order)

    def _twins_of(self, period: Period, through: int) -> Mapping[int, Sequence[str]]:
        """The twin terms of a period's activities, by number of storing. Made once: it takes a search for each term."""
        if self._twins is None or self._twins[:2] != (period, through):
            self._twins = period, through, _twins(period.view)
        return self._twins[2]


def waiting(tenant: Path) -> bool:
    """Whether something of a tenant's folder is still to be erased."""
    return any(tenant.glob(f"{PERIODS}/*/{_MARK}"))


def _twins(view: View) -> Mapping[int, Sequence[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for term, _ in view.searcher.terms_with_prefix("twin", ""):
        for number in view.numbers_of("twin", term):
            found[number].append(term)
    return found
