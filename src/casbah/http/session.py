"""Signing in to the pages: a token is exchanged for a session, whose key only the browser holds, in a cookie.

The cookie is HttpOnly, so that no script can read it, and SameSite=Strict, so that a browser sends it with requests of this
server's own pages alone. Where a request changes something, its headers must say so, too (`Origin`, `Sec-Fetch-Site`): the
sites of one registrable domain, and every port of one host, are the same site to a cookie, but not the same origin.
"""

import hmac
import logging
from typing import Any
from urllib.parse import urlsplit

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
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext, Services, json_response
from casbah.identity.grants import Caller
from casbah.identity.sign_in import PENDING_MS, SignIn

log = logging.getLogger("casbah.http")

COOKIE = "casbah_session"
STATE_COOKIE = "casbah_sign_in"
"""What a browser keeps while it is at the issuer. Lax: it is to come along when the issuer sends the browser back."""

HOST_PREFIX = "__Host-"
"""How both begin over TLS. Browsers take such a cookie from this very host over TLS alone, so that no sibling of it and
nobody on the network can plant one (RFC 6265bis, 4.1.3.2).
"""

_PATH = "/api/ext/v1/session"
_SAFE = ("GET", "HEAD")
_MOST_KEY = 192
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def address_of(request: Request) -> str:
    """The client's address: that of the connection, or what a trusted proxy says (`Proxies.apply`)."""
    host = request.client.host if request.client else ""
    return canonical(host) or host


async def sign_in(request: Request, services: Services) -> Response:
    """Sign in with a token: the answer's cookie stands for it from now on, until it ends or the token is revoked."""
    _own_page(request)
    key, length = _key(await read_parameters(request, limit=services.settings.max_body)), _length(services)
    with services.authenticator.counted(key, address_of(request)):
        session, expires = await services.pools.quick.run(lambda: services.tokens.begin_session(key, ms=length))
    response = json_response(_said(await services.pools.quick.run(services.authenticator.visitor, session), expires))
    await _end_before(request, services)
    _set_cookie(response, request, COOKIE, session, seconds=length // 1_000)
    return response


async def ways(_: Request, services: Services) -> Response:
    """How people can sign in to the pages here: with a token, at an issuer, or not at all."""
    may = services.settings.session is not None
    issuer = services.authenticator.issuer.name if may and services.sign_in and services.authenticator.issuer else None
    return json_response({"token": may, "issuer": issuer})


async def begin(request: Request, services: Services) -> Response:
    """The way to the issuer, and back to `then`, a path of the pages."""
    sign_in = _issuers(services)
    redirect = f"{_scheme(request)}://{request.headers.get('host', '')}{_PATH}/return"
    where, state = await run_in_threadpool(sign_in.begin, redirect, then=_then(request.query_params.get("then", "/")))
    response = RedirectResponse(where, 302)
    _set_cookie(response, request, STATE_COOKIE, state, seconds=PENDING_MS // 1_000)
    return response


async def come_back(request: Request, services: Services) -> Response:
    """Where the issuer sends browsers back: who is let in has a session then; who is not is told so on the page."""
    _issuers(services)
    try:
        caller, then = await run_in_threadpool(_arrived, request, services)
    except InvalidTokenError as error:
        log.info("a sign-in failed: %s", error.reason)
        response = RedirectResponse("/#sign-in=refused", 303)
    except IssuerUnavailableError:
        response = RedirectResponse("/#sign-in=away", 303)
    else:
        length = _length(services)
        session, _ = await services.pools.quick.run(lambda: services.tokens.begin_session_of(caller, ms=length))
        await _end_before(request, services)
        response = RedirectResponse(then, 303)
        _set_cookie(response, request, COOKIE, session, seconds=length // 1_000)
    _clear_cookie(response, request, STATE_COOKIE)
    return response


async def _end_before(request: Request, services: Services) -> None:
    """End the session that the browser had, whose cookie it is about to forget."""
    before = _read_cookie(request, COOKIE)
    if before:
        await services.pools.quick.run(services.tokens.end_session, before)


def _arrived(request: Request, services: Services) -> tuple[Caller, str]:
    """Who comes back from the issuer, and where they wanted to go. Raises InvalidTokenError or IssuerUnavailableError."""
    asked, state = request.query_params, _read_cookie(request, STATE_COOKIE) or ""
    if not state or not hmac.compare_digest(state.encode(), asked.get("state", "").encode("utf-8", "replace")):
        raise InvalidTokenError("the state is not the one that this browser keeps")
    if "code" not in asked:
        raise InvalidTokenError(f"the issuer says {asked.get('error', '')[:100]!r}")
    return _issuers(services).finish(state, asked["code"], said=asked.get("iss"))


async def whoami(context: RequestContext) -> Response:
    """Who is asking: the name of their token, their tenant and their scopes."""
    return json_response(_said(context.caller))


async def sign_out(context: RequestContext) -> Response:
    """Sign out: the session is over, and the cookie is taken back."""
    session = _read_cookie(context.request, COOKIE)
    if session:
        await context.quick(context.services.tokens.end_session, session)
    response = json_response(_said(context.caller))
    _clear_cookie(response, context.request, COOKIE)
    return response


def visitor(request: Request, services: Services) -> Caller | None:
    """Who signed in, where the request bears a session and nothing else. Raises InvalidTokenError or ForeignPageError."""
    session = _read_cookie(request, COOKIE)
    if session is None or "authorization" in request.headers:
        return None
    if request.method not in _SAFE:
        _own_page(request)
    return services.authenticator.visitor(session)


def _scheme(request: Request) -> str:
    """What the browser speaks, to this server or to a trusted proxy."""
    return str(request.scope.get("scheme", "http"))


def _secure(request: Request) -> bool:
    return _scheme(request) == "https"


def _cookie_name(request: Request, cookie: str) -> str:
    return f"{HOST_PREFIX}{cookie}" if _secure(request) else cookie


def _read_cookie(request: Request, cookie: str) -> str | None:
    """A cookie of the request. Over TLS one without the prefix is ignored: somebody else could have planted it."""
    return request.cookies.get(_cookie_name(request, cookie))


def _set_cookie(response: Response, request: Request, cookie: str, value: str, *, seconds: int) -> None:
    """Set a cookie that no script can read and that the browser sends to this host alone."""
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


def _length(services: Services) -> int:
    """How long a session lasts, in ms. Raises InvalidTokenError where there are none."""
    length = services.settings.session
    if length is None:
        raise InvalidTokenError("CASBAH_SESSION is off")
    return length


def _issuers(services: Services) -> SignIn:
    if services.sign_in is None or services.settings.session is None:
        raise RouteNotFoundError
    return services.sign_in


def _then(path: str) -> str:
    """A path of this server; whatever may lead elsewhere is the front page. Browsers take a backslash for a slash."""
    plain = path.isprintable() and path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if plain else "/"


def _own_page(request: Request) -> None:
    """Raises ForeignPageError where a browser says that another origin's page asks, or does not say whose.

    Browsers send `Origin` with every request but GET and HEAD (Fetch, 3.1), and `Sec-Fetch-Site` with those to trustworthy
    addresses, localhost among them (Fetch Metadata, 2.2). What has neither is no browser, and can send a token.
    """
    site = request.headers.get("sec-fetch-site")
    if not (site == "same-origin" if site is not None else _same_origin(request)):
        raise ForeignPageError


def _same_origin(request: Request) -> bool:
    """Whether `Origin` is this server's own."""
    origin, host = request.headers.get("origin"), request.headers.get("host")
    try:
        return bool(origin and host) and _origin(str(origin)) == _origin(f"{_scheme(request)}://{host}")
    except ValueError:
        return False


def _origin(text: str) -> tuple[str, str]:
    """Scheme, and host with its port (RFC 6454, 4); the default port may be left out."""
    parts = urlsplit(text.lower())
    return parts.scheme, parts.netloc.removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))


def _key(body: dict[str, Any]) -> str:
    key = body.get("token")
    if not isinstance(key, str):
        raise MalformedBodyError(f"token: expected a token, got {describe(key)}")
    if len(key.strip()) > _MOST_KEY:
        raise InvalidTokenError
    return key.strip()


def _said(caller: Caller, expires: int | None = None) -> dict[str, Any]:
    said = {"name": caller.name, "tenant": caller.scope.tenant, "scopes": sorted(caller.scopes)}
    return said if expires is None else {**said, "expires": expires}
