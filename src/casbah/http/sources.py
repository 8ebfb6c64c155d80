"""Sources: which logs are read, and how those that this server fetches by itself are doing."""

from typing import Any

from starlette.responses import Response

from casbah.http.context import RequestContext, json_response
from casbah.ingest.apps import APPS
from casbah.ingest.contract import Connector
from casbah.pull.config import read
from casbah.pull.report import report


async def list_sources(context: RequestContext) -> Response:
    """Every source that ingest reads, and the pulls into the caller's tenant: how far each has got, and what is wrong."""
    data = [_shown(connector) for connector in context.services.connectors.values()]
    pulls = await context.quick(_pulls, context)
    return json_response({"data": data, "pulls": pulls, "hasNext": False, "total": len(data)})


def _pulls(context: RequestContext) -> list[dict[str, Any]]:
    settings = context.services.settings
    entries = read(settings.pull) if settings.pull else {}
    own = {name: each for name, each in entries.items() if each.into == context.scope.tenant}
    return report(own, folder=settings.store, now=context.services.clock()) if own else []


def _shown(source: Connector) -> dict[str, Any]:
    apps = [{"id": app, "name": APPS.get(app, str(app))} for app in source.apps]
    return {"name": source.name, "title": source.title, "apps": apps}
