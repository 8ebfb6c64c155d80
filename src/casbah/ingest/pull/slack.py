"""Slack's audit logs of an enterprise organization (docs.slack.dev/admins/audit-logs-api): newest first, with a cursor."""

from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.ingest.pull.credentials import Plain
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

_LIMIT = 1_000


class _Metadata(msgspec.Struct, frozen=True):
    next_cursor: str = ""


class _SlackPage(msgspec.Struct):
    entries: list[msgspec.Raw] = []
    response_metadata: _Metadata = _Metadata()


@dataclass(frozen=True, slots=True)
class Slack:
    """`web` is https://api.slack.com with a token of scope auditlogs:read."""

    web: Web
    connector: str = "slack"

    def read(self, since: int, until: int, token: Any) -> Read:
        """See `Pages`. Slack's bounds are whole seconds, so round them outwards."""
        bounds = {"oldest": since // 1_000, "latest": -(-until // 1_000), "limit": _LIMIT}
        answer = self.web.get("/audit/v1/logs", bounds if token is None else {**bounds, "cursor": token})
        page: _SlackPage = answer.json(_SlackPage)
        return Read([bytes(entry) for entry in page.entries], page.response_metadata.next_cursor or None)


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> Slack:
    return Slack(tools.web(entry, "https://api.slack.com", Plain("Bearer", secret)))


KIND = PullKind(
    "slack",
    windowed(_pages, keeps=3_650 * DAY, maximum=7 * DAY),
    overlap=30 * MINUTE,
    data="audit logs of an enterprise organization",
    credential="a user token",
    permission="auditlogs:read",
)
