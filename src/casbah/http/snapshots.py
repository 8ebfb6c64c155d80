"""Snapshots of the whole store for `casbah backup`. Only the owner of the data directory creates and removes them."""

from starlette.responses import Response

from casbah.errors import PermissionDeniedError
from casbah.http.context import RequestContext, json_response


async def make_snapshot(context: RequestContext) -> Response:
    """Make a snapshot of all tenants' data inside the data directory; only for its owner."""
    _require_owner(context)
    snapshot = await context.ingest(context.services.snapshots.make)
    return json_response({"id": snapshot.id, "created": snapshot.created, "totals": snapshot.totals}, status=201)


async def remove_snapshot(context: RequestContext) -> Response:
    """Remove a snapshot."""
    _require_owner(context)
    await context.quick(context.services.snapshots.remove, context.path["snapshot"])
    return json_response({"id": context.path["snapshot"]})


def _require_owner(context: RequestContext) -> None:
    if not context.caller.owner:
        raise PermissionDeniedError
