"""Pushes: how the destinations of this server's pushes are doing."""

from casbah.http.answers import WholeList
from casbah.http.context import WriterContext
from casbah.outputs.push.report import Push


async def list_pushes(context: WriterContext) -> WholeList[Push]:
    return WholeList[Push].of(await context.quick(context.services.writer.pushes.of, context.tenant_id))
