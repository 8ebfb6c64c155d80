"""The API as OpenAPI 3.1 and as a page that needs nothing from the internet; both follow from the tables."""

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import casbah
from casbah.activity.language import FILTERS, OPERATORS, Filter
from casbah.activity.query import PAGE_LIMIT, SCAN_LIMIT_LEAST, SCAN_LIMIT_MOST
from casbah.http.exchange import Services, json_response
from casbah.http.routes import PUBLIC, ROUTES

_PROBLEMS = {
    "400": "The request cannot be read; detail says what and where",
    "401": "No credentials, or no good ones",
    "403": "The token lacks the scope",
    "404": "No such activity",
    "413": "The body is too large",
    "429": "Too many requests; see Retry-After",
    "503": "The store cannot answer now; see Retry-After",
}


async def specification(_: Request, __: Services) -> Response:
    """The OpenAPI document."""
    return json_response(openapi())


async def page(_: Request, __: Services) -> Response:
    """The same for people."""
    return HTMLResponse(
        _html(openapi()), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )


async def front(_: Request, __: Services) -> Response:
    """Where to begin."""
    return RedirectResponse("/docs", status_code=302)


def openapi() -> dict[str, Any]:
    """The OpenAPI document, from the route table and the filter table."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        for method in route.methods:
            paths.setdefault(route.path, {})[method.lower()] = _operation(route.path, method, route.help, guarded=True)
    for public in PUBLIC:
        paths[public.path] = {"get": _operation(public.path, "GET", public.help, guarded=False)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Casbah", "version": casbah.__version__, "description": casbah.__doc__},
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _SECURITY},
    }


_SECURITY = {
    "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token <key>"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def _operation(path: str, method: str, help_text: str, *, guarded: bool) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    operation: dict[str, Any] = {
        "summary": help_text,
        "operationId": f"{method.lower()}_{path.strip('/').replace('/', '_').replace('{', '').replace('}', '')}",
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": _answer(path)}}}},
    }
    if guarded:
        operation["security"] = [{"token": []}, {"bearer": []}]
        operation["responses"] |= {status: _problem(text) for status, text in _PROBLEMS.items()}
    if method == "POST":
        operation["requestBody"] = {"content": {"application/json": {"schema": _asked(path)}}}
    return operation


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _answer(path: str) -> dict[str, Any]:
    if path.endswith(("/activities", "/feedback")):
        return {"$ref": "#/components/schemas/Page"}
    return {"type": "object"}


def _asked(path: str) -> dict[str, Any]:
    name = "Feedback" if path.endswith("/feedback") else "Query" if path.startswith("/api/v1") else None
    return {"$ref": f"#/components/schemas/{name}"} if name else {"type": "object"}


def _schemas() -> dict[str, Any]:
    return {
        "Problem": {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}},
        "Activity": {"type": "object", "description": "One activity record, byte for byte as it was accepted"},
        "Page": {
            "type": "object",
            "required": ["data", "hasNext", "total"],
            "properties": {
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Activity"}},
                "hasNext": {"type": "boolean"},
                "total": {"type": "integer", "description": "Exact"},
                "nextQueryFilters": {"type": "object", "description": "In a scan: send it back as filters"},
            },
        },
        "Feedback": {
            "type": "object",
            "properties": {
                **{name: {"type": "string"} for name in ("feedback", "feedbackValue", "feedbackText", "contactEmail")},
                "allowContact": {"type": "boolean"},
            },
        },
        "Query": _query_schema(),
    }


def _query_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "filters": {
                "type": ["object", "null"],
                "properties": {name: _filter_schema(row) for name, row in FILTERS.items()},
                "description": "Filters are ANDed, operators of one filter too; values of one operator are ORed",
            },
            "skip": {"type": "integer", "minimum": 0},
            "limit": {
                "type": "integer",
                "minimum": 0,
                "description": f"At most {PAGE_LIMIT}; in a scan {SCAN_LIMIT_LEAST} to {SCAN_LIMIT_MOST}. Others are clamped",
            },
            "sortField": {"enum": ["date", "created"]},
            "sortDirection": {"enum": ["desc", "asc"]},
            "isScan": {"type": "boolean"},
        },
    }


def _filter_schema(row: Filter) -> dict[str, Any]:
    return {
        "type": "object",
        "description": row.help,
        "properties": {name: {"description": OPERATORS[name].help} for name in row.operators},
    }


def _html(spec: dict[str, Any]) -> str:
    routes = "".join(
        f"<tr><td><code>{escape(method.upper())}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation['summary'])}</td></tr>"
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
    )
    filters = "".join(_filter_row(row) for row in FILTERS.values())
    operators = "".join(
        f"<tr><td><code>{escape(row.name)}</code></td><td>{escape(row.help)}</td></tr>" for row in OPERATORS.values()
    )
    return _PAGE.format(routes=routes, filters=filters, operators=operators)


def _filter_row(row: Filter) -> str:
    operators = ", ".join(
        f"<b>{escape(name)}</b>" if name in row.documented else escape(name) for name in row.operators
    )
    return (
        f"<tr><td><code>{escape(row.name)}</code></td><td>{row.field.kind.value}</td>"
        f"<td>{operators}</td><td>{escape(row.help)}</td></tr>"
    )


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Casbah: the API</title>
<meta name="viewport" content="width=device-width">
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a }}
 table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 }}
 td, th {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top }}
 code {{ font-size: 13px }} pre {{ background: #f4f4f4; padding: .8rem; overflow: auto }}
 @media (prefers-color-scheme: dark) {{ body {{ background: #161616; color: #e6e6e6 }}
  td, th {{ border-color: #333 }} pre {{ background: #222 }} a {{ color: #8cf }} }}
</style>
<h1>Casbah</h1>
<p>The activity log for cloud apps. It answers the Activities API of Microsoft Defender for Cloud Apps;
what that does not have is under <code>/api/ext/v1</code>. Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p>
<pre>curl -s -H "Authorization: Token $TOKEN" localhost:8765/api/v1/activities/ \\
  -d '{{"filters": {{"user.domain": {{"eq": ["contoso.com"]}}}}, "limit": 10}}'</pre>
<h2>Routes</h2><table>{routes}</table>
<h2>Filters</h2><p>Operators in <b>bold</b> are documented by MDCA; the others are Casbah's.</p>
<table><tr><th>Filter</th><th>Kind</th><th>Operators</th><th>What it reads</th></tr>{filters}</table>
<h2>Operators</h2><table>{operators}</table></html>"""
