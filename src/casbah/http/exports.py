"""Exports: all results of a query as a file, written in the background and fetched once ready."""

from base64 import b64encode
from typing import Any

from starlette.responses import FileResponse, Response

from casbah.activity.query import parse
from casbah.errors import MalformedBodyError
from casbah.export.columns import COLUMNS, chosen
from casbah.export.exports import Export, ExportRequest
from casbah.export.formats import COMPRESSIONS, FORMATS, compression_named, format_named
from casbah.http.body import read_parameters
from casbah.http.context import WriterContext, json_response
from casbah.http.schema import Parameter, choice

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
)


async def list_exports(context: WriterContext) -> Response:
    """The caller's exports and their state, newest first."""
    exports = await context.quick(context.writer.exports.all, context.caller.principal, context.tenant_id)
    return json_response({"data": list(map(_export_json, exports)), "hasNext": False, "total": len(exports)})


async def begin_export(context: WriterContext) -> Response:
    """Start writing all matching activities to a file. Poll the export by its id to see when it is ready."""
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    begun = await context.quick(
        context.writer.exports.begin, _export_request(body, context), context.caller.principal, context.tenant_id
    )
    return json_response(_export_json(begun), status=201)


async def show_export(context: WriterContext) -> Response:
    """The state of one of the caller's exports. A `ready` one has a file."""
    return json_response(_export_json(context.writer.exports.one(*_own_export(context))))


async def fetch_export(context: WriterContext) -> Response:
    """The file of a ready export. Send `Range` to resume an interrupted download.

    `ETag` and `Repr-Digest` (RFC 9530) hold its SHA-256.
    """
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


async def delete_export(context: WriterContext) -> Response:
    """Delete one of the caller's exports and its file. A running export is cancelled."""
    await context.quick(context.writer.exports.remove, *_own_export(context))
    return json_response({"id": context.path["export"]})


def _own_export(context: WriterContext) -> tuple[Any, ...]:
    return context.path["export"], context.caller.principal, context.tenant_id


def _export_request(body: dict[str, Any], context: WriterContext) -> ExportRequest:
    """The requested export, validated. Raises RequestError."""
    parameters: dict[str, Any] = {key: body[key] for key in ("filters", "sortField", "sortDirection") if key in body}
    query = parse({**parameters, "isScan": True}, now=context.services.clock(), bounds=context.services.bounds)
    form = format_named(body.get("format"))
    if form.fixed and body.get("columns") not in (None, ""):
        raise MalformedBodyError(f"columns: {form.name} has its own; leave them out")
    compression = compression_named(body.get("compress"), form)
    return ExportRequest(
        filters=query.filters,
        sort=query.sort.name,
        direction="desc" if query.descending else "asc",
        format=form.name,
        columns=tuple(column.name for column in chosen(body.get("columns"), usual=form.usual)),
        compress=compression.name if compression else None,
    )


def _export_json(export: Export) -> dict[str, Any]:
    wanted = export.wanted
    return {
        "id": export.id,
        "state": export.state,
        "format": wanted.format,
        "compress": wanted.compress,
        "columns": list(wanted.columns),
        "filters": wanted.filters,
        "sortField": wanted.sort,
        "sortDirection": wanted.direction,
        "owner": export.owner,
        "asked": export.requested,
        "ended": export.ended,
        "rows": export.rows,
        "total": export.total,
        "bytes": export.bytes,
        "sha256": export.sha256,
        "error": export.error,
    }
