"""Microsoft Graph's sign-ins and directory audits (learn.microsoft.com/graph/api/signin-list, directoryaudit-list)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.ingest.pull.clouds import CLOUDS
from casbah.ingest.pull.credentials import microsoft
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, utc, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

_TOP = 1_000


class _GraphPage(msgspec.Struct, rename={"following": "@odata.nextLink"}):
    value: list[msgspec.Raw] = []
    following: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """One of Graph's logs: its `path`, and the property to filter by time."""

    web: Web
    connector: str
    path: str
    moment: str

    def read(self, since: int, until: int, token: Any) -> Read:
        if token is None:
            bounds = f"{self.moment} ge {utc(since)} and {self.moment} le {utc(until + 1_000)}"
            answer = self.web.get(self.path, {"$filter": bounds, "$top": _TOP})
        else:
            answer = self.web.get(token)
        page: _GraphPage = answer.json(_GraphPage)
        return Read([bytes(event) for event in page.value], page.following)


def _kind(name: str, log: Callable[[Web], Graph], data: str) -> PullKind:
    def pages(entry: PullEntry, secret: Secret, tools: Tools) -> Graph:
        api = CLOUDS[entry.cloud].graph
        return log(tools.web(entry, api, microsoft(entry, secret, tools, api)))

    return PullKind(
        name,
        windowed(pages, keeps=30 * DAY, maximum=DAY),
        overlap=60 * MINUTE,
        data=data,
        credential="the client's secret",
        permission="AuditLog.Read.All",
        needs=("tenant", "client_id"),
    )


SIGNINS = _kind(
    "entra_signins",
    lambda web: Graph(web, "entra_signin", "/v1.0/auditLogs/signIns", "createdDateTime"),
    "Microsoft Graph: sign-ins",
)
AUDITS = _kind(
    "entra_audits",
    lambda web: Graph(web, "entra_audit", "/v1.0/auditLogs/directoryAudits", "activityDateTime"),
    "Microsoft Graph: directory audits",
)
