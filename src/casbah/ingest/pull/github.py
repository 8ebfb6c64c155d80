"""GitHub's audit log of an organization (docs.github.com/rest/orgs/orgs#get-the-audit-log-for-an-organization).

Pages are linked by the cursor in the link `next`; `created:>=` bounds the window.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.ingest.pull.credentials import Plain
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, utc, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class GitHub:
    """`organisation`: its name in GitHub's addresses."""

    web: Web
    organisation: str
    connector: str = "github"

    def read(self, since: int, until: int, token: Any) -> Read:
        """See `Pages`. Events after `until` are included, which is harmless."""
        del until
        if token is None:
            parameters = {"phrase": f"created:>={utc(since)}", "include": "all", "order": "asc", "per_page": _PER_PAGE}
            answer = self.web.get(f"/orgs/{self.organisation}/audit-log", parameters)
        else:
            answer = self.web.get(token)
        events = [bytes(event) for event in answer.json(list[msgspec.Raw])]
        return Read(events, answer.link("next"))


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> GitHub:
    return GitHub(tools.web(entry, "https://api.github.com", Plain("Bearer", secret)), entry.organisation)


KIND = PullKind(
    "github",
    windowed(_pages, keeps=180 * DAY, maximum=180 * DAY),
    overlap=30 * MINUTE,
    data="audit log of an organization",
    credential="a token",
    permission="read:audit_log",
    needs=("organisation",),
)
