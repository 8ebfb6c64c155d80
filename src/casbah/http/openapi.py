"""The OpenAPI 3.1 document, built from the tables of routes, filters, operators, errors and examples.

Source: the OpenAPI Specification 3.1.0 (spec.openapis.org/oas/v3.1.0), whose schemas are JSON Schema 2020-12.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

import casbah
from casbah.activity.query import Bounds
from casbah.http.changes import CHANGE_PARAMETERS, TAIL_PARAMETERS
from casbah.http.examples import (
    A_QUERY,
    A_RANGE,
    A_RECORD,
    A_REJECT,
    A_RULE,
    A_SESSION,
    A_SNAPSHOT,
    A_TOKEN,
    AN_EXPORT,
    EXAMPLES,
    NDJSON,
    Example,
)
from casbah.http.facets import FACET_PARAMETERS
from casbah.http.histogram import SPAN_PARAMETERS
from casbah.http.ranges import RANGE_PARAMETERS
from casbah.http.refusal import REFUSALS, Refusal
from casbah.http.routes import ALIASES, Handler, PublicHandler, PublicRoute, Route
from casbah.http.schema import Parameter, Schema, either, language, parameters, ref
from casbah.http.session import COOKIE, HOST_PREFIX
from casbah.http.shape import MEANINGS, answers, bodies
from casbah.identity.grants import Permission

Document = dict[str, Any]

_JSON = "application/json"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_WITH_FORMS = ("Query", "Filtered", "Feedback")
_OF_EVENTS = ("Events", "Arrivals")
_OPTIONAL = (
    "Query",
    "Filtered",
    "RangeQuery",
    "FacetQuery",
    "SpanQuery",
    "NewExport",
    "ApplyQuery",
    "ChangeQuery",
    "TailQuery",
)
_BYTES: Schema = {"type": "string", "format": "binary"}
_REDIRECTS = (302, 303)
_MOST_AFTER = 1_000_000
_WIRE_REFERENCE = re.compile(r" \(`wire\.md`[^)]*\)")

_TAGS = {
    "activities": "MDCA's Activities API, plus feedback on activities",
    "changes": "The change feed: activities in the order of storing",
    "choices": "Names of filter values",
    "sources": "Where activities come from",
    "queries": "Saved queries",
    "exports": "All results of a query, as a file",
    "retention": "Deletion, retention rules and legal holds",
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
_QUOTA = ("RateLimit", "RateLimit-Policy")
_BEFORE_THROTTLE = (401, 405)
_HEADERS = {
    "RateLimit": '`"tenant";r=<requests left>;t=<seconds>`, if the server has a rate limit '
    "(draft-ietf-httpapi-ratelimit-headers)",
    "RateLimit-Policy": '`"tenant";q=<requests>;w=<seconds>`, if the server has a rate limit',
    "Casbah-Total": "`approximate`, if a setting rounds the total",
}
_WHAT = """{about}

Every path works with and without a trailing slash. Paths under `/api/v1` are MDCA's and also work under `/cas/api/v1`;
what MDCA does not have is under `/api/ext/v1`. `/api/subnet` is the same as `/api/v1/subnet`, and
`/api/v1/archived_activities` as `/api/v1/activities`. Errors are `{{"detail": "..."}}`; a method that a path does not take
gets 405 with `Allow`, an unknown path 404, and both get 401 if the credentials are missing or invalid.
Every path that takes GET also takes HEAD.

Parameters of the Activities API may be in the query string, a JSON body or a form; the body takes precedence. A GET may
also carry a JSON body, though few tools can send one. A body that begins with `{{` is JSON, whatever its Content-Type.
Unknown parameters are ignored, except by irreversible requests (deletion, retention rules, legal holds, tokens): these
refuse unknown and repeated parameters, flags that are not booleans, empty filters and empty conditions.
`filters` may be JSON inside a JSON string."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A link to a follow-up `operation`; its parameters or body are runtime expressions."""

    name: str
    operation: str
    help: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: Any = None


_FIRST, _SAME = "$response.body#/data/0/_id", "$request.path.pk"
_LINKS: dict[str, tuple[_Link, ...]] = {
    "list_activities": (
        _Link("first", "fetch_activity", "Fetch the first activity of the page", (("pk", _FIRST),)),
        _Link(
            "feedback",
            "give_feedback",
            "Give feedback on the first activity of the page",
            (("pk", _FIRST),),
            {"feedback": "Seen."},
        ),
        _Link(
            "next",
            "list_activities",
            "The next page of a scan",
            body={"isScan": True, "filters": "$response.body#/nextQueryFilters"},
        ),
    ),
    "fetch_activity": (
        _Link("feedback", "give_feedback", "Give feedback on it", (("pk", _SAME),), {"feedback": "Seen."}),
        _Link("given", "list_feedback", "The feedback on it", (("pk", _SAME),)),
    ),
    "give_feedback": (_Link("given", "list_feedback", "All feedback on it", (("pk", _SAME),)),),
    "create_range": (_Link("delete", "delete_range", "Delete it", (("range", "$response.body"),)),),
    "begin_export": (
        _Link("look", "show_export", "Check its state", (("export", "$response.body#/id"),)),
        _Link("delete", "delete_export", "Delete it", (("export", "$response.body#/id"),)),
    ),
    "create_token": (_Link("revoke", "revoke_token", "Revoke it", (("token", "$response.body#/id"),)),),
}


def document(
    routes: Sequence[Route], public: Sequence[PublicRoute], *, bounds: Bounds, sources: Sequence[str]
) -> Document:
    """The OpenAPI document of a server with these routes, bounds and sources."""
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
        "paths": _public_paths(public, _guarded_paths(routes, sources)),
        "components": {
            "schemas": {**language(bounds), **bodies(), **answers()},
            "responses": {name: _refusal(row) for name, row in REFUSALS.items()},
            "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
            "securitySchemes": _SECURITY,
        },
    }


def _guarded_paths(routes: Sequence[Route], sources: Sequence[str]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in routes:
        item = paths.setdefault(route.path, _path_item(route.path))
        for method in route.methods:
            item[method.lower()] = _operation(route, method, sources)
    return paths


def _path_item(path: str) -> dict[str, Any]:
    """What all methods of a path share: its path parameters, and its aliases as servers."""
    named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    aliases = [
        alias.removesuffix(prefix)
        for alias, prefix in ALIASES
        if alias.endswith(prefix) and path.startswith(f"{prefix}/")
    ]
    item: dict[str, Any] = {}
    if aliases:
        item["servers"] = [{"url": "/"}, *({"url": url, "description": "The same"} for url in aliases)]
    if named:
        item["parameters"] = [_segment(name) for name in named]
    return item


def _segment(name: str) -> dict[str, Any]:
    help_text, example = _SEGMENTS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": help_text,
        "schema": {"type": "string", "minLength": 1},
        "examples": {"sample": {"value": example}},
    }


_SEGMENTS = {
    "pk": ("The activity's `_id`, percent-encoded", A_RECORD),
    "range": ("The range's `_id`", A_RANGE),
    "query": ("The query's id", A_QUERY),
    "export": ("The export's id", AN_EXPORT),
    "snapshot": ("The snapshot's id", A_SNAPSHOT),
    "rule": ("The rule's id", A_RULE),
    "session": ("The session's id", A_SESSION),
    "reject": ("The refused event's id", A_REJECT),
    "token": ("The token's id, or its name if only one active token has it", A_TOKEN),
}


def _operation(route: Route, method: str, sources: Sequence[str]) -> dict[str, Any]:
    name = route.handler.__name__
    operation: dict[str, Any] = {
        "operationId": _operation_id(route, method),
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "summary": route.help,
        "description": f"{_description(route.handler)} Needs {_needs(route.permission)}.",
        "security": [{"token": []}, {"bearer": []}, {"session": []}],
    }
    query = _query_parameters(route.asks, method, sources)
    if query:
        operation["parameters"] = query
    if route.asks and method == "POST":
        operation["requestBody"] = _request_body(route.asks)
    success = {**_success(route), **({"links": _links(name)} if name in _LINKS else {})}
    refusals = {str(REFUSALS[refusal].status): _response_ref(refusal) for refusal in _refusals_of(route)}
    operation["responses"] = {str(route.status): success, **refusals}
    if route.unusable is not None:
        operation["responses"][str(route.unusable)] = {**success, "description": _UNUSABLE}
    return operation


def _needs(permission: Permission) -> str:
    return f"the scope {' or '.join(permission.value)}" if permission.value else "no scope, but valid credentials"


def _description(handler: Handler | PublicHandler) -> str:
    """The handler's docstring, without references to our own specification."""
    return _WIRE_REFERENCE.sub("", getdoc(handler) or "")


def _operation_id(route: Route, method: str) -> str:
    """The handler's name, with `_by_get` for GET if the route takes two methods."""
    name = route.handler.__name__
    return f"{name}_by_get" if method == "GET" and len(route.methods) > 1 else name


def _query_parameters(asks: str | None, method: str, sources: Sequence[str]) -> list[dict[str, Any]]:
    if asks in _OPTIONAL and method == "GET":
        extra = _BESIDE_FILTERS.get(asks, ())
        return [_filters_parameter(asks), *(_text(row.name, row.help, row.text or row.schema) for row in extra)]
    if asks not in _OF_EVENTS:
        return []
    source = _text("source", "Where the events are from. Default: detected", {"enum": list(sources)})
    after = {"type": "integer", "minimum": 0, "maximum": _MOST_AFTER}
    late = [_text("after", "How many requests are answered first", after)]
    return [source, *(late if asks == "Arrivals" else [])]


_BESIDE_FILTERS: Mapping[str, Sequence[Parameter]] = {
    "Query": parameters(),
    "RangeQuery": RANGE_PARAMETERS,
    "FacetQuery": FACET_PARAMETERS,
    "SpanQuery": SPAN_PARAMETERS,
    "ChangeQuery": CHANGE_PARAMETERS,
    "TailQuery": TAIL_PARAMETERS,
}


def _filters_parameter(asks: str) -> dict[str, Any]:
    examples = _with_filters(EXAMPLES[asks])
    shown = {example.name: {"summary": example.help, "value": example.value["filters"]} for example in examples}
    filters = ref("RangeFilters" if asks == "RangeQuery" else "Filters")
    return {
        "name": "filters",
        "in": "query",
        "description": "One JSON object; null means no filters",
        "content": {_JSON: {"schema": either(filters, {"type": "null"}), "examples": shown}},
    }


def _with_filters(examples: Sequence[Example]) -> Iterator[Example]:
    return (example for example in examples if "filters" in example.value)


def _text(name: str, help_text: str, schema: Schema) -> dict[str, Any]:
    """A query string parameter. An empty one counts as missing."""
    return {"name": name, "in": "query", "description": help_text, "schema": either(schema, {"const": ""})}


def _request_body(asks: str) -> dict[str, Any]:
    examples = EXAMPLES["Events" if asks in _OF_EVENTS else asks]
    if asks in _OF_EVENTS:
        return {"required": False, "description": _EVENTS, "content": _event_content(examples)}
    content = {_JSON: {"schema": ref(asks), "examples": _shown(examples)}}
    if asks in _WITH_FORMS:
        content |= {form: _form(asks, examples) for form in _FORMS}
    return {"required": asks not in _OPTIONAL, "content": content}


_UNUSABLE = "Every event was refused, each with a reason"

_EVENTS = (
    "Events in any form that their source writes: one per line, a list, or a whole file; plain, or compressed with "
    "gzip, zstd or deflate, as `Content-Encoding` says (gzip and zstd are also detected by their first bytes). "
    "The answer lists each line that cannot be stored. "
    "With `source=arrivals`, the lines are Casbah's own transfer format"
)


def _event_content(examples: Sequence[Example]) -> dict[str, Any]:
    schemas: dict[str, Schema] = {NDJSON: {"type": "string"}, _JSON: {}}
    return {
        kind: {"schema": schema, "examples": _shown([example for example in examples if example.media_type == kind])}
        for kind, schema in schemas.items()
    }


def _form(asks: str, examples: Sequence[Example]) -> dict[str, Any]:
    form: dict[str, Any] = {"schema": ref(f"{asks}Form"), "examples": _shown(examples)}
    return {**form, "encoding": {"filters": {"contentType": _JSON}}} if asks in _OPTIONAL else form


def _shown(examples: Sequence[Example]) -> dict[str, Any]:
    return {example.name: {"summary": example.help, "value": example.value} for example in examples}


def _success(route: Route) -> dict[str, Any]:
    totals = ["Casbah-Total"] if route.answers in ("Page", "Total") else []
    return {
        "description": route.help,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy", *totals)
        },
        "content": {kind: {"schema": ref(route.answers) if route.answers else _BYTES} for kind in route.kinds},
    }


def _header_refs(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _links(handler: str) -> dict[str, Any]:
    return {
        link.name: {
            "operationId": link.operation,
            "description": link.help,
            **({"parameters": dict(link.parameters)} if link.parameters else {}),
            **({"requestBody": link.body} if link.body is not None else {}),
        }
        for link in _LINKS[handler]
    }


def _refusals_of(route: Route) -> Iterator[str]:
    """The errors that a route can return, depending on its body and path parameters."""
    if route.asks:
        yield f"Bad{_KIND_OF_BAD.get(route.asks, route.asks)}"
        yield "TooLarge"
    if route.asks in _OF_EVENTS:
        yield "UnsupportedEncoding"
    if route.takes_nothing:
        yield from ("BadParameters", "TooLarge")
    yield "Unauthenticated"
    yield "CannotGrant" if route.asks == "NewToken" else "Forbidden"
    if "{" in route.path:
        yield "NotFound"
    if route.asks == "NewToken":
        yield "NameTaken"
    if "/mimic" in route.path:
        yield "NotMimicking"
    yield from ("MethodNotAllowed", "Throttled", "Unavailable")


_KIND_OF_BAD = {
    "NewToken": "NewToken",
    "NewQuery": "NewQuery",
    "NewRange": "Range",
    "SpanQuery": "Query",
    "TailQuery": "ChangeQuery",
    "Filtered": "Filters",
    "Arrivals": "Events",
}


def _public_paths(public: Sequence[PublicRoute], paths: dict[str, Any]) -> dict[str, Any]:
    """Adds the public routes to `paths`."""
    for route in public:
        item = paths.setdefault(route.path, {})
        item |= {method.lower(): _public_operation(route) for method in route.methods}
    return paths


def _public_operation(route: PublicRoute) -> dict[str, Any]:
    kind = _JSON if route.answers else route.kind
    answer: dict[str, Any] = {"description": MEANINGS[route.answers] if route.answers else route.help}
    if route.status in _REDIRECTS:
        answer["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    else:
        answer["content"] = {kind: {"schema": ref(route.answers) if route.answers else {"type": "string"}}}
    unsure = {"503": _response_ref("Unavailable")} if route.answers in ("Ready", "Session") else {}
    body = {"requestBody": _request_body(route.asks)} if route.asks else {}
    return {
        "operationId": route.handler.__name__,
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "summary": route.help,
        "description": _description(route.handler),
        "security": [],
        **body,
        "responses": {
            str(route.status): answer,
            **{str(REFUSALS[refuse].status): _response_ref(refuse) for refuse in route.refuses},
            "405": _response_ref("MethodNotAllowed"),
            **unsure,
        },
    }


def _response_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


def _refusal(row: Refusal) -> dict[str, Any]:
    detail = {"type": "object", "properties": {"detail": dict(row.detail)}}
    quota = _header_refs(*_QUOTA) if row.status not in _BEFORE_THROTTLE else {}
    headers = {**{name: _required(text, name) for name, text in row.headers.items()}, **quota}
    return {
        "description": row.help,
        **({"headers": headers} if headers else {}),
        "content": {
            _JSON: {
                "schema": {"allOf": [ref("Problem"), detail]},
                "examples": {name: {"value": {"detail": text}} for name, text in row.examples.items()},
            }
        },
    }


def _required(text: str, name: str) -> dict[str, Any]:
    whole: Schema = {"type": "integer", "minimum": 1}
    return {"description": text, "required": True, "schema": whole if name == "Retry-After" else {"type": "string"}}
