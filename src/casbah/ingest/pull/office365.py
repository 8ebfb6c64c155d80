"""The Office 365 Management Activity API
(learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference).

Each content type needs a subscription. Content is listed by the time it became available, in windows of at most 24 hours and
at most seven days back; each entry is the address of a list of events. Events may become available hours late, but are not
missed, because the window is of that time.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.ingest.pull.clouds import CLOUDS
from casbah.ingest.pull.contract import ApiRefusedError
from casbah.ingest.pull.credentials import microsoft
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, utc, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

CONTENT = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All")
_FORM = "%Y-%m-%dT%H:%M:%S"
_NEXT = "nextpageuri"
_ALREADY = 400
_GONE = (404, 410)


class _Blob(msgspec.Struct, rename="camel"):
    content_uri: str


@dataclass(frozen=True, slots=True)
class Office365:
    """`tenant`: the directory's id."""

    web: Web
    tenant: str
    content: tuple[str, ...] = CONTENT
    connector: str = "microsoft365"

    def read(self, since: int, until: int, token: Any) -> Read:
        """See `Pages`. A token is the content type, the list's next page, and the addresses left to read."""
        kind, page, blobs = (0, None, None) if token is None else (token["kind"], token["page"], token["blobs"])
        if blobs:
            return self._content(blobs[0], self._following(kind, page, blobs[1:]))
        if page is None:
            self._subscribe(self.content[kind])
            start, end = utc(since, _FORM), utc(until + 999, _FORM)
            bounds = {"contentType": self.content[kind], "startTime": start, "endTime": end}
            answer = self.web.get(f"{self._feed}/subscriptions/content", bounds)
        else:
            answer = self.web.get(page)
        addresses = [blob.content_uri for blob in answer.json(list[_Blob])]
        return Read([], self._following(kind, answer.headers.get(_NEXT), addresses))

    def _content(self, address: str, following: Any) -> Read:
        """The events at one address. It expires seven days after it was first listed (AF20051)."""
        try:
            return Read([bytes(event) for event in self.web.get(address).json(list[msgspec.Raw])], following)
        except ApiRefusedError as refused:
            if refused.status not in _GONE:
                raise
            return Read([], following, gap=f"content no longer exists: {address.rpartition('/')[2][:80]}")

    @property
    def _feed(self) -> str:
        return f"/api/v1.0/{self.tenant}/activity/feed"

    def _following(self, kind: int, page: str | None, blobs: list[str]) -> Any:
        if blobs or page is not None:
            return {"kind": kind, "page": page, "blobs": blobs}
        return {"kind": kind + 1, "page": None, "blobs": []} if kind + 1 < len(self.content) else None

    def _subscribe(self, content: str) -> None:
        """Start the subscription. If it is already started, the API answers 400 (AF20024), which is ignored."""
        try:
            self.web.send("POST", f"{self._feed}/subscriptions/start", parameters={"contentType": content})
        except ApiRefusedError as refused:
            if refused.status != _ALREADY:
                raise


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> Office365:
    api = CLOUDS[entry.cloud].management
    return Office365(tools.web(entry, api, microsoft(entry, secret, tools, api)), entry.tenant)


KIND = PullKind(
    "office365",
    windowed(_pages, keeps=7 * DAY, maximum=DAY),
    overlap=10 * MINUTE,
    data="Office 365 Management Activity API",
    credential="the client's secret",
    permission="ActivityFeed.Read, ActivityFeed.ReadDlp",
    needs=("tenant", "client_id"),
)
