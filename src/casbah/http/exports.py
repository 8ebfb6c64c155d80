"""Exports: all results of a query as a file, written in the background and fetched once ready."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, field
from starlette.responses import FileResponse, Response

from casbah.activity.query import parse
from casbah.errors import MalformedBodyError
from casbah.http.answers import Answer, Count, DeletedAnswer, SentFilters, WholeList
from casbah.http.context import WriterContext
from casbah.http.request_schemas import Parameter, choice
from casbah.http.search_parameters import SEARCH_PARAMETERS, filters_in
from casbah.outputs.export.columns import COLUMNS, chosen
from casbah.outputs.export.exports import STATES, Export, ExportRequest
from casbah.outputs.export.formats import COMPRESSIONS, FORMATS, compression_named, format_named

EXPORT_PARAMETERS = (
    Parameter("format", choice(*FORMATS), "; ".join(f"{row.name}: {row.help}" for row in FORMATS.values())),
    Parameter(
        "columns",
        {"type": "array", "items": {"enum": list(COLUMNS)}, "minItems": 1, "uniqueItems": True},
        "Columns, in this order. Default: the format's usual columns",
    ),
    Parameter(
        "compress", choice("none", *COMPRESSIONS), "How to compress the file, unless its format already is compressed"
    ),
    Parameter("sortField", choice("date", "created"), "When it happened (the default), or when it was stored"),
    Parameter("sortDirection", choice("desc", "asc"), "Newest first (the default), or oldest first"),
    *SEARCH_PARAMETERS,
)


class ExportAnswer(Answer):
    id: str
    state: Annotated[
        str,
        Meta(
            description="Only one that is `ready` has a file; `failed` ones say why",
            extra_json_schema={"enum": list(STATES)},
        ),
    ]
    format: Annotated[str, Meta(extra_json_schema={"enum": list(FORMATS)})]
    compress: Annotated[str | None, Meta(extra_json_schema={"enum": [None, *COMPRESSIONS]})]
    columns: Sequence[Annotated[str, Meta(extra_json_schema={"enum": list(COLUMNS)})]]
    filters: SentFilters
    sort_field: Annotated[str, Meta(extra_json_schema={"enum": ["date", "created"]})]
    sort_direction: Annotated[str, Meta(extra_json_schema={"enum": ["desc", "asc"]})]
    owner: Annotated[str, Meta(description="The name of the token that asked for it")]
    requested: Annotated[int, Meta(description="When it was asked for, ms since the epoch")] = field(name="asked")
    ended: Annotated[int | None, Meta(description="When it was ready or had failed, ms since the epoch")]
    rows: Annotated[Count, Meta(description="How many activities are written so far")]
    total: Annotated[int | None, Meta(description="How many matched when it began; null before that")]
    bytes: Annotated[Count, Meta(description="How large the file is so far")]
    sha256: Annotated[str | None, Meta(description="Of the file, in hexadecimal; null until it is ready")]
    error: Annotated[str | None, Meta(description="What went wrong")]


async def list_exports(context: WriterContext) -> WholeList[ExportAnswer]:
    exports = await context.quick(context.writer.exports.all, context.caller.principal, context.tenant_id)
    return WholeList.of(map(_export_answer, exports))


async def begin_export(context: WriterContext) -> ExportAnswer:
    body = await context.parameters()
    begun = await context.quick(
        context.writer.exports.begin,
        _export_request(body, await filters_in(body, context), context),
        context.caller.principal,
        context.tenant_id,
    )
    return _export_answer(begun)


async def show_export(context: WriterContext) -> ExportAnswer:
    return _export_answer(context.writer.exports.one(*_own_export(context)))


async def fetch_export(context: WriterContext) -> Response:
    whose = _own_export(context)
    export, file = context.writer.exports.one(*whose), context.writer.exports.file(*whose)
    digest = bytes.fromhex(export.sha256 or "")
    headers = {
        "ETag": f'"{digest.hex()}"',
        "Repr-Digest": f"sha-256=:{b64encode(digest).decode()}:",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(
        file,
        headers=headers,
        media_type=export.wanted.media_type,
        filename=f"activities-{export.id}{export.wanted.suffix}",
    )


async def delete_export(context: WriterContext) -> DeletedAnswer:
    await context.quick(context.writer.exports.remove, *_own_export(context))
    return DeletedAnswer(context.path["export"])


def _own_export(context: WriterContext) -> tuple[Any, ...]:
    return context.path["export"], context.caller.principal, context.tenant_id


def _export_request(body: dict[str, Any], filters: Any, context: WriterContext) -> ExportRequest:
    """The requested export, validated. Raises RequestError."""
    parameters: dict[str, Any] = {key: body[key] for key in ("sortField", "sortDirection") if key in body}
    parameters |= {"filters": filters, "isScan": True}
    query = parse(parameters, now=context.services.clock(), bounds=context.services.bounds, groups=True)
    form = format_named(body.get("format"))
    if form.fixed_columns and body.get("columns") not in (None, ""):
        raise MalformedBodyError(f"columns: {form.name} has its own; leave them out")
    compression = compression_named(body.get("compress"), form)
    return ExportRequest(
        filters=filters,
        sort=query.sort.name,
        direction="desc" if query.descending else "asc",
        format=form.name,
        columns=tuple(column.name for column in chosen(body.get("columns"), default=form.default_columns)),
        compress=compression.name if compression else None,
    )


def _export_answer(export: Export) -> ExportAnswer:
    wanted = export.wanted
    return ExportAnswer(
        id=export.id,
        state=export.state,
        format=wanted.format,
        compress=wanted.compress,
        columns=wanted.columns,
        filters=wanted.filters,
        sort_field=wanted.sort,
        sort_direction=wanted.direction,
        owner=export.owner,
        requested=export.requested,
        ended=export.ended,
        rows=export.rows,
        total=export.total,
        bytes=export.bytes,
        sha256=export.sha256,
        error=export.error,
    )
