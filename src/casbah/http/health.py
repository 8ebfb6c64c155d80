"""Liveness, readiness and metrics endpoints."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from casbah.activity.deadline import Deadline
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.errors import PermissionDeniedError, RouteNotFoundError, ShuttingDownError
from casbah.http.context import Services, json_response, opened
from casbah.http.metrics import CONTENT_TYPE
from casbah.http.session import address_of
from casbah.identity.authenticator import DEFAULT_TENANT
from casbah.identity.grants import Permission
from casbah.store.contract import Store

_SECONDS = 5
"""A store that takes longer for the simplest query is not ready."""


async def alive(_: Request, __: Services) -> Response:
    """The process is running."""
    return json_response({"status": "alive"})


async def metrics(request: Request, services: Services) -> Response:
    """Metrics of the server for Prometheus. `CASBAH_METRICS` sets who may read them."""
    if services.settings.metrics == "off":
        raise RouteNotFoundError
    if services.settings.metrics == "token":
        authorization = request.headers.get("authorization")
        caller = await run_in_threadpool(
            services.authenticator.caller, authorization, None, address=address_of(request)
        )
        caller.require(Permission.ADMINISTER)
        if not caller.owner and caller.tenant_id.name != DEFAULT_TENANT:  # Metrics cover all tenants.
            raise PermissionDeniedError
    return Response(await services.pools.quick.run(services.metrics.shown), media_type=CONTENT_TYPE)


async def ready(_: Request, services: Services) -> Response:
    """The store answers and the server is not stopping; otherwise 503.

    A store that is read-only, for example because its disk is full, is ready, so that reads keep working. Then `writable`
    is false, and `reason` says why.
    """
    if services.leaving.is_set():
        raise ShuttingDownError
    tenant_id = TenantId(DEFAULT_TENANT)
    store = services.writer.store
    await opened(store, tenant_id)
    await services.pools.quick.run(_count, store, tenant_id)
    reason = await services.pools.quick.run(store.unwritable)
    more = {} if reason is None else {"reason": reason}
    return json_response({"status": "ready", "writable": reason is None, **more})


def _count(store: Store, tenant_id: TenantId) -> int:
    """Run a query that reaches the activities, and raise the reason if it cannot."""
    return store.tenant(tenant_id).count(Everything(), deadline=Deadline.after(_SECONDS))
