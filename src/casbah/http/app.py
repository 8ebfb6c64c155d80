"""The ASGI application. A request passes through routing, authentication, throttling, permission check and handler."""

import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import cast
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from casbah.base.logs import of_request
from casbah.errors import (
    CasbahError,
    MethodNotAllowedError,
    RequestError,
    UnavailableError,
)
from casbah.http import api_docs, mimic
from casbah.http.answers import respond
from casbah.http.audit import record_in_trail
from casbah.http.context import RequestContext, Services, WriterContext
from casbah.http.error_answers import answer
from casbah.http.irreversible import read_irreversible
from casbah.http.paths import GUARDED, is_below, not_found, plain_path, segments_of
from casbah.http.request_body import Incoming
from casbah.http.route import CORE, Audit, PublicRoute, Route
from casbah.http.routes import PUBLIC, ROUTES
from casbah.http.session import address_of, session_caller
from casbah.identity.failed_sign_ins import FailureElsewhereError
from casbah.identity.permissions import TENANT_HEADER, Caller
from casbah.identity.throttle import Quota

AnyRoute = Route | PublicRoute
_MAX_LENGTHS, _MAX_PATHS, _MAX_PATH = 16, 1_024, 500
"""How many numbers of segments and paths, of at most how many bytes, are remembered with their routes."""

REQUEST_ID = "X-Request-Id"
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLAIN = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_SAFE = {False: _PLAIN, True: {**_PLAIN, "Strict-Transport-Security": "max-age=31536000"}}
"""Default headers of every response, without and with TLS."""

_FRAMING = (b"content-length", b"transfer-encoding")
_NO_ROUTE = "none"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


def application(services: Services, *, writer_proxy: ASGIApp | None = None) -> ASGIApp:
    """The ASGI application. In a process that does not own the store, `writer_proxy` forwards the rest to the owner."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _run_lifespan(receive, send)
        elif scope["type"] == "http" and writer_proxy is not None and _needs_writer(scope):
            begun = time.perf_counter()
            known = not _has_body(scope) or await _has_known_caller(scope, services)
            failure = await _failure(writer_proxy, scope if known else _without_body(scope), receive, send)
            if failure is not None:
                request = Request(scope, receive)
                services.proxies.apply(scope)
                request.state.route = _path_of(scope)
                await _finish(request, failure, services, send, begun=begun)
        elif scope["type"] == "http":
            begun = time.perf_counter()
            if scope["method"] == "HEAD":
                scope["headers"] = _without_ranges(scope["headers"])
            incoming = Incoming(receive, services.memory)
            try:
                request = Request(scope, incoming)
                try:
                    response = await _respond_traced(request, services)
                except FailureElsewhereError:
                    if writer_proxy is None:
                        raise
                    failure = await _failure(writer_proxy, _without_body(scope), receive, send)
                    if failure is None:
                        return
                    response = failure
                await incoming.finish(request.headers, version=scope["http_version"])
                await _finish(request, response, services, send, begun=begun)
            finally:
                incoming.close()

    return app


async def _failure(writer_proxy: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Response | None:
    """Have the writer answer a request. Returns the response to what kept it from that, if anything did."""
    try:
        await writer_proxy(scope, receive, send)
    except (RequestError, UnavailableError) as error:
        return answer(error)
    return None


async def _finish(request: Request, response: Response, services: Services, send: Send, *, begun: float) -> None:
    """Send a response with the headers that all have; count and log it."""
    name = request_id(request)
    response.headers[REQUEST_ID] = name
    for header, value in _SAFE[request.scope.get("scheme") == "https"].items():
        response.headers.setdefault(header, value)
    if services.leaving.is_set():  # The next request then opens a new connection, to another server.
        response.headers["Connection"] = "close"
    _record_metrics(request, response, services, seconds=time.perf_counter() - begun)
    await (_head_of(response) if request.method == "HEAD" else response)(request.scope, request.receive, send)
    _log_request(request, response, name, seconds=time.perf_counter() - begun)


def _without_ranges(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Ranges are defined for GET alone; other methods ignore them (RFC 9110, 14.2)."""
    return [(name, value) for name, value in headers if name not in (b"range", b"if-range")]


def _head_of(response: Response) -> Response:
    """The response to HEAD: the status and headers of GET. A stream is not started (RFC 9110, 9.3.2)."""
    if isinstance(response, FileResponse):  # It determines the file's length itself, and sends no body to HEAD.
        return response
    head = Response(status_code=response.status_code)
    head.raw_headers = response.raw_headers
    return head


def _record_metrics(request: Request, response: Response, services: Services, *, seconds: float) -> None:
    filters = getattr(request.state, "parameters", {}).get("filters")
    services.metrics.answered(
        _route_of(request),
        request.method if request.method in _METHODS else "other",
        response.status_code,
        seconds=seconds,
        filters=filters if isinstance(filters, dict) else (),
    )


def _log_request(request: Request, response: Response, name: str, *, seconds: float) -> None:
    """One log line per request, with its route instead of its path, which may contain secrets."""
    caller: Caller | None = getattr(request.state, "caller", None)
    of_request(
        id=name,
        address=address_of(request),
        method=request.method,
        route=_route_of(request),
        status=response.status_code,
        ms=round(seconds * 1_000, 1),
        **({} if caller is None else {"tenant": caller.tenant_id.name, "who": caller.name, "who_id": caller.id}),
    )


def _route_of(request: Request) -> str:
    return getattr(request.state, "route", _NO_ROUTE)


def request_id(request: Request) -> str:
    """The request id that the client sent, if it is plain; otherwise a new one."""
    sent = request.headers.get(REQUEST_ID, "")
    return sent if _PLAIN_ID.fullmatch(sent) else secrets.token_hex(8)


async def _respond_traced(request: Request, services: Services) -> Response:
    with services.traces.span(request.method, headers=request.headers) as span:
        response = await _respond(request, services)
        if span is not None:
            route = _route_of(request)
            span.update_name(f"{request.method} {route}")
            attributes = {"http.request.method": request.method, "http.route": route}
            span.set_attributes({**attributes, "http.response.status_code": response.status_code})
    return response


async def _respond(request: Request, services: Services) -> Response:
    try:
        return await _dispatch(request, services)
    except FailureElsewhereError:
        raise
    except Exception as error:  # noqa: BLE001  the outermost handler: every failure becomes a response
        return answer(error)


async def _dispatch(request: Request, services: Services) -> Response:
    services.proxies.apply(request.scope)
    target = _target(request.scope)
    matched = _matching_routes(target)
    if matched:
        request.state.route = matched[0][0].path
    for route, values in matched:
        if request.method in _methods(route):
            if isinstance(route, PublicRoute):
                return respond(await route.handler(request, services), route.status)
            return await _respond_permitted(request, services, route, values)
    path = plain_path(target)
    if is_below(path, GUARDED):  # Authentication comes before 404 and 405.
        request.state.caller = await _caller(request, services)
    if not matched:
        raise not_found(path)
    raise MethodNotAllowedError(request.method, sorted({method for route, _ in matched for method in _methods(route)}))


def _methods(route: AnyRoute) -> tuple[str, ...]:
    """The methods of a route. A route that answers GET also answers HEAD (RFC 9110, 9.1)."""
    return (*route.methods, "HEAD") if "GET" in route.methods else route.methods


def _matching_routes(target: bytes) -> Sequence[tuple[AnyRoute, Mapping[str, str]]]:
    """The routes that match the target of a request, each with its path parameters."""
    path = target.partition(b"?")[0]
    return _matching(path) if len(path) > _MAX_PATH else _matching_known(path)


def _matching(path: bytes) -> Sequence[tuple[AnyRoute, Mapping[str, str]]]:
    """As _matching_routes. A route without parameters wins over those with some."""
    segments = segments_of(plain_path(path))
    routes = _of_length(len(segments))
    matches = [(route, values) for route, wanted in routes if (values := _match(wanted, segments)) is not None]
    return [(route, values) for route, values in matches if not values] or matches


_matching_known = lru_cache(_MAX_PATHS)(_matching)
"""As _matching, remembered. Requests share the parameters, so nobody may change them."""


async def _respond_permitted(request: Request, services: Services, route: Route, path: Mapping[str, str]) -> Response:
    caller = request.state.caller = await _caller(request, services)
    quota = None if caller.owner else await _throttle(caller, services)
    context = _context(request, services, caller, path)
    try:
        caller.require(route.permission)
        response = await _call_handler(context, route)
    except CasbahError as error:
        response = mimic.refusal(error, context.emulation) if route.path.startswith(CORE) else answer(error)
    if route.audit is not Audit.NOTHING:
        await record_in_trail(
            request,
            services,
            caller,
            name=route.operation,
            about=path,
            status=response.status_code,
            changes=route.audit is Audit.CHANGES,
        )
    if quota is not None:
        response.headers.update(quota.headers)
    return response


def _context(request: Request, services: Services, caller: Caller, path: Mapping[str, str]) -> WriterContext:
    """The context for a handler. A process without the store gets only requests whose handlers take a RequestContext."""
    kind = RequestContext if services.here is None else WriterContext
    return cast("WriterContext", kind(request, services, caller, path))


async def _caller(request: Request, services: Services) -> Caller:
    authorization = request.headers.get("authorization")
    if services.tokens.is_remote or services.authenticator.may_wait(authorization):
        return await services.pools.authenticator.run(_authenticate, request, authorization, services)
    return _authenticate(request, authorization, services)


def _authenticate(request: Request, authorization: str | None, services: Services) -> Caller:
    signed_in = session_caller(request, services)
    if signed_in is not None:
        return signed_in
    return services.authenticator.caller(authorization, request.headers.get(TENANT_HEADER), address=address_of(request))


async def _throttle(caller: Caller, services: Services) -> Quota | None:
    if services.throttle.is_remote:
        return await services.pools.authenticator.run(services.throttle.admit, caller.tenant_id.name)
    return services.throttle.admit(caller.tenant_id.name)


async def _call_handler(context: WriterContext, route: Route) -> Response:
    if route.path.startswith(CORE):
        failed = await mimic.interrupted(context)
        if failed is not None:
            return failed
    if route.takes_nothing:
        await read_irreversible(context)
    await context.opened()
    return respond(await route.handler(context), route.status)


async def _has_known_caller(scope: Scope, services: Services) -> bool:
    """Whether the body of a request for the writer is worth sending on: not if the writer will refuse its caller."""
    request = Request(dict(scope))
    target = _target(scope)
    if not is_below(plain_path(target), GUARDED):
        return True
    matched = _matching_routes(target)
    if any(isinstance(route, PublicRoute) and request.method in _methods(route) for route, _ in matched):
        return True
    try:
        services.proxies.apply(request.scope)
        await _caller(request, services)
    except (CasbahError, FailureElsewhereError):  # The writer says what is wrong.
        return False
    return True


def _has_body(scope: Scope) -> bool:
    return any(name in _FRAMING for name, _ in scope["headers"])


def _without_body(scope: Scope) -> Scope:
    return {**scope, "headers": [header for header in scope["headers"] if header[0] not in (*_FRAMING, b"expect")]}


def _needs_writer(scope: Scope) -> bool:
    matched = _matching_routes(scope["raw_path"])
    route = next((route for route, _ in matched if scope["method"] in _methods(route)), None)
    return route is None or route.needs_writer


def _path_of(scope: Scope) -> str:
    """The path of a request's route, with the names of its parameters."""
    matched = _matching_routes(scope["raw_path"])
    return matched[0][0].path if matched else _NO_ROUTE


def _target(scope: Scope) -> bytes:
    target: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    return target


@lru_cache(_MAX_LENGTHS)
def _of_length(count: int) -> Sequence[tuple[AnyRoute, Sequence[str]]]:
    """The routes whose path has `count` segments, each with its segments."""
    routes: Sequence[AnyRoute] = (*ROUTES, *PUBLIC, *api_docs.PAGES)
    known = ((route, segments_of(route.path)) for route in routes)
    return [
        (route, wanted) for route, wanted in known if len(wanted) == count or (len(wanted) < count and _is_deep(route))
    ]


def _is_deep(route: AnyRoute) -> bool:
    return isinstance(route, Route) and route.is_deep


def _match(wanted: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """The path parameters, or None if the path does not match. The last one wanted takes all further segments."""
    values: dict[str, str] = {}
    last = len(wanted) - 1
    for want, segment in zip(wanted, (*segments[:last], "/".join(segments[last:])), strict=True):
        if want.startswith("{"):
            values[want[1:-1]] = unquote(segment)
        elif want != segment:
            return None
    return values if all(values.values()) else None


async def _run_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
