"""Paths of requests: aliases, what needs credentials, and parts of MDCA's API that are not served."""

from collections.abc import Mapping, Sequence

from casbah.errors import NotServedError, RouteNotFoundError
from casbah.http import activities
from casbah.http.route import CORE

GUARDED = ("/api", "/cas")
"""Below these, a request without valid credentials gets 401 on every path, known or not, except sign-in routes."""

ALIASES: tuple[tuple[str, str], ...] = (
    ("/cas/api/v1", CORE),
    ("/cas/api/subnet", "/api/subnet"),
    ("/cas/api/discovery", "/api/discovery"),
    ("/cas/api/discovery_block_scripts", "/api/discovery_block_scripts"),
    ("/api/subnet", f"{CORE}/subnet"),
    (f"{CORE}/{activities.ARCHIVE}", f"{CORE}/activities"),
)
"""Path prefixes and their replacements, applied one after another in this order."""

NOT_SERVED: Mapping[str, str] = {
    f"{CORE}/files": "files",
    f"{CORE}/policies": "policies",
    f"{CORE}/discovery": "cloud discovery",
    "/api/discovery": "cloud discovery",
    "/api/discovery_block_scripts": "cloud discovery",
    f"{CORE}/saasdb": "the app catalog",
    f"{CORE}/governance": "governance",
}
"""Path prefixes of MDCA's API, and what they lead to there, that Casbah does not have."""


def plain_path(target: bytes) -> str:
    """The path of a request's target, with the prefix that an alias stands for."""
    path = target.partition(b"?")[0].decode("ascii", "replace")
    for alias, prefix in ALIASES:
        if is_below(path, (alias,)):
            path = prefix + path[len(alias) :]
    return path


def not_found(path: str) -> RouteNotFoundError:
    """The error for a path without a route."""
    part = next((part for prefix, part in NOT_SERVED.items() if is_below(path.removesuffix("/"), (prefix,))), None)
    return RouteNotFoundError() if part is None else NotServedError(part)


def is_below(path: str, prefixes: Sequence[str]) -> bool:
    """Whether a path is one of these, or below one."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def segments_of(path: str) -> Sequence[str]:
    """The segments of a path, still percent-encoded. One trailing slash is ignored."""
    return path.removesuffix("/").split("/")[1:]
