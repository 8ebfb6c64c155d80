"""The period of a predicate: the time range that its conditions on `date` leave, and the one of equal length before it."""

from collections.abc import Iterator
from dataclasses import dataclass

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate

_DATE = FIELDS["date"]


@dataclass(frozen=True, slots=True)
class Period:
    """From its first to its last ms."""

    first: int
    last: int

    @property
    def before(self) -> "Period":
        """The period of equal length that ends where this one begins."""
        return Period(2 * self.first - self.last - 1, self.first - 1)

    def narrowed(self, predicate: Predicate) -> Predicate:
        """The same conditions within this period instead of their own."""
        others = (part for part in _parts(predicate) if not (isinstance(part, p.Range) and part.field == _DATE))
        return p.both(*others, p.Range(_DATE, self.first, self.last))


def period_of(predicate: Predicate, *, now: int) -> Period | None:
    """The period of a predicate; it ends `now` if the conditions do not end it. None if they do not begin it, or leave none."""
    bounds = [part.closed for part in _parts(predicate) if isinstance(part, p.Range) and part.field == _DATE]
    first = max((low for low, _ in bounds if low is not None), default=None)
    last = min((high for _, high in bounds if high is not None), default=now)
    return None if first is None or first > last else Period(first, last)


def bounds_of(predicate: Predicate) -> tuple[int | None, int | None] | None:
    """The first and the last ms that a predicate leaves, None where it does not say. None if it says more, or leaves none."""
    bounds = [_bounds(part) for part in _parts(predicate)]
    first = max((pair[0] for pair in bounds if pair and pair[0] is not None), default=None)
    last = min((pair[1] for pair in bounds if pair and pair[1] is not None), default=None)
    is_empty = first is not None and last is not None and first > last
    return None if None in bounds or is_empty else (first, last)


def _bounds(part: Predicate) -> tuple[int | None, int | None] | None:
    """The bounds of a single condition on `date`; None of any other."""
    match part:
        case p.Range(field) if field == _DATE:
            return part.closed
        case p.Terms(field, (int(ms),)) if field == _DATE:
            return ms, ms
    return None


def _parts(predicate: Predicate) -> Iterator[Predicate]:
    """The conditions that must hold together."""
    if isinstance(predicate, p.All):
        for part in predicate.parts:
            yield from _parts(part)
    else:
        yield predicate
