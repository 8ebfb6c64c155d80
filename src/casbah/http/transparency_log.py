"""The transparency log of the caller's tenant, as static files are served (c2sp.org/tlog-tiles), and proofs from it."""

import asyncio
import re
from concurrent.futures import Future
from dataclasses import replace
from typing import Annotated

from msgspec import Meta
from starlette.responses import Response

from casbah.errors import ActivityNotFoundError, NoLogError, NoSuchExportError, RouteNotFoundError
from casbah.evidence.merkle import WIDTH, tile_path
from casbah.evidence.tenant_log import TenantLog
from casbah.http.answers import Answer
from casbah.http.audit import act_of
from casbah.http.context import WriterContext
from casbah.ingest.reserved import ID_PREFIX

TEXT, BYTES = "text/plain", "application/octet-stream"
_TILE = re.compile(r"(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,4})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_BRIEFLY = {"Cache-Control": "no-store"}


class ExportProofAnswer(Answer):
    record: Annotated[
        str, Meta(description="The record of an act, with the SHA-256 of the file, byte for byte as stored")
    ]
    proof: Annotated[str, Meta(description="The proof of that record (c2sp.org/tlog-proof)")]


async def show_checkpoint(context: WriterContext) -> Response:
    text = await context.quick(lambda: _log(context).checkpoint)
    return Response(text, media_type=TEXT, headers=_BRIEFLY)


async def show_tile(context: WriterContext) -> Response:
    level, number, width = _tile(context.path["tile"])

    def read() -> bytes:
        log = _log(context)
        return log.bundle(number, width) if level is None else log.tile(level, number, width)

    return Response(await context.quick(read), media_type=BYTES, headers=_FOREVER)


async def show_log_keys(context: WriterContext) -> Response:
    keys = await context.quick(lambda: _log(context).verifier_keys)
    return Response("".join(f"{key}\n" for key in keys), media_type=TEXT, headers=_BRIEFLY)


async def prove(context: WriterContext) -> Response:
    return Response(await _proof(context, context.path["pk"]), media_type=TEXT, headers=_BRIEFLY)


async def prove_export(context: WriterContext) -> ExportProofAnswer:
    """The digest goes into the log as an act of the trail, whatever the trail's level: then it is signed like any record."""
    export = context.writer.exports.one(context.path["export"], context.caller.principal, context.tenant_id)
    if export.sha256 is None:
        raise NoSuchExportError
    act = act_of(context.request, context.services, context.caller, name="prove_export", about=context.path)

    def add() -> bytes:
        log = _log(context)
        log.advance()
        result = {"sha256": export.sha256, "bytes": export.bytes, "rows": export.rows, "origin": log.origin}
        proven = replace(act, result={**result, "first": 0, "end": log.size})
        context.services.trail.record(proven, context.tenant_id, done=False)
        record = context.tenant.fetch(activity_id)
        if record is None:
            raise ActivityNotFoundError
        return record

    activity_id = f"{ID_PREFIX}{act.id}"
    context.request.state.recorded = True
    record = await context.quick(add)
    return ExportProofAnswer(record.decode(), await _proof(context, activity_id))


async def _proof(context: WriterContext, activity_id: str) -> str:
    """The proof of an activity. If no witness has cosigned its entry yet, they are asked first; no thread waits for them."""

    def read() -> tuple[str, Future[None] | None]:
        log = _log(context)
        proof = log.proof(activity_id)
        logs = context.writer.logs
        return proof, None if logs is None else logs.ask_about(log, proof)

    proof, answers = await context.quick(read)
    if answers is None:
        return proof
    await asyncio.shield(asyncio.wrap_future(answers))
    return await context.quick(lambda: _log(context).proof(activity_id))


def _log(context: WriterContext) -> TenantLog:
    """The log of the caller's tenant. Raises NoLogError if none is kept. Call it in a thread."""
    logs = context.writer.logs
    if logs is None:
        raise NoLogError
    context.caller.require(context.services.log_permission)
    return logs.of(context.tenant_id.name)


def _tile(path: str) -> tuple[int | None, int, int]:
    """The level (None: a bundle), number and width of a tile. Raises RouteNotFoundError."""
    match = _TILE.fullmatch(path)
    if match is None:
        raise RouteNotFoundError
    level, thousands, rest, partial = match.groups()
    number = int(re.sub("[x/]", "", thousands) + rest)
    width = int(partial) if partial else WIDTH
    if match[0] != tile_path(level, number, width):
        raise RouteNotFoundError
    return (None if level == "entries" else int(level)), number, width
