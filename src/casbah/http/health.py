"""Is the process alive, does the store answer."""

from starlette.requests import Request
from starlette.responses import Response

from casbah.activity.predicate import Everything
from casbah.activity.scope import Scope
from casbah.http.exchange import Services, json_response
from casbah.identity.door import DEFAULT_TENANT


async def alive(_: Request, __: Services) -> Response:
    """The process runs."""
    return json_response({"status": "alive"})


async def ready(_: Request, services: Services) -> Response:
    """The store answers; if it does not, the error says so with 503."""
    await services.lanes.quick.run(services.store.count, Everything(), Scope(DEFAULT_TENANT))
    return json_response({"status": "ready"})
