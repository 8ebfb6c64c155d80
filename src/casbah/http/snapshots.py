"""Snapshots of the whole store, for `casbah backup`: made and removed by whoever owns the data directory."""

from starlette.responses import Response

from casbah.errors import PermissionDeniedError
from casbah.http.context import RequestContext, json_response


async def make_snapshot(exchange: RequestContext) -> Response:
    """Make a snapshot of all tenants' data beside them; only for whoever owns the data directory, and can read it there."""
    _require_owner(exchange)
    made = await exchange.ingest(exchange.services.snapshots.make)
    return json_response({"id": made.id, "created": made.created, "totals": made.totals}, status=201)


async def remove_snapshot(exchange: RequestContext) -> Response:
    """Remove a snapshot."""
    _require_owner(exchange)
    await exchange.quick(exchange.services.snapshots.remove, exchange.path["snapshot"])
    return json_response({"id": exchange.path["snapshot"]})


def _require_owner(exchange: RequestContext) -> None:
    if not exchange.caller.owner:
        raise PermissionDeniedError
