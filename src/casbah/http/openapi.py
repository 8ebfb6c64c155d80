"""The OpenAPI 3.1 document, from the tables: routes, filters and operators, errors, examples.

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
_SPECIFIED = re.compile(r" \(`wire\.md`[^)]*\)")

_TAGS = {
    "activities": "MDCA's Activities API, and what it has no route for: the feedback on an activity",
    "changes": "What was stored, in the order of storing",
    "choices": "What values are called",
    "sources": "Where activities come from",
    "queries": "Filters that people keep",
    "exports": "Everything that a query finds, as a file",
    "retention": "What is deleted, and what must not be",
    "snapshots": "What backups are made of; for whoever owns the data directory",
    "session": "Signing in to the pages, which a browser does",
    "sessions": "Who is signed in to the pages; for callers with Tokens.manage",
    "facets": "Which values are frequent",
    "histogram": "How activities lie in time",
    "ranges": "MDCA's data enrichment API: IP ranges, and what is said of their addresses",
    "ingest": "Activities in",
    "enrichment": "What is known of activities beside what their sources said",
    "tokens": "Who may come in; for callers with Tokens.manage",
    "mimic": "Being as narrow as another server, for those who test clients of it; for administrators",
    "health": "For supervisors; without credentials",
    "manual": "This document; without credentials",
}
_SECURITY = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token <key>`, with a key that an administrator made",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "What a browser has after signing in; it counts for requests of this server's own pages alone. "
        f"Over TLS its name is `{HOST_PREFIX}{COOKIE}`",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A JSON Web Token of the issuer that the server trusts, if it trusts one; or a key",
    },
}
_QUOTA = ("RateLimit", "RateLimit-Policy")
_BEFORE_THROTTLE = (401, 405)
_HEADERS = {
    "RateLimit": '`"tenant";r=<requests left>;t=<seconds>`, where the server has a rate '
    "(draft-ietf-httpapi-ratelimit-headers)",
    "RateLimit-Policy": '`"tenant";q=<requests>;w=<seconds>`, where the server has a rate',
    "Casbah-Total": "`approximate`, where the server is told not to say the exact total",
}
_WHAT = """{about}

Every path answers with and without a slash at its end. Paths under `/api/v1` are MDCA's and answer under `/cas/api/v1`, too;
what MDCA does not have is under `/api/ext/v1`. `/api/subnet` is the same as `/api/v1/subnet`, and
`/api/v1/archived_activities` as `/api/v1/activities`. Errors are `{{"detail": "..."}}`; a method that a path does not take is
answered with 405 and `Allow`, a path that is not there with 404, and both with 401 where the credentials are missing or bad.
Where GET answers, HEAD does, without a body.

Parameters of the Activities API may stand in the query string, in a JSON body or in a form; the body's count. A GET may
carry a JSON body, too, which few tools can say. A body that begins with `{{` is read as JSON, whatever its label says.
Parameters that are not named here are ignored, except by requests that cannot be undone (deleting, retention rules, legal
holds, tokens): these refuse unknown and repeated parameters, flags that are no booleans, empty filters and empty conditions.
`filters` may be JSON inside a JSON string."""


@dataclass(frozen=True, slots=True)
class _Link:
    """What may be asked next, by an answer: the parameters or the body of `operation` as runtime expressions."""

    name: str
    operation: str
    help: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: Any = None


_FIRST, _SAME = "$response.body#/data/0/_id", "$request.path.pk"
_LINKS: dict[str, tuple[_Link, ...]] = {
    "list_activities": (
        _Link("first", "fetch_activity", "The first of the page, alone", (("pk", _FIRST),)),
        _Link("feedback", "give_feedback", "On the first of the page", (("pk", _FIRST),), {"feedback": "Seen."}),
        _Link(
            "next",
            "list_activities",
            "In a scan: the next page",
            body={"isScan": True, "filters": "$response.body#/nextQueryFilters"},
        ),
    ),
    "fetch_activity": (
        _Link("feedback", "give_feedback", "On it", (("pk", _SAME),), {"feedback": "Seen."}),
        _Link("given", "list_feedback", "The feedback on it", (("pk", _SAME),)),
    ),
    "give_feedback": (_Link("given", "list_feedback", "All of it", (("pk", _SAME),)),),
    "create_range": (_Link("delete", "delete_range", "Delete it", (("range", "$response.body"),)),),
    "begin_export": (
        _Link("look", "show_export", "Look how far it is", (("export", "$response.body#/id"),)),
        _Link("delete", "delete_export", "Delete it", (("export", "$response.body#/id"),)),
    ),
    "create_token": (_Link("revoke", "revoke_token", "Revoke it", (("token", "$response.body#/id"),)),),
}


def document(
    routes: Sequence[Route], public: Sequence[PublicRoute], *, bounds: Bounds, sources: Sequence[str]
) -> Document:
    """The document of a server with these routes, which sets these bounds and reads these sources."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Casbah",
            "version": casbah.__version__,
            "summary": "The open, self-hosted activity log for cloud apps",
            "description": _WHAT.format(about=casbah.__doc__),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Wherever this document is from"}],
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
    """What all methods of a path have in common: its named segments, and its aliases as servers of their own."""
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
    "token": ("The token's id, or its name where only one in use has it", A_TOKEN),
}


def _operation(route: Route, method: str, sources: Sequence[str]) -> dict[str, Any]:
    name = route.handler.__name__
    operation: dict[str, Any] = {
        "operationId": _operation_id(route, method),
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "summary": route.help,
        "description": f"{_what(route.handler)} Needs {_needs(route.permission)}.",
        "security": [{"token": []}, {"bearer": []}, {"session": []}],
    }
    asked = _query_parameters(route.asks, method, sources)
    if asked:
        operation["parameters"] = asked
    if route.asks and method == "POST":
        operation["requestBody"] = _request_body(route.asks)
    success = {**_success(route), **({"links": _links(name)} if name in _LINKS else {})}
    refusals = {str(REFUSALS[each].status): _response_ref(each) for each in _refusals_of(route)}
    operation["responses"] = {str(route.status): success, **refusals}
    if route.unusable is not None:
        operation["responses"][str(route.unusable)] = {**success, "description": _UNUSABLE}
    return operation


def _needs(permission: Permission) -> str:
    return f"the scope {' or '.join(permission.value)}" if permission.value else "no scope but good credentials"


def _what(handler: Handler | PublicHandler) -> str:
    """What the handler says of itself; where in the specification that stands is for us."""
    return _SPECIFIED.sub("", getdoc(handler) or "")


def _operation_id(route: Route, method: str) -> str:
    """The handler's name; where a route takes two methods, GET, whose filters are text, says so."""
    name = route.handler.__name__
    return f"{name}_by_get" if method == "GET" and len(route.methods) > 1 else name


def _query_parameters(asks: str | None, method: str, sources: Sequence[str]) -> list[dict[str, Any]]:
    if asks in _OPTIONAL and method == "GET":
        prepare_pool = _BESIDE.get(asks, ())
        return [_filters_parameter(asks), *(_text(row.name, row.help, row.text or row.schema) for row in prepare_pool)]
    if asks not in _OF_EVENTS:
        return []
    source = _text("source", "Where the events are from; found by itself if left out", {"enum": list(sources)})
    after = {"type": "integer", "minimum": 0, "maximum": _MOST_AFTER}
    late = [_text("after", "How many requests are answered before", after)]
    return [source, *(late if asks == "Arrivals" else [])]


_BESIDE: Mapping[str, Sequence[Parameter]] = {
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
        "description": "One JSON object; null is as good as none",
        "content": {_JSON: {"schema": either(filters, {"type": "null"}), "examples": shown}},
    }


def _with_filters(examples: Sequence[Example]) -> Iterator[Example]:
    return (example for example in examples if "filters" in example.value)


def _text(name: str, help_text: str, schema: Schema) -> dict[str, Any]:
    """A parameter of the query string; an empty one is as good as none."""
    return {"name": name, "in": "query", "description": help_text, "schema": either(schema, {"const": ""})}


def _request_body(asks: str) -> dict[str, Any]:
    examples = EXAMPLES["Events" if asks in _OF_EVENTS else asks]
    if asks in _OF_EVENTS:
        return {"required": False, "description": _EVENTS, "content": _event_content(examples)}
    content = {_JSON: {"schema": ref(asks), "examples": _shown(examples)}}
    if asks in _WITH_FORMS:
        content |= {form: _form(asks, examples) for form in _FORMS}
    return {"required": asks not in _OPTIONAL, "content": content}


_UNUSABLE = "None of the events was stored or is stored already; each is refused with a reason"

_EVENTS = (
    "Events in any form that their source writes them: one a line, a list, or a file of it whole; plain, or compressed with "
    "gzip, zstd or deflate, as `Content-Encoding` says (gzip and zstd are also known by their first bytes). "
    "Whatever cannot be stored is refused line by line in the answer. "
    "With `source=arrivals` the lines are those by which one Casbah hands activities to another"
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
    """The errors that a route can answer with, by what it asks and what its path names."""
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
    """Those of `paths`, and the public ones."""
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
    asked = {"requestBody": _request_body(route.asks)} if route.asks else {}
    return {
        "operationId": route.handler.__name__,
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "summary": route.help,
        "description": _what(route.handler),
        "security": [],
        **asked,
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
