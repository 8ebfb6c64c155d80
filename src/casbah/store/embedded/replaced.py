"""Records that are stored anew under their ids: in the old place of every order, with a new number of storing."""

from collections import defaultdict
from collections.abc import Sequence

from casbah.store.embedded import schema as s
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.period import Period
from casbah.store.embedded.periods import Periods
from casbah.store.embedded.stamp import Stamps
from casbah.store.embedded.view import View
from casbah.store.entry import Prepared

_SUFFIX = 9
"""Characters of `~` and the first eight digits of a digest, which tell events of the same id apart."""


class Replaced:
    """What is to be written in place of what, by period: each with its place among those of the same ms."""

    def __init__(self, periods: Periods, stamps: Stamps) -> None:
        self._by_period: defaultdict[Period, dict[str, tuple[Fresh, int]]] = defaultdict(dict)
        self._periods = periods
        self._stamps = stamps

    def add(self, entry: Prepared) -> None:
        """Take one more, if an activity of that id and moment is there; the last one of an id counts."""
        period = self._periods.holding(s.period_of(entry.timestamp))
        keys = period.view.keys(entry.id) if period is not None else None
        if period is None or keys is None:
            return
        date_key, created_key = keys
        if s.of_date_key(date_key, period.number)[0] != entry.timestamp:
            return
        stamp = self._stamps.again(s.of_created_key(created_key), created_key & (s.MOST_TIES - 1))
        order = s.of_date_key(date_key, period.number)[1]
        self._by_period[period][entry.id] = Fresh(entry, (*_twins(entry, period.view), s.CHANGED), stamp), order

    def by_period(self) -> list[tuple[Period, Sequence[tuple[Fresh, int]]]]:
        """What there is to write."""
        return [(period, list(each.values())) for period, each in self._by_period.items()]


def _twins(entry: Prepared, view: View) -> list[str]:
    """The twin terms that the activity has: those by which the source's event is known, and a long id.

    The index does not give them back, so they are made again and looked for.
    """
    names = {entry.id, entry.id[:-_SUFFIX]} if entry.digest else set()
    found = [term for name in sorted(names) if (term := s.twin(name, entry.digest)) and view.has("twin", term)]
    column, term = s.identity(entry.id)
    return [*found, term] if column == "twin" else found
