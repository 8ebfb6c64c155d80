"""Liveness, readiness and metrics endpoints."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from casbah.activity.deadline import Deadline
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.errors import PermissionDeniedError, RouteNotFoundError, ShuttingDownError
from casbah.http.answers import Answer
from casbah.http.context import Services, opened
from casbah.http.metrics import CONTENT_TYPE
from casbah.http.session import address_of
from casbah.identity.permissions import DEFAULT_TENANT, Permission
from casbah.store.contract import Store

_SECONDS = 5
"""A store that takes longer for the simplest query is not ready."""


class Alive(Answer):
    status: Literal["alive"]


class Ready(Answer):
    status: Literal["ready"]
    writable: Annotated[bool, Meta(description="Whether activities can be stored now")]
    reason: Annotated[str, Meta(description="Why not, where they cannot")] | UnsetType = UNSET
    damaged: (
        Annotated[int, Meta(description="Damage that the last complete scrub found, if one has ended")] | UnsetType
    ) = UNSET
    log: (
        Annotated[Sequence[str], Meta(description="What is wrong with the transparency logs or their witnesses")]
        | UnsetType
    ) = UNSET


async def alive(_: Request, __: Services) -> Alive:
    return Alive("alive")


async def metrics(request: Request, services: Services) -> Response:
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


async def ready(_: Request, services: Services) -> Ready:
    if services.leaving.is_set():
        raise ShuttingDownError
    tenant_id = TenantId(DEFAULT_TENANT)
    store = services.writer.store
    await opened(store, tenant_id)
    await services.pools.quick.run(_count, store, tenant_id)
    reason = await services.pools.quick.run(store.unwritable)
    scrub = services.writer.scrub
    damaged = UNSET if scrub is None or scrub.state.finished is None else len(scrub.state.damage)
    logs = services.writer.logs
    problems = [] if logs is None else logs.problems
    return Ready(
        "ready",
        writable=reason is None,
        reason=UNSET if reason is None else reason,
        damaged=damaged,
        log=problems or UNSET,
    )


def _count(store: Store, tenant_id: TenantId) -> int:
    """Run a query that reaches the activities, and raise the reason if it cannot."""
    return store.tenant(tenant_id).count(Everything(), deadline=Deadline.after(_SECONDS))
