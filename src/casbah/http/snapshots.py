"""Snapshots of the whole store for `casbah backup`. Only the owner of the data directory creates and removes them."""

from starlette.responses import Response

from casbah.errors import PermissionDeniedError
from casbah.http.context import WriterContext, json_response


async def make_snapshot(context: WriterContext) -> Response:
    """Make a snapshot of all tenants' data inside the data directory; only for its owner."""
    _require_owner(context)
    snapshot = await context.ingest(context.writer.snapshots.make)
    return json_response({"id": snapshot.id, "created": snapshot.created, "totals": snapshot.totals}, status=201)


async def remove_snapshot(context: WriterContext) -> Response:
    """Remove a snapshot."""
    _require_owner(context)
    await context.quick(context.writer.snapshots.remove, context.path["snapshot"])
    return json_response({"id": context.path["snapshot"]})


def _require_owner(context: WriterContext) -> None:
    if not context.caller.owner:
        raise PermissionDeniedError
