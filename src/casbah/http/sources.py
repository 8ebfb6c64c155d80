"""Sources: the log formats that ingest reads, and the state of pulls."""

from typing import Any

from starlette.responses import Response

from casbah.http.context import WriterContext, json_response
from casbah.ingest.apps import APPS
from casbah.ingest.contract import Connector
from casbah.pull.config import read
from casbah.pull.report import report


async def list_sources(context: WriterContext) -> Response:
    """Every source that ingest reads, and the caller's tenant's pulls with their progress and errors."""
    data = [_shown(connector) for connector in context.services.connectors.values()]
    pulls = await context.quick(_pulls, context)
    return json_response({"data": data, "pulls": pulls, "hasNext": False, "total": len(data)})


def _pulls(context: WriterContext) -> list[dict[str, Any]]:
    settings = context.services.settings
    entries = read(settings.pull) if settings.pull else {}
    own = {name: entry for name, entry in entries.items() if entry.into == context.tenant_id.name}
    return report(own, folder=settings.store, now=context.services.clock()) if own else []


def _shown(source: Connector) -> dict[str, Any]:
    apps = [{"id": app, "name": APPS.get(app, str(app))} for app in source.apps]
    return {"name": source.name, "title": source.title, "apps": apps}
