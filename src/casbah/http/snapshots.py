"""Snapshots of the whole store, for `casbah backup`: made and removed by whoever owns the data directory."""

from starlette.responses import Response

from casbah.errors import PermissionDeniedError
from casbah.http.context import RequestContext, json_response


async def make_snapshot(context: RequestContext) -> Response:
    """Make a snapshot of all tenants' data beside them; only for whoever owns the data directory, and can read it there."""
    _require_owner(context)
    made = await context.ingest(context.services.snapshots.make)
    return json_response({"id": made.id, "created": made.created, "totals": made.totals}, status=201)


async def remove_snapshot(context: RequestContext) -> Response:
    """Remove a snapshot."""
    _require_owner(context)
    await context.quick(context.services.snapshots.remove, context.path["snapshot"])
    return json_response({"id": context.path["snapshot"]})


def _require_owner(context: RequestContext) -> None:
    if not context.caller.owner:
        raise PermissionDeniedError
