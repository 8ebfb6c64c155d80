"""The paths of the OpenAPI document: an operation for each method of each route."""

from collections.abc import Iterator, Sequence
from typing import Any

from casbah.http.activities import PageAnswer, Total
from casbah.http.answers import answer_schemas, answer_type
from casbah.http.body_schemas import BESIDE_FILTERS, BODIES, FILTERS_OF, IN_QUERY
from casbah.http.examples import EXAMPLES, NDJSON, SEGMENTS, Example
from casbah.http.links import LINKS
from casbah.http.mimic import MAX_AFTER
from casbah.http.openapi_errors import QUOTA, error_responses, header_refs
from casbah.http.paths import ALIASES
from casbah.http.request_schemas import Parameter, Schema, either, ref
from casbah.http.route import PublicRoute, Route
from casbah.http.search_parameters import ZONES
from casbah.identity.permissions import Permission

_JSON = "application/json"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_OF_EVENTS = ("Events", "Arrivals")
_OPTIONAL = (*BESIDE_FILTERS, "ApplyQuery")
_BYTES: Schema = {"type": "string", "format": "binary"}
_REDIRECTS = (302, 303)


def guarded_paths(routes: Sequence[Route], sources: Sequence[str]) -> dict[str, Any]:
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
    if body_schema is not None and body_schema in BESIDE_FILTERS and method == "GET":
        extra = BESIDE_FILTERS[body_schema]
        return [_filters_parameter(body_schema), *(_text(row.name, row.help, row.text or row.schema) for row in extra)]
    if body_schema not in _OF_EVENTS:
        return [_alone(row) for row in IN_QUERY.get(body_schema or "", ())]
    source = _text("source", "Where the events are from. Default: detected", {"enum": list(sources)})
    if body_schema == "Arrivals":
        after = {"type": "integer", "minimum": 0, "maximum": MAX_AFTER}
        return [source, _text("after", "How many requests are answered first", after)]
    zone = "The zone of times in CSV exports that have none, such as Europe/Berlin. Default: their rows are refused"
    return [source, _text("zone", zone, ZONES)]


def _filters_parameter(body_schema: str) -> dict[str, Any]:
    examples = _with_filters(EXAMPLES[body_schema])
    shown = {example.name: {"summary": example.help, "value": example.value["filters"]} for example in examples}
    filters = ref(FILTERS_OF.get(body_schema, "Filters"))
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
    return {**form, "encoding": {"filters": {"contentType": _JSON}}} if body_schema in BESIDE_FILTERS else form


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


def public_paths(public: Sequence[PublicRoute], paths: dict[str, Any]) -> dict[str, Any]:
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
