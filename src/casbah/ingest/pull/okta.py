"""Polls Okta's System Log (developer.okta.com/docs/reference/api/system-log, "Transfer data to a separate system").

A request with `since` but no `until` polls: events come in the order of storing, so that late ones are not missed, and every
response has a link `next`, even without new events. The checkpoint holds that link and the time up to which everything was
read for certain: that of the last request with an empty page.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from casbah.ingest.pull.contract import ApiRefusedError, Checkpoint, Fetched
from casbah.ingest.pull.credentials import Plain
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import MINUTE, PullKind, Tools, utc
from casbah.ingest.pull.web import Web

_LIMIT = 1_000
_GONE = (400, 404, 410)
_FORM = "%Y-%m-%dT%H:%M:%S.000Z"


@dataclass(frozen=True, slots=True)
class Okta:
    """`back` is how far back the first round starts, `overlap` how far back to resume after an expired link; in ms."""

    web: Web
    clock: Callable[[], int]
    back: int
    overlap: int
    connector: str = "okta"

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        following, now = checkpoint.get("next"), self.clock()
        read = checkpoint.get("read", now - self.back)
        try:
            if following is None:
                parameters = {"since": utc(read, _FORM), "limit": _LIMIT, "sortOrder": "ASCENDING"}
                answer = self.web.get("/api/v1/logs", parameters)
            else:
                answer = self.web.get(following)
        except ApiRefusedError as refused:
            if following is None or refused.status not in _GONE:
                raise
            return Fetched((), {"read": read - self.overlap}, more=True)
        events = [bytes(event) for event in answer.json(list[msgspec.Raw])]
        link = answer.link("next") or following
        return Fetched(events, {"next": link, "read": read if events else now}, more=bool(events))


def _fetcher(entry: PullEntry, secret: Secret, tools: Tools, back: int, overlap: int) -> Okta:
    return Okta(tools.web(entry, entry.url, Plain("SSWS", secret)), tools.clock, back, overlap)


KIND = PullKind(
    "okta",
    _fetcher,
    overlap=10 * MINUTE,
    data="System Log; the overlap is read again only if the position has expired",
    credential="an API token",
    permission="read-only administrator",
    needs=("url",),
)
