"""Snapshots of the whole store for `casbah backup`. Only the owner of the data directory creates and removes them."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from casbah.errors import PermissionDeniedError
from casbah.http.answers import Answer, DeletedAnswer, Moment, answer_from
from casbah.http.context import WriterContext


class SnapshotAnswer(Answer):
    id: str
    created: Moment
    totals: Annotated[Mapping[str, int], Meta(description="How many activities each tenant has in it")]


async def make_snapshot(context: WriterContext) -> SnapshotAnswer:
    _require_owner(context)
    snapshot = await context.ingest(context.writer.snapshots.make)
    return answer_from(SnapshotAnswer, snapshot)


async def remove_snapshot(context: WriterContext) -> DeletedAnswer:
    _require_owner(context)
    await context.quick(context.writer.snapshots.remove, context.path["snapshot"])
    return DeletedAnswer(context.path["snapshot"])


def _require_owner(context: WriterContext) -> None:
    if not context.caller.owner:
        raise PermissionDeniedError
