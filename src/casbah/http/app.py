"""The way from a request to an answer: route, caller, throttle, permission, handler."""

from collections.abc import Sequence
from functools import cache
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from casbah.errors import CasbahError, MethodNotAllowedError, RouteNotFoundError
from casbah.http import manual, mimic
from casbah.http.audit import noted
from casbah.http.body import Incoming
from casbah.http.exchange import Exchange, Services
from casbah.http.problems import answer
from casbah.http.routes import ALIASES, CORE, PUBLIC, ROUTES, Audit, PublicRoute, Route
from casbah.http.session import visitor
from casbah.identity.door import TENANT_HEADER
from casbah.identity.grants import Caller

AnyRoute = Route | PublicRoute


def application(services: Services) -> ASGIApp:
    """The ASGI application."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            incoming = Incoming(receive)
            request = Request(scope, incoming)
            response = await _respond(request, services)
            await incoming.finish(request.headers, version=scope["http_version"])
            await response(scope, receive, send)

    return app


async def _respond(request: Request, services: Services) -> Response:
    try:
        return await _routed(request, services)
    except Exception as error:  # noqa: BLE001  the outermost handler: whatever went wrong becomes an answer
        return answer(error)


async def _routed(request: Request, services: Services) -> Response:
    segments = segments_of(_raw_path(request))
    matched = _matched((*ROUTES, *PUBLIC, *manual.PAGES), segments)
    if not matched:
        raise RouteNotFoundError
    for route, path in matched:
        if request.method in route.methods:
            if isinstance(route, PublicRoute):
                return await route.handler(request, services)
            return await _permitted(request, services, route, path)
    raise MethodNotAllowedError(request.method, sorted({each for route, _ in matched for each in route.methods}))


def _matched(routes: Sequence[AnyRoute], segments: Sequence[str]) -> list[tuple[AnyRoute, dict[str, str]]]:
    """The routes at a path, and what its named segments hold; a route that names none of them wins over those that do."""
    found = [(route, path) for route in routes if (path := _match(route.path, segments)) is not None]
    return [(route, path) for route, path in found if not path] or found


async def _permitted(request: Request, services: Services, route: Route, path: dict[str, str]) -> Response:
    caller = await _caller(request, services)
    quota = None if caller.owner else services.throttle.admit(caller.scope.tenant)
    try:
        caller.require(route.permission)
        response = await _answered(Exchange(request, services, caller, path), route)
    except CasbahError as error:
        response = answer(error)
    if route.audit is not Audit.NOTHING:
        await noted(
            request,
            services,
            caller,
            name=route.handler.__name__,
            about=path,
            status=response.status_code,
            changes=route.audit is Audit.CHANGES,
        )
    if quota is not None:
        response.headers.update(quota.headers)
    return response


async def _caller(request: Request, services: Services) -> Caller:
    signed_in = visitor(request, services)
    if signed_in is not None:
        return signed_in
    authorization, tenant = request.headers.get("authorization"), request.headers.get(TENANT_HEADER)
    if services.door.may_wait(authorization):
        return await run_in_threadpool(services.door.caller, authorization, tenant)
    return services.door.caller(authorization, tenant)


async def _answered(exchange: Exchange, route: Route) -> Response:
    if route.path.startswith(CORE):
        failed = await mimic.interrupted(exchange)
        if failed is not None:
            return failed
    return await route.handler(exchange)


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode("utf-8", "surrogateescape")
    path = raw.partition(b"?")[0].decode("ascii", "replace")
    alias = next((prefix for prefix in ALIASES if path == prefix or path.startswith(prefix + "/")), None)
    return path if alias is None else ALIASES[alias] + path[len(alias) :]


def segments_of(path: str) -> Sequence[str]:
    """The segments of a path, still percent-encoded; one trailing slash is nothing."""
    return path.removesuffix("/").split("/")[1:]


@cache
def _pattern(path: str) -> Sequence[str]:
    """The segments of a route's path, which every request is held against."""
    return segments_of(path)


def _match(pattern: str, segments: Sequence[str]) -> dict[str, str] | None:
    wanted = _pattern(pattern)
    if len(wanted) != len(segments):
        return None
    found: dict[str, str] = {}
    for want, segment in zip(wanted, segments, strict=True):
        if want.startswith("{"):
            found[want[1:-1]] = unquote(segment)
        elif want != segment:
            return None
    return found if all(found.values()) else None


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
