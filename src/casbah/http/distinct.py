"""The distinct values of a field among activities, as lists of other things than activities need them."""

from collections.abc import Sequence
from dataclasses import dataclass

from casbah.activity.deadline import Deadline
from casbah.activity.fields import Field, Value
from casbah.activity.predicate import Predicate
from casbah.http.context import RequestContext
from casbah.store.contract import FacetQuery


@dataclass(frozen=True, slots=True)
class Distinct:
    """The values, in order. If there are `more`, those that the most activities have."""

    values: Sequence[Value]
    more: bool


def distinct(field: Field, predicate: Predicate, context: RequestContext, deadline: Deadline) -> Distinct:
    """The values of a field among the visible activities that match: at most CASBAH_MAX_DISTINCT."""
    limit = context.services.settings.max_distinct
    query = FacetQuery(field, context.emulation.narrowed(predicate), limit + 1)
    values = [item.value for item in context.tenant.top_values(query, deadline=deadline)]
    return Distinct(sorted(values[:limit]), more=len(values) > limit)
