"""Re-enriching stored activities, one scan page at a time."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from starlette.responses import Response

from casbah.activity import predicate as p
from casbah.activity.new_activity import NewActivity
from casbah.activity.query import Query, continuation, parse
from casbah.audit.trail import ACTS
from casbah.http.context import WriterContext, json_response
from casbah.http.irreversible import filters_or_everything, read_irreversible
from casbah.ingest.enrich.enrichment import Enrichment

_CHUNK = 1_000
_SCAN = {"isScan": True, "sortField": "date", "sortDirection": "asc"}


async def enrich_again(context: WriterContext) -> Response:
    """Re-enrich one page of activities, oldest first: earlier enrichment is replaced by what is known now.

    What their sources reported stays, and so do their ids, times and sort order.
    """
    body = await read_irreversible(context, known=("filters", "limit"), flags=("everything",))
    parameters = {**body, "filters": filters_or_everything(body, context), **_SCAN}
    query = parse(parameters, now=context.services.clock(), bounds=context.services.bounds)
    query = replace(query, predicate=p.both(query.predicate, p.Not(ACTS)))  # The trail is never changed.
    return json_response(await context.ingest(_enrich_page, query, context))


def _enrich_page(query: Query, context: WriterContext) -> dict[str, Any]:
    ranges = context.services.ranges.ranges(context.tenant_id)
    known = context.services.enrichment.knowing(ranges)
    page = context.tenant.scan(query, deadline=context.deadline)
    examined = changed = 0
    while chunk := list(islice(page.records, _CHUNK)):
        examined += len(chunk)
        changed += context.tenant.replace(list(_changed(chunk, known)))
    more = page.boundary is not None
    result = {"examined": examined, "changed": changed, "total": page.total, "hasNext": more}
    return result if page.boundary is None else {**result, "nextQueryFilters": continuation(query, page.boundary)}


def _changed(records: list[bytes], known: Enrichment) -> Iterator[NewActivity]:
    """The activities whose enrichment changed. The rest of each record, its id and times included, stays the same."""
    return (activity for activity in map(known.again, records) if activity is not None)
