"""Serves the web UI: static files, the same for everybody and without authentication; their content comes from the API.

The policy allows scripts, styles and data from this server only, no inline scripts and no framing; content of activities can
never become script (Content Security Policy 3, Trusted Types).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

VIEWS = (
    "/",
    "/groups",
    "/queries",
    "/sources",
    "/ranges",
    "/names",
    "/tokens",
    "/exports",
    "/audit",
    "/retention",
    "/deletion",
    "/evidence",
    "/pushes",
    "/rejects",
)
"""Paths that serve the page; the page selects the view by its URL."""

ENTITIES = ("/users/", "/addresses/", "/sessions/", "/files/", "/apps/")
"""Beginnings of paths that serve the page, too: the rest is a name, in which anything may be."""

ASSETS = "/ui/"
API = "/api/"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Browsers revalidate every time; an unchanged file is a short 304.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is served."""

    content: bytes
    type: str
    etag: str


def site(api: ASGIApp) -> ASGIApp:
    """The web UI, with the API behind it."""
    served = _served()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        file = served.get(_page_of(scope["path"])) if scope["type"] == "http" else None
        if file is not None:
            await _response(file, scope)(scope, receive, send)
        elif scope["type"] == "http" and _is_opened(scope):
            await api(scope, receive, _with_page(served["/"], scope, receive, send))
        else:
            await api(scope, receive, send)

    return app


def _page_of(path: str) -> str:
    """The path at which a file is served: for the page of an entity, that of every page."""
    return "/" if path.startswith(ENTITIES) and path not in ENTITIES else path


def _is_opened(scope: Scope) -> bool:
    """Whether a person opens this path in a browser, which is not the API's."""
    is_read = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
    return is_read and not scope["path"].startswith(API)


def _with_page(page: File, scope: Scope, receive: Receive, send: Send) -> Send:
    """`send`, with the page instead of the answer that there is nothing at this path."""
    missing = False

    async def sent(message: Message) -> None:
        nonlocal missing
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.NOT_FOUND:
            missing = True
            response = _response(page, scope, HTTPStatus.NOT_FOUND)
            await response(scope, receive, send)
        elif not missing:
            await send(message)

    return sent


def _response(file: File, scope: Scope, status: int = HTTPStatus.OK) -> Response:
    if scope["method"] not in ("GET", "HEAD"):
        problem = {"detail": f'Method "{scope["method"]}" not allowed.'}
        return JSONResponse(problem, 405, {"Allow": "GET, HEAD"})
    headers = {**HEADERS, "ETag": file.etag, "Content-Type": file.type}
    if status == HTTPStatus.OK and file.etag in Headers(scope=scope).get("if-none-match", ""):
        return Response(None, 304, headers)
    content = file.content if scope["method"] == "GET" else b""
    response = Response(content, status, headers)
    response.headers["Content-Length"] = str(len(file.content))
    return response


def _served() -> Mapping[str, File]:
    """Every file by its path; the page at the path of each view, with and without a trailing slash."""
    folder = files("casbah.ui") / "static"
    served = {f"{ASSETS}{path.name}": _file(path) for path in folder.iterdir() if _suffix(path) in _TYPES}
    page = served.pop(f"{ASSETS}index.html")
    views = {path: page for view in VIEWS for path in (view, view if view == "/" else f"{view}/")}
    return {**served, **views}


def _file(path: Traversable) -> File:
    content = path.read_bytes()
    return File(content, _TYPES[_suffix(path)], f'"{sha256(content).hexdigest()[:32]}"')


def _suffix(path: Traversable) -> str:
    return "." + path.name.rpartition(".")[2]
