"""The OpenAPI 3.1 document, built from the tables of routes, filters, operators, errors and examples.

Source: the OpenAPI Specification 3.1.0 (spec.openapis.org/oas/v3.1.0), whose schemas are JSON Schema 2020-12.
"""

from collections.abc import Sequence
from typing import Any

import casbah
from casbah.activity.query import Bounds
from casbah.http.activities import Activity
from casbah.http.answers import answer_schemas, answer_type
from casbah.http.body_schemas import BODIES
from casbah.http.error_answers import Problem
from casbah.http.openapi_errors import shared_examples, shared_responses
from casbah.http.openapi_paths import guarded_paths, public_paths
from casbah.http.request_schemas import language
from casbah.http.route import PublicRoute, Route
from casbah.http.session import COOKIE, HOST_PREFIX

Document = dict[str, Any]

_TAGS = {
    "activities": "MDCA's Activities API, plus feedback on activities",
    "alerts": "MDCA's alerts API: empty",
    "entities": "MDCA's entities API: accounts that performed activities, their groups and countries",
    "activity types": "Operations that the filter `actionType` takes",
    "changes": "The change feed: activities in the order of storing",
    "choices": "Names of filter values",
    "sources": "Where activities come from, and where they are pushed to",
    "search": "Activities found with a text that people write",
    "names": "Names that people give to users, groups, app instances and others",
    "queries": "Saved queries",
    "exports": "All results of a query, as a file",
    "retention": "Deletion, retention rules and legal holds",
    "log": "The transparency log of a tenant, in the formats of C2SP",
    "snapshots": "Snapshots for backups; only for the owner of the data directory",
    "session": "Signing in to the pages with a browser",
    "sessions": "Sessions of the pages; for callers with Tokens.manage",
    "facets": "The most frequent values of filters",
    "histogram": "Activities over time",
    "ranges": "MDCA's data enrichment API: IP ranges and their labels",
    "ingest": "Ingest: storing events as activities",
    "enrichment": "What Casbah adds to activities",
    "tokens": "API tokens; for callers with Tokens.manage",
    "mimic": "Emulation of another server, for tests of clients; for administrators",
    "health": "Health checks and metrics; without credentials",
    "manual": "This document; without credentials",
}
_SECURITY = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token <key>`, with a key that an administrator created",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Set by signing in with a browser; accepted only from this server's own pages. "
        f"Over TLS its name is `{HOST_PREFIX}{COOKIE}`",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A JSON Web Token of the trusted issuer, if one is configured; or a key",
    },
}
_HEADERS = {
    "RateLimit": '`"tenant";r=<requests left>;t=<seconds>`, if the server has a rate limit '
    "(draft-ietf-httpapi-ratelimit-headers)",
    "RateLimit-Policy": '`"tenant";q=<requests>;w=<seconds>`, if the server has a rate limit',
    "Casbah-Total": "`approximate`, if a setting rounds the total",
}
_WHAT = """{about}

Every path works with and without a trailing slash. Paths under `/api/v1` are those of the Activities API of Microsoft
Defender for Cloud Apps (MDCA), and also work under `/cas/api/v1`; what MDCA does not have is under `/api/ext/v1`.
`/api/subnet` is the same as `/api/v1/subnet`, and `/api/v1/archived_activities` as `/api/v1/activities`. Errors are
`{{"detail": "..."}}`; a method that a path does not take gets 405 with `Allow`, an unknown path 404, and both get 401
if the credentials are missing or invalid. Every path that takes GET also takes HEAD.

Parameters of the Activities API may be in the query string, a JSON body or a form; the body takes precedence. A GET may
also carry a JSON body, though few tools can send one. A body that begins with `{{` is JSON, whatever its Content-Type.
Unknown parameters are ignored, except by irreversible requests (deletion, retention rules, legal holds, tokens): these
refuse unknown and repeated parameters, flags that are not booleans, empty filters and empty conditions.
`filters` may be JSON inside a JSON string."""


def document(
    routes: Sequence[Route], public: Sequence[PublicRoute], *, bounds: Bounds, sources: Sequence[str]
) -> Document:
    """The OpenAPI document of a server with these routes, bounds and sources."""
    handlers = [*(route.handler for route in routes), *(route.handler for route in public)]
    types = [kind for handler in handlers if (kind := answer_type(handler)) is not None]
    _, answers = answer_schemas([*types, Activity, Problem])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Casbah",
            "version": casbah.__version__,
            "summary": "The open, self-hosted activity log for cloud apps",
            "description": _WHAT.format(about=casbah.__doc__),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The server of this document"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": public_paths(public, guarded_paths(routes, sources)),
        "components": {
            "schemas": {**language(bounds), **BODIES, **answers},
            "responses": shared_responses(),
            "examples": shared_examples(),
            "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
            "securitySchemes": _SECURITY,
        },
    }
