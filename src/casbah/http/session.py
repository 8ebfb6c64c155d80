"""Signing in to the pages: a token is exchanged for a session, whose key only the browser holds, in a cookie.

The cookie is HttpOnly, so that no script can read it, and SameSite=Strict, so that a browser sends it with requests of this
server's own pages alone. Where a request changes something, its headers must say so, too (`Origin`, `Sec-Fetch-Site`): the
sites of one registrable domain, and every port of one host, are the same site to a cookie, but not the same origin.
"""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from casbah.errors import ForeignPageError, InvalidTokenError, MalformedBodyError, describe
from casbah.http.body import read_parameters
from casbah.http.exchange import Exchange, Services, json_response
from casbah.identity.grants import Caller

COOKIE = "casbah_session"
_SAFE = ("GET", "HEAD")
_MOST_KEY = 192


async def sign_in(request: Request, services: Services) -> Response:
    """Sign in with a token: the answer's cookie stands for it from now on, until it ends or the token is revoked."""
    _own_page(request)
    body = await read_parameters(request, limit=services.settings.max_body)
    key, length = _key(body), services.settings.session
    if length is None:
        raise InvalidTokenError
    session, expires = await services.lanes.quick.run(lambda: services.tokens.begin_session(key, ms=length))
    response = json_response(_said(services.door.visitor(session), expires))
    response.set_cookie(
        COOKIE,
        session,
        max_age=length // 1_000,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


async def whoami(exchange: Exchange) -> Response:
    """Who is asking: the name of their token, their tenant and their scopes."""
    return json_response(_said(exchange.caller))


async def sign_out(exchange: Exchange) -> Response:
    """Sign out: the session is over, and the cookie is taken back."""
    session = exchange.request.cookies.get(COOKIE)
    if session:
        await exchange.quick(exchange.services.tokens.end_session, session)
    response = json_response(_said(exchange.caller))
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


def visitor(request: Request, services: Services) -> Caller | None:
    """Who signed in, where the request bears a session and nothing else. Raises InvalidTokenError or ForeignPageError."""
    session = request.cookies.get(COOKIE)
    if session is None or "authorization" in request.headers:
        return None
    if request.method not in _SAFE:
        _own_page(request)
    return services.door.visitor(session)


def _own_page(request: Request) -> None:
    """Raises ForeignPageError where a browser says that another origin's page asks, or does not say whose.

    Browsers send `Origin` with every request but GET and HEAD (Fetch, 3.1), and `Sec-Fetch-Site` with those to trustworthy
    addresses, localhost among them (Fetch Metadata, 2.2). What has neither is no browser, and can send a token.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = site == "same-origin" if site is not None else _same_host(origin, request.headers.get("host", ""))
    if not own:
        raise ForeignPageError


def _same_host(origin: str | None, host: str) -> bool:
    try:
        return origin is not None and urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False


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
