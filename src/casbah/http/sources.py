"""Sources: the log formats that ingest reads, and the state of pulls."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from casbah.http.answers import Answer, Count, NoMore
from casbah.http.context import WriterContext
from casbah.ingest.apps import APPS
from casbah.ingest.contract import Connector
from casbah.ingest.pull.config import read
from casbah.ingest.pull.report import Pull, report


class App(Answer):
    id: int
    name: str


class SourceKind(Answer):
    name: str
    title: str
    apps: Annotated[Sequence[App], Meta(description="Those that its activities happen in; none: any")]


class SourcePage(Answer):
    data: Annotated[Sequence[SourceKind], Meta(description="The sources that ingest reads")]
    pulls: Annotated[Sequence[Pull], Meta(description="What this server fetches by itself")]
    has_next: NoMore
    total: Count


async def list_sources(context: WriterContext) -> SourcePage:
    data = [_source_kind(connector) for connector in context.services.connectors.values()]
    return SourcePage(data, await context.quick(_pulls, context), has_next=False, total=len(data))


def _pulls(context: WriterContext) -> list[Pull]:
    settings = context.services.settings
    entries = read(settings.pull) if settings.pull else {}
    own = {name: entry for name, entry in entries.items() if entry.into == context.tenant_id.name}
    return report(own, folder=settings.store, now=context.services.clock()) if own else []


def _source_kind(source: Connector) -> SourceKind:
    return SourceKind(source.name, source.title, [App(app, APPS.get(app, str(app))) for app in source.apps])
