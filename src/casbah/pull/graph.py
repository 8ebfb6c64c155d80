"""Microsoft Graph's sign-ins and directory audits (learn.microsoft.com/graph/api/signin-list, directoryaudit-list)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from casbah.pull.web import Web
from casbah.pull.windows import Read

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
            bounds = f"{self.moment} ge {_spelt(since)} and {self.moment} le {_spelt(until + 1_000)}"
            answer = self.web.get(self.path, {"$filter": bounds, "$top": _TOP})
        else:
            answer = self.web.get(token)
        page: _GraphPage = answer.json(_GraphPage)
        return Read([bytes(event) for event in page.value], page.following)


def signins(web: Web) -> Graph:
    """Sign-ins; needs the permission AuditLog.Read.All."""
    return Graph(web, "entra_signin", "/v1.0/auditLogs/signIns", "createdDateTime")


def audits(web: Web) -> Graph:
    """Directory audits; needs the permission AuditLog.Read.All."""
    return Graph(web, "entra_audit", "/v1.0/auditLogs/directoryAudits", "activityDateTime")


def _spelt(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
