"""Pulls from a tenant of Defender for Cloud Apps through its Activities API, with a scan of a time window
(learn.microsoft.com/defender-cloud-apps/api-activities-investigate-script). MDCA allows 30 requests a minute and 30 days back.

The window is of `created`, when MDCA stored an activity, so that late activities are not missed.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.ingest.pull.credentials import Plain
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

_LIMIT = 500


class _MdcaPage(msgspec.Struct, rename="camel"):
    data: list[msgspec.Raw] = []
    has_next: bool = False
    next_query_filters: Any = None


@dataclass(frozen=True, slots=True)
class Mdca:
    """`web` is the tenant's portal, with one of its API tokens."""

    web: Web
    connector: str = "mdca"

    def read(self, since: int, until: int, token: Any) -> Read:
        """See `Pages`. A token is the scan's `nextQueryFilters`."""
        filters = {"created": {"gte": since, "lte": until}} if token is None else token
        body = {"filters": filters, "isScan": True, "limit": _LIMIT, "sortDirection": "asc"}
        page: _MdcaPage = self.web.send("POST", "/api/v1/activities/", body=body).json(_MdcaPage)
        more = page.has_next and page.next_query_filters is not None
        return Read([bytes(event) for event in page.data], page.next_query_filters if more else None)


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> Mdca:
    return Mdca(tools.web(entry, entry.url, Plain("Token", secret)))


KIND = PullKind(
    "mdca",
    windowed(_pages, keeps=30 * DAY, maximum=DAY),
    overlap=60 * MINUTE,
    data="another tenant of Defender for Cloud Apps",
    credential="an API token",
    permission="Investigation.read",
    needs=("url",),
)
