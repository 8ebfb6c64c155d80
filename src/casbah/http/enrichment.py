"""Re-enriching stored activities, one scan page at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from casbah.activity import predicate as p
from casbah.activity.matching import matches
from casbah.activity.new_activity import NewActivity
from casbah.activity.query import Query, continuation, parse
from casbah.base import jsontext
from casbah.http.answers import Answer, Count, Filters
from casbah.http.context import WriterContext
from casbah.http.irreversible import filters_or_everything, irreversible_body, read_irreversible
from casbah.http.request_schemas import BLANK, Schema, either, ref
from casbah.ingest.derivation import Derivation
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.operations.audit.trail import ACTS

_CHUNK = 1_000
BODIES: Mapping[str, Schema] = {
    "AgainQuery": irreversible_body(
        {"limit": either(ref("Count"), BLANK, description="How many to look at: 500 to 5,000; others are clamped")}
    )
}
_SCAN = {"isScan": True, "sortField": "date", "sortDirection": "asc"}


class Again(Answer):
    examined: Count
    changed: Annotated[Count, Meta(description="How many of those were stored again")]
    total: Annotated[Count, Meta(description="How many match, from this page on")]
    has_next: bool
    next_query_filters: (
        Annotated[Filters, Meta(description="While there is more: send it back as `filters`")] | UnsetType
    ) = UNSET


async def enrich_again(context: WriterContext) -> Again:
    body = await read_irreversible(context, known=("filters", "limit"), flags=("everything",))
    parameters = {**body, "filters": filters_or_everything(body, context), **_SCAN}
    now = context.services.clock()
    query = parse(parameters, now=now, bounds=context.services.bounds)
    filters_after = partial(continuation, parameters["filters"], query, now=now)
    query = replace(query, predicate=p.both(query.predicate, p.Not(ACTS)))  # The trail is never changed.
    return await context.ingest(_enrich_page, query, filters_after, context)


def _enrich_page(query: Query, filters_after: Callable[[int], dict[str, Any]], context: WriterContext) -> Again:
    ranges = context.services.ranges.ranges(context.tenant_id)
    known = context.services.enrichment.knowing(ranges)
    derive = Derivation(context.services.connectors)
    page = context.tenant.scan(query, deadline=context.deadline)
    examined = changed = 0
    while chunk := list(islice(page.records, _CHUNK)):
        examined += len(chunk)
        with context.writer.retention.holds(context.tenant_id) as held:
            changed += context.tenant.replace(list(_changed(chunk, known, derive, held)))
    following = UNSET if page.boundary is None else filters_after(page.boundary)
    return Again(examined, changed, page.total, has_next=page.boundary is not None, next_query_filters=following)


def _changed(records: list[bytes], known: Enrichment, derive: Derivation, held: p.Predicate) -> Iterator[NewActivity]:
    """The activities whose enrichment changed. The rest of each record, its id and times included, stays the same.

    One that would no longer be under a legal hold stays as it is: else a rule could delete it.
    """
    for record in records:
        activity = known.again(record, derive)
        if activity is not None and (
            matches(held, activity.activity) or not matches(held, jsontext.parse_object(record))
        ):
            yield activity
