"""The API docs: an OpenAPI document, and an HTML page without external resources. Both are cached."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from casbah.activity.language import FILTERS, OPERATORS, Filter
from casbah.activity.query import Bounds
from casbah.base import jsontext
from casbah.http.answers import Answer
from casbah.http.context import Services
from casbah.http.openapi import Document, document
from casbah.http.route import PublicRoute
from casbah.http.routes import PUBLIC, ROUTES

_ADDRESS = "http://127.0.0.1:8765"
_BEARER = '-H "Authorization: Token $TOKEN"'
_FIRST = "list_activities"
_IN_BACKTICKS = re.compile("`([^`]+)`")
_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class DocumentAnswer(Answer, forbid_unknown_fields=False):
    """An OpenAPI document, as `document` makes it."""

    openapi: str
    info: Mapping[str, Any]
    paths: Mapping[str, Any]
    components: Mapping[str, Any]


async def openapi_document(_: Request, services: Services) -> Annotated[Response, DocumentAnswer]:
    return Response(_text(services.bounds, tuple(services.connectors)), media_type="application/json")


async def manual_page(_: Request, services: Services) -> Response:
    return HTMLResponse(_html(services.bounds, tuple(services.connectors)), headers=_POLICY)


# fmt: off
PAGES: tuple[PublicRoute, ...] = (
    PublicRoute("openapi_document", "manual", "/openapi.json", openapi_document,
                "This API as OpenAPI",
                "The OpenAPI document."),
    PublicRoute("manual_page", "manual", "/docs", manual_page,
                "This API as a page",
                "The API docs page. It needs no scripts and no external resources."),
)
# fmt: on


@cache
def cached_document(bounds: Bounds, sources: tuple[str, ...]) -> Document:
    """The OpenAPI document of this server's routes."""
    return document(ROUTES, (*PUBLIC, *PAGES), bounds=bounds, sources=sources)


@cache
def _text(bounds: Bounds, sources: tuple[str, ...]) -> bytes:
    return jsontext.dump(cached_document(bounds, sources))


@cache
def _html(bounds: Bounds, sources: tuple[str, ...]) -> str:
    return page_of(cached_document(bounds, sources))


def page_of(api: Document) -> str:
    """The HTML page of an OpenAPI document: every operation, collapsed, then filters and operators."""
    shown = [
        _Operation(method, path, item.get("parameters", []), item[method])
        for path, item in api["paths"].items()
        for method in ("get", "post", "delete")
        if method in item
    ]
    first = next(operation for operation in shown if operation.definition["operationId"] == _FIRST)
    return _PAGE.format(
        about=_prose(api["info"]["description"]),
        first=escape(_curl(first)),
        routes="".join(_folded(api, operation) for operation in shown),
        filters="".join(map(_filter_row, FILTERS.values())),
        operators=_rows((_code(row.name), escape(row.help)) for row in OPERATORS.values()),
    )


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation of the document, with its path parameters (`segments`)."""

    method: str
    path: str
    segments: list[dict[str, Any]]
    definition: dict[str, Any]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [*self.segments, *self.definition.get("parameters", [])]

    @property
    def bodies(self) -> list[tuple[str, dict[str, Any]]]:
        """Media types of the request body and their contents. The first is shown."""
        return list(self.definition.get("requestBody", {"content": {}})["content"].items())


def _folded(api: Document, operation: _Operation) -> str:
    """One operation: parameters, a curl command, responses."""
    definition = operation.definition
    (status, success), *refusals = definition["responses"].items()
    return _OPERATION.format(
        method=operation.method.upper(),
        path=escape(operation.path),
        summary=escape(definition["summary"]),
        description=_prose(definition["description"]),
        takes=_rows((_code(name), escape(text)) for name, text in _taken(api, operation)),
        curl=escape(_curl(operation)),
        status=status,
        answer=_rows((_code(name), escape(text)) for name, text in _answered(api, success)),
        errors=_rows((f"{number} {escape(name)}", _code(text)) for number, name, text in _refused(api, refusals)),
    )


def _taken(api: Document, operation: _Operation) -> Iterator[tuple[str, str]]:
    """Path and query parameters, then those of the body."""
    yield from ((parameter["name"], parameter["description"]) for parameter in operation.parameters)
    for _, content in operation.bodies[:1]:
        schema = _resolved(api, content["schema"])
        yield from ((name, _described(api, value)) for name, value in schema.get("properties", {}).items())
        yield "body", ", ".join(kind for kind, _ in operation.bodies)


def _answered(api: Document, answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for content in answer.get("content", {}).values():
        schema = _resolved(api, content["schema"])
        yield from ((name, _described(api, value)) for name, value in schema.get("properties", {}).items())


def _refused(api: Document, answers: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, str, str]]:
    for status, answer in answers:
        resolved = _resolved(api, answer)
        for content in resolved["content"].values():
            for name, example in content.get("examples", {}).items():
                yield status, name, _resolved(api, example)["value"]["detail"]
            if "examples" not in content:
                yield status, "", resolved["description"]


def _resolved(api: Document, schema: dict[str, Any]) -> dict[str, Any]:
    """The target of a `$ref`, or the schema itself."""
    node: dict[str, Any] = schema
    if "$ref" in schema:
        node = api
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
    return node


def _described(api: Document, schema: dict[str, Any]) -> str:
    own = schema.get("description") or _resolved(api, schema).get("description") or schema.get("type", "")
    return own if isinstance(own, str) else " or ".join(own)


def _curl(operation: _Operation) -> str:
    path = operation.path
    for segment in operation.segments:
        path = path.replace(f"{{{segment['name']}}}", segment["examples"]["sample"]["value"])
    credentials = [_BEARER] if operation.definition["security"] else []
    data = list(_data(operation))
    usual = "post" if data else "get"
    verb = [] if operation.method in (usual, "get") else [f"-X {operation.method.upper()}"]
    return " ".join(["curl -s", *verb, *credentials, shlex.quote(f"{_ADDRESS}{path}"), *data])


def _data(operation: _Operation) -> Iterator[str]:
    """The data options of curl: required parameters and filters in the query string, or a body."""
    for parameter in operation.definition.get("parameters", []):
        for sample in parameter.get("examples", {}).values():
            yield f"-G --data-urlencode {shlex.quote(parameter['name'] + '=' + sample['value'])}"
        for content in parameter.get("content", {}).values():
            filters = json.dumps(_telling(content["examples"]))
            yield f"-G --data-urlencode {shlex.quote(parameter['name'] + '=' + filters)}"
    for _, content in operation.bodies[:1]:
        shown = _telling(content["examples"])
        yield f"--data-binary {shlex.quote(shown.rstrip() if isinstance(shown, str) else json.dumps(shown))}"


def _telling(examples: dict[str, Any]) -> Any:
    """The first example with filters, otherwise the first."""
    values = [example["value"] for example in examples.values()]
    return next((value for value in values if "filters" in value), values[0])


def _filter_row(row: Filter) -> str:
    operators = ", ".join(
        f"<b>{escape(name)}</b>" if name in row.documented else escape(name) for name in row.operators
    )
    return _rows([(_code(row.name), row.field.kind.value, operators, escape(row.help))])


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    """Table rows of cells that are already HTML."""
    return "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)


def _prose(text: str) -> str:
    """Paragraphs of Markdown as HTML; of its marks the texts of the document use backticks alone."""
    marked = _IN_BACKTICKS.sub(r"<code>\1</code>", escape(text))
    return "".join(f"<p>{paragraph}</p>" for paragraph in marked.split("\n\n"))


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


_OPERATION = """<details><summary><code>{method} {path}</code> {summary}</summary>{description}
<table>{takes}</table><pre>{curl}</pre><p>Answer {status}</p><table>{answer}</table><p>Errors</p><table>{errors}</table></details>
"""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Casbah: the API</title>
<meta name="viewport" content="width=device-width">
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a }}
 table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 }}
 td, th {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top }}
 code {{ font-size: 13px }} summary {{ cursor: pointer; padding: .3rem 0 }} pre {{ background: #f4f4f4; padding: .8rem; overflow: auto }}
 @media (prefers-color-scheme: dark) {{ body {{ background: #161616; color: #e6e6e6 }}
  td, th {{ border-color: #333 }} pre {{ background: #222 }} a {{ color: #8cf }} }}
</style>
<h1>Casbah</h1>
{about}<p>Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p>
<pre>{first}</pre>
<h2>Routes</h2>
{routes}
<h2>Filters</h2><p>Operators in <b>bold</b> are documented by MDCA; the others are Casbah's.</p>
<table><tr><th>Filter</th><th>Kind</th><th>Operators</th><th>What it reads</th></tr>{filters}</table>
<h2>Operators</h2><table>{operators}</table></html>"""
