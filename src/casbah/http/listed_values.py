"""The distinct values of a field among activities, as lists of other things than activities need them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import Field, Value
from casbah.activity.predicate import Predicate
from casbah.activity.record import Reading
from casbah.base import jsontext
from casbah.http.context import RequestContext
from casbah.store.contract import FacetQuery, FieldValue, LatestQuery

_AT_ONCE = 500
"""Values whose newest records are in memory together."""


@dataclass(frozen=True, slots=True)
class Distinct:
    """The values in order, each with the number of activities that have it. If there are `more`, those with the most."""

    counts: Sequence[FieldValue]
    more: bool

    @property
    def values(self) -> Sequence[Value]:
        return [item.value for item in self.counts]


def distinct(
    field: Field, predicate: Predicate, context: RequestContext, deadline: Deadline, *, limit: int | None = None
) -> Distinct:
    """The values of a field among the visible activities that match: at most `limit`, by default CASBAH_MAX_DISTINCT."""
    limit = limit or context.services.settings.max_distinct
    query = FacetQuery(field, context.emulation.narrowed(predicate), limit + 1)
    counts = context.tenant.top_values(query, deadline=deadline)
    return Distinct(sorted(counts[:limit]), more=len(counts) > limit)


def latest(
    field: Field, values: Sequence[Value], predicate: Predicate, context: RequestContext, deadline: Deadline
) -> Iterator[tuple[Value, Reading]]:
    """The newest visible activity that matches and has the value, of those values that have any."""
    visible = context.emulation.narrowed(predicate)
    for start in range(0, len(values), _AT_ONCE):
        query = LatestQuery(field, values[start : start + _AT_ONCE], visible)
        for value, record in context.tenant.latest(query, deadline=deadline).items():
            yield value, Reading(jsontext.parse_object(record))


def having(field: Field, value: Value) -> Predicate:
    """The activities that have a value."""
    return p.Terms(field, (value,))
