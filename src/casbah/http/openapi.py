"""The OpenAPI 3.1 document, built from the tables of routes, filters, operators, errors and examples.

Source: the OpenAPI Specification 3.1.0 (spec.openapis.org/oas/v3.1.0), whose schemas are JSON Schema 2020-12.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import casbah
from casbah.activity.query import Bounds
from casbah.http import (
    activities,
    alerts,
    enrichment,
    entity_filters,
    histogram,
    mimic,
    names,
    queries,
    ranges,
    rejects,
    retention,
    session,
    tokens,
    user_tags,
)
from casbah.http.activities import Activity, PageAnswer, Total
from casbah.http.activity_types import ACTIVITY_TYPE_PARAMETERS
from casbah.http.answers import answer_schemas, answer_type
from casbah.http.changes import CHANGE_PARAMETERS, TAIL_PARAMETERS
from casbah.http.completion import COMPLETION_PARAMETERS
from casbah.http.entity_filters import ENTITY_PARAMETERS
from casbah.http.error_responses import QUOTA, error_responses, header_refs, shared_examples, shared_responses
from casbah.http.examples import EXAMPLES, NDJSON, SEGMENTS, Example
from casbah.http.exports import EXPORT_PARAMETERS
from casbah.http.facets import FACET_PARAMETERS
from casbah.http.groups import GROUP_PARAMETERS
from casbah.http.histogram import SPAN_PARAMETERS
from casbah.http.links import LINKS
from casbah.http.locations import LOCATION_PARAMETERS
from casbah.http.mimic import MAX_AFTER
from casbah.http.problems import Problem
from casbah.http.range_filters import RANGE_PARAMETERS
from casbah.http.request_schemas import (
    PAGE_PARAMETERS,
    Parameter,
    Schema,
    either,
    language,
    parameters,
    query_body,
    ref,
)
from casbah.http.route import PublicRoute, Route
from casbah.http.routes import ALIASES
from casbah.http.search_parameters import SEARCH_PARAMETERS, ZONES
from casbah.http.sentences import SENTENCE_PARAMETERS
from casbah.http.session import COOKIE, HOST_PREFIX
from casbah.http.user_tags import USER_TAG_PARAMETERS
from casbah.identity.grants import Permission

Document = dict[str, Any]

_JSON = "application/json"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_OF_EVENTS = ("Events", "Arrivals")
_OPTIONAL = (
    "Query",
    "Filtered",
    "AlertQuery",
    "FilteredAlerts",
    "EntityQuery",
    "UserTagQuery",
    "RangeQuery",
    "FacetQuery",
    "SpanQuery",
    "GroupQuery",
    "NewExport",
    "SearchQuery",
    "SentenceQuery",
    "ExplainQuery",
    "CompletionQuery",
    "ApplyQuery",
    "ChangeQuery",
    "TailQuery",
)
_BYTES: Schema = {"type": "string", "format": "binary"}
_REDIRECTS = (302, 303)

_QUERIES: Mapping[str, Sequence[Parameter]] = {
    "Query": parameters(),
    "Filtered": (),
    "FacetQuery": FACET_PARAMETERS,
    "SpanQuery": SPAN_PARAMETERS,
    "GroupQuery": GROUP_PARAMETERS,
    "ChangeQuery": CHANGE_PARAMETERS,
    "NewExport": EXPORT_PARAMETERS,
    "SearchQuery": (*parameters(), *SEARCH_PARAMETERS),
    "SentenceQuery": SENTENCE_PARAMETERS,
    "ExplainQuery": SEARCH_PARAMETERS,
    "CompletionQuery": COMPLETION_PARAMETERS,
}
"""Bodies with filters of activities, and their other parameters. The schemas of other bodies are next to their handlers."""

_OF_MDCA = ("Query", "Filtered")
"""Bodies of MDCA's own routes, whose filters have no groups."""

_FILTERS_OF: Mapping[str, str] = {
    "RangeQuery": "RangeFilters",
    "AlertQuery": "AnyFilters",
    "FilteredAlerts": "AnyFilters",
    "EntityQuery": "EntityFilters",
    "UserTagQuery": "NoFilters",
    **dict.fromkeys((*(name for name in _QUERIES if name not in _OF_MDCA), "TailQuery"), "GroupedFilters"),
}
"""The schema of the filters of a body, unless it is `Filters`."""

BODIES: Mapping[str, Schema] = {
    **{name: query_body(rows, filters=_FILTERS_OF.get(name, "Filters")) for name, rows in _QUERIES.items()},
    # In forms every value is text, and there is no null.
    **{f"{name}Form": query_body(_QUERIES[name], blank={"const": ""}) for name in _OF_MDCA},
    **activities.BODIES,
    **alerts.BODIES,
    **enrichment.BODIES,
    **entity_filters.BODIES,
    **histogram.BODIES,
    **mimic.BODIES,
    **names.BODIES,
    **queries.BODIES,
    **ranges.BODIES,
    **rejects.BODIES,
    **retention.BODIES,
    **session.BODIES,
    **tokens.BODIES,
    **user_tags.BODIES,
}

_TAGS = {
    "activities": "MDCA's Activities API, plus feedback on activities",
    "alerts": "MDCA's alerts API: empty",
    "entities": "MDCA's entities API: accounts that performed activities, their groups and countries",
    "activity types": "Operations that the filter `actionType` takes",
    "changes": "The change feed: activities in the order of storing",
    "choices": "Names of filter values",
    "sources": "Where activities come from",
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
        "paths": _public_paths(public, _guarded_paths(routes, sources)),
        "components": {
            "schemas": {**language(bounds), **BODIES, **answers},
            "responses": shared_responses(),
            "examples": shared_examples(),
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
    help_text, example = SEGMENTS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": help_text,
        "schema": {"type": "string", "minLength": 1},
        "examples": {"sample": {"value": example}},
    }


def _operation(route: Route, method: str, sources: Sequence[str]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route, method),
        "tags": [route.tag],
        "summary": route.summary,
        "description": f"{route.description} Needs {_needs(route.permission)}.",
        "security": [{"token": []}, {"bearer": []}, {"session": []}],
    }
    query = _query_parameters(route.body_schema, method, sources)
    if query:
        operation["parameters"] = query
    if route.body_schema and method == "POST":
        operation["requestBody"] = _request_body(route.body_schema)
    links = {link.name: link.definition for link in LINKS.get(route.operation, ())}
    success = {**_success(route), **({"links": links} if links else {})}
    operation["responses"] = {str(route.status): success, **error_responses(route.errors)}
    if route.status_if_all_refused is not None:
        operation["responses"][str(route.status_if_all_refused)] = {**success, "description": _ALL_REFUSED}
    return operation


def _needs(permission: Permission) -> str:
    return f"the scope {' or '.join(permission.value)}" if permission.value else "no scope, but valid credentials"


def _operation_id(route: Route, method: str) -> str:
    """The route's operation, with `_by_get` for GET if the route takes two methods."""
    return f"{route.operation}_by_get" if method == "GET" and len(route.methods) > 1 else route.operation


def _query_parameters(body_schema: str | None, method: str, sources: Sequence[str]) -> list[dict[str, Any]]:
    if body_schema in _OPTIONAL and method == "GET":
        extra = _BESIDE_FILTERS.get(body_schema, ())
        return [_filters_parameter(body_schema), *(_text(row.name, row.help, row.text or row.schema) for row in extra)]
    if body_schema not in _OF_EVENTS:
        return [_alone(row) for row in _IN_QUERY.get(body_schema or "", ())]
    source = _text("source", "Where the events are from. Default: detected", {"enum": list(sources)})
    if body_schema == "Arrivals":
        after = {"type": "integer", "minimum": 0, "maximum": MAX_AFTER}
        return [source, _text("after", "How many requests are answered first", after)]
    zone = "The zone of times in CSV exports that have none, such as Europe/Berlin. Default: their rows are refused"
    return [source, _text("zone", zone, ZONES)]


_IN_QUERY: Mapping[str, Sequence[Parameter]] = {
    "ActivityTypeQuery": ACTIVITY_TYPE_PARAMETERS,
    "LocationQuery": LOCATION_PARAMETERS,
}
"""Parameters of a query string alone."""

_BESIDE_FILTERS: Mapping[str, Sequence[Parameter]] = {
    **_QUERIES,
    "AlertQuery": PAGE_PARAMETERS,
    "EntityQuery": ENTITY_PARAMETERS,
    "UserTagQuery": USER_TAG_PARAMETERS,
    "RangeQuery": RANGE_PARAMETERS,
    "TailQuery": TAIL_PARAMETERS,
}


def _filters_parameter(body_schema: str) -> dict[str, Any]:
    examples = _with_filters(EXAMPLES[body_schema])
    shown = {example.name: {"summary": example.help, "value": example.value["filters"]} for example in examples}
    filters = ref(_FILTERS_OF.get(body_schema, "Filters"))
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


def _alone(row: Parameter) -> dict[str, Any]:
    """A query string parameter of an operation without filters. Only those with an example are required."""
    if row.example is None:
        return _text(row.name, row.help, row.schema)
    sample = {"sample": {"value": row.example}}
    parameter = {"name": row.name, "in": "query", "description": row.help, "schema": row.schema}
    return {**parameter, "required": True, "examples": sample}


def _request_body(body_schema: str) -> dict[str, Any]:
    examples = EXAMPLES["Events" if body_schema in _OF_EVENTS else body_schema]
    if body_schema in _OF_EVENTS:
        return {"required": False, "description": _EVENTS, "content": _event_content(examples)}
    content = {_JSON: {"schema": ref(body_schema), "examples": _shown(examples)}}
    if f"{body_schema}Form" in BODIES:
        content |= {form: _form(body_schema, examples) for form in _FORMS}
    return {"required": body_schema not in _OPTIONAL, "content": content}


_ALL_REFUSED = "Every event was refused, each with a reason"

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


def _form(body_schema: str, examples: Sequence[Example]) -> dict[str, Any]:
    form: dict[str, Any] = {"schema": ref(f"{body_schema}Form"), "examples": _shown(examples)}
    return {**form, "encoding": {"filters": {"contentType": _JSON}}} if body_schema in _OPTIONAL else form


def _shown(examples: Sequence[Example]) -> dict[str, Any]:
    return {example.name: {"summary": example.help, "value": example.value} for example in examples}


def _success(route: Route) -> dict[str, Any]:
    totals = ["Casbah-Total"] if answer_type(route.handler) in (PageAnswer, Total) else []
    return {
        "description": route.summary,
        "headers": header_refs(*QUOTA, *totals),
        "content": {media_type: {"schema": _answer_schema(route) or _BYTES} for media_type in route.media_types},
    }


def _answer_schema(route: Route | PublicRoute) -> Schema | None:
    kind = answer_type(route.handler)
    return None if kind is None else answer_schemas([kind])[0][0]


def _public_paths(public: Sequence[PublicRoute], paths: dict[str, Any]) -> dict[str, Any]:
    """Adds the public routes to `paths`."""
    for route in public:
        item = paths.setdefault(route.path, {})
        item |= {method.lower(): _public_operation(route) for method in route.methods}
    return paths


def _public_operation(route: PublicRoute) -> dict[str, Any]:
    schema = _answer_schema(route)
    answer: dict[str, Any] = {"description": route.summary}
    if route.status in _REDIRECTS:
        answer["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    else:
        answer["content"] = (
            {_JSON: {"schema": schema}} if schema else {route.media_type: {"schema": {"type": "string"}}}
        )
    body = {"requestBody": _request_body(route.body_schema)} if route.body_schema else {}
    return {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "security": [],
        **body,
        "responses": {str(route.status): answer, **error_responses(route.errors)},
    }
