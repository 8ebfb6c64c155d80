"""Signing in to the pages: a token is exchanged for a session, whose key only the browser holds, in a cookie.

The cookie is HttpOnly, so that no script can read it, and SameSite=Strict, so that browsers send it only with requests from
this server's own pages. For requests that change something, `Origin` or `Sec-Fetch-Site` must confirm that: to a cookie, all
sites of one registrable domain and all ports of one host are the same site, but they are not the same origin.
"""

import hmac
import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from casbah.activity.address import canonical
from casbah.errors import (
    ForeignPageError,
    InvalidTokenError,
    IssuerUnavailableError,
    MalformedBodyError,
    RouteNotFoundError,
    describe,
)
from casbah.http.answers import Answer, respond
from casbah.http.context import RequestContext, Services, WriterContext
from casbah.http.request_body import read_parameters
from casbah.http.request_schemas import Schema, open_body
from casbah.identity.permissions import Caller, Permission
from casbah.identity.sign_in import PENDING_MS, SignIn

log = logging.getLogger("casbah.http")

COOKIE = "casbah_session"
STATE_COOKIE = "casbah_sign_in"
"""Set while the browser is at the issuer. Lax, so that it is sent when the issuer redirects the browser back."""

HOST_PREFIX = "__Host-"
"""The prefix of both over TLS. Browsers accept such a cookie only from this exact host over TLS, so no sibling domain and
no network attacker can plant one (RFC 6265bis, 4.1.3.2).
"""

BODIES: Mapping[str, Schema] = {
    "SignIn": open_body({"token": {"type": "string", "description": "A token's key"}}, required=("token",))
}
_PATH = "/api/ext/v1/session"
_SAFE = ("GET", "HEAD")
_MAX_KEY = 192
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Ways(Answer):
    token: Annotated[bool, Meta(description="With a token")]
    issuer: Annotated[str | None, Meta(description="At this issuer; null: at none")]


class SessionAnswer(Answer):
    name: Annotated[str, Meta(description="The token's name")]
    tenant: str
    scopes: Sequence[str]
    expires: (
        Annotated[int, Meta(description="When a session that has just begun ends, ms since the epoch")] | UnsetType
    ) = UNSET
    proofs: (
        Annotated[bool, Meta(description="Present and true if the caller may read a transparency log of the tenant")]
        | UnsetType
    ) = UNSET


def address_of(request: Request) -> str:
    """The client's address: the connection's, or the one reported by a trusted proxy (`TrustedProxies.apply`)."""
    host = request.client.host if request.client else ""
    return canonical(host) or host


async def sign_in(request: Request, services: Services) -> Annotated[Response, SessionAnswer]:
    _require_own_page(request)
    key, length = _key(await read_parameters(request, limit=services.settings.max_body)), _session_ms(services)
    with services.authenticator.counted(address_of(request)):
        session, expires = await services.pools.quick.run(lambda: services.tokens.begin_session(key, ms=length))
    response = respond(_session(await services.pools.quick.run(services.tokens.session_caller, session), expires))
    await _end_before(request, services)
    _set_cookie(response, request, COOKIE, session, seconds=length // 1_000)
    return response


async def ways(_: Request, services: Services) -> Ways:
    may = services.settings.session is not None
    issuer = (
        services.authenticator.issuer.name
        if may and services.writer.sign_in and services.authenticator.issuer
        else None
    )
    return Ways(token=may, issuer=issuer)


async def begin(request: Request, services: Services) -> Response:
    sign_in = _issuers(services)
    redirect = f"{_scheme(request)}://{request.headers.get('host', '')}{_PATH}/return"
    where, state = await run_in_threadpool(
        sign_in.begin, redirect, then=_local_path(request.query_params.get("then", "/"))
    )
    response = RedirectResponse(where, 302)
    _set_cookie(response, request, STATE_COOKIE, state, seconds=PENDING_MS // 1_000)
    return response


async def come_back(request: Request, services: Services) -> Response:
    _issuers(services)
    try:
        caller, then = await run_in_threadpool(_finish_sign_in, request, services)
    except InvalidTokenError as error:
        log.info("a sign-in failed: %s", error.reason)
        response = RedirectResponse("/#sign-in=refused", 303)
    except IssuerUnavailableError:
        response = RedirectResponse("/#sign-in=away", 303)
    else:
        length = _session_ms(services)
        session, _ = await services.pools.quick.run(lambda: services.tokens.begin_session_of(caller, ms=length))
        await _end_before(request, services)
        response = RedirectResponse(then, 303)
        _set_cookie(response, request, COOKIE, session, seconds=length // 1_000)
    _clear_cookie(response, request, STATE_COOKIE)
    return response


async def _end_before(request: Request, services: Services) -> None:
    """End the browser's previous session, whose cookie is about to be replaced."""
    before = _read_cookie(request, COOKIE)
    if before:
        await services.pools.quick.run(services.tokens.end_session, before)


def _finish_sign_in(request: Request, services: Services) -> tuple[Caller, str]:
    """The caller that the issuer authenticated, and their target path. Raises InvalidTokenError or IssuerUnavailableError."""
    query, state = request.query_params, _read_cookie(request, STATE_COOKIE) or ""
    if not state or not hmac.compare_digest(state.encode(), query.get("state", "").encode("utf-8", "replace")):
        raise InvalidTokenError("the state does not match this browser's cookie")
    if "code" not in query:
        raise InvalidTokenError(f"the issuer says {query.get('error', '')[:100]!r}")
    return _issuers(services).finish(state, query["code"], iss=query.get("iss"))


async def whoami(context: RequestContext) -> SessionAnswer:
    services, caller = context.services, context.caller
    may_read = caller.may(Permission.READ) and caller.may(services.log_permission)
    return _session(caller, proofs=(bool(services.settings.log_name) and may_read) or UNSET)


async def sign_out(context: WriterContext) -> Annotated[Response, SessionAnswer]:
    session = _read_cookie(context.request, COOKIE)
    if session:
        await context.quick(context.services.tokens.end_session, session)
    response = respond(_session(context.caller))
    _clear_cookie(response, context.request, COOKIE)
    return response


def session_caller(request: Request, services: Services) -> Caller | None:
    """The caller of a request with a session cookie and no Authorization. Raises InvalidTokenError or ForeignPageError."""
    session = _read_cookie(request, COOKIE)
    if session is None or "authorization" in request.headers:
        return None
    if request.method not in _SAFE:
        _require_own_page(request)
    return services.tokens.session_caller(session)


def _scheme(request: Request) -> str:
    """The scheme that the browser uses, to this server or to a trusted proxy."""
    return str(request.scope.get("scheme", "http"))


def _secure(request: Request) -> bool:
    return _scheme(request) == "https"


def _cookie_name(request: Request, cookie: str) -> str:
    return f"{HOST_PREFIX}{cookie}" if _secure(request) else cookie


def _read_cookie(request: Request, cookie: str) -> str | None:
    """A cookie of the request. Over TLS, one without the prefix is ignored, since it may have been planted."""
    return request.cookies.get(_cookie_name(request, cookie))


def _set_cookie(response: Response, request: Request, cookie: str, value: str, *, seconds: int) -> None:
    """Set a cookie that scripts cannot read and that browsers send only to this host."""
    response.set_cookie(
        _cookie_name(request, cookie),
        value,
        max_age=seconds,
        path=_PATH if cookie == STATE_COOKIE and not _secure(request) else "/",
        secure=_secure(request),
        httponly=True,
        samesite="lax" if cookie == STATE_COOKIE else "strict",
    )


def _clear_cookie(response: Response, request: Request, cookie: str) -> None:
    """Delete a cookie. Browsers ignore a `__Host-` cookie without Secure and this path, even one that deletes."""
    _set_cookie(response, request, cookie, "", seconds=0)


def _session_ms(services: Services) -> int:
    """How long a session lasts, in ms. Raises InvalidTokenError if sessions are off."""
    length = services.settings.session
    if length is None:
        raise InvalidTokenError("CASBAH_SESSION is off")
    return length


def _issuers(services: Services) -> SignIn:
    sign_in = services.writer.sign_in
    if sign_in is None or services.settings.session is None:
        raise RouteNotFoundError
    return sign_in


def _local_path(path: str) -> str:
    """The path if it is on this server, otherwise the front page. Browsers treat a backslash as a slash."""
    plain = path.isprintable() and path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if plain else "/"


def _require_own_page(request: Request) -> None:
    """Raise ForeignPageError unless the request comes from a page of this server's origin.

    Browsers send `Origin` with every request but GET and HEAD (Fetch, 3.1), and `Sec-Fetch-Site` to trustworthy addresses,
    including localhost (Fetch Metadata, 2.2). A client that sends neither is not a browser, and can send a token instead.
    """
    site = request.headers.get("sec-fetch-site")
    if not (site == "same-origin" if site is not None else _same_origin(request)):
        raise ForeignPageError


def _same_origin(request: Request) -> bool:
    """Whether `Origin` is this server's."""
    origin, host = request.headers.get("origin"), request.headers.get("host")
    try:
        return bool(origin and host) and _origin(str(origin)) == _origin(f"{_scheme(request)}://{host}")
    except ValueError:
        return False


def _origin(text: str) -> tuple[str, str]:
    """Scheme, and host with port (RFC 6454, 4), without the default port."""
    parts = urlsplit(text.lower())
    return parts.scheme, parts.netloc.removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))


def _key(body: dict[str, Any]) -> str:
    key = body.get("token")
    if not isinstance(key, str):
        raise MalformedBodyError(f"token: expected a token, got {describe(key)}")
    if len(key.strip()) > _MAX_KEY:
        raise InvalidTokenError
    return key.strip()


def _session(caller: Caller, expires: int | UnsetType = UNSET, *, proofs: bool | UnsetType = UNSET) -> SessionAnswer:
    return SessionAnswer(caller.name, caller.tenant_id.name, sorted(caller.scopes), expires, proofs)
