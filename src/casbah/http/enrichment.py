"""Enriching anew what is stored, a page of a scan at a time."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from starlette.responses import Response

from casbah.activity import predicate as p
from casbah.activity.new_activity import NewActivity
from casbah.activity.query import Query, continuation, parse
from casbah.audit.trail import ACTS
from casbah.http.context import RequestContext, json_response
from casbah.http.irreversible import filters_or_everything, read_irreversible
from casbah.ingest.enrich.enrichment import Enrichment

_CHUNK = 1_000
_SCAN = {"isScan": True, "sortField": "date", "sortDirection": "asc"}


async def enrich_again(context: RequestContext) -> Response:
    """Enrich one page of activities anew, the oldest first: what was added to them makes room for what is known now.

    What their sources said stays, and so do their ids, times and places in every order.
    """
    body = await read_irreversible(context, known=("filters", "limit"), flags=("everything",))
    asked = {**body, "filters": filters_or_everything(body, context), **_SCAN}
    query = parse(asked, now=context.services.clock(), bounds=context.services.bounds)
    query = replace(query, predicate=p.both(query.predicate, p.Not(ACTS)))  # The trail is never changed.
    return json_response(await context.ingest(_enriched, query, context))


def _enriched(query: Query, context: RequestContext) -> dict[str, Any]:
    ranges = context.services.ranges.ranges(context.scope)
    known = context.services.enrichment.knowing(ranges)
    page = context.store.scan(query, context.scope, deadline=context.deadline)
    examined = changed = 0
    while chunk := list(islice(page.records, _CHUNK)):
        examined += len(chunk)
        changed += context.store.replace(list(_changed(chunk, known)), context.scope)
    more = page.boundary is not None
    said = {"examined": examined, "changed": changed, "total": page.total, "hasNext": more}
    return said if page.boundary is None else {**said, "nextQueryFilters": continuation(query, page.boundary)}


def _changed(records: list[bytes], known: Enrichment) -> Iterator[NewActivity]:
    """Those of which something else is known now. Whatever else is in a record is as it was, so its id and times are too."""
    return (found for found in map(known.again, records) if found is not None)
