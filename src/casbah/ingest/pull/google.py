"""Google's Reports API (developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list): newest first, one
application at a time. Depending on it, an event appears after minutes to days (support.google.com/a/answer/7061566).
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from casbah.ingest.pull.credentials import Exchanged, service_account
from casbah.ingest.pull.entry import BadPullFileError, PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read

APPLICATIONS = (
    "access_transparency",
    "admin",
    "calendar",
    "chat",
    "chrome",
    "context_aware_access",
    "data_studio",
    "drive",
    "gcp",
    "groups",
    "groups_enterprise",
    "jamboard",
    "keep",
    "login",
    "meet",
    "mobile",
    "rules",
    "saml",
    "token",
    "user_accounts",
    "vault",
)
_MOST = 1_000
_TOKENS = "https://oauth2.googleapis.com/token"
_SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"


class _GooglePage(msgspec.Struct, rename="camel"):
    items: list[msgspec.Raw] = []
    next_page_token: str | None = None


@dataclass(frozen=True, slots=True)
class Google:
    """`web` is https://admin.googleapis.com with the scope admin.reports.audit.readonly."""

    web: Web
    applications: tuple[str, ...] = APPLICATIONS
    connector: str = "google_workspace"

    def read(self, since: int, until: int, token: Any) -> Read:
        """See `Pages`. A token is the index of the application, and its page token."""
        place, page = token or (0, None)
        bounds = {"startTime": _spelt(since), "endTime": _spelt(until + 1), "maxResults": _MOST}
        path = f"/admin/reports/v1/activity/users/all/applications/{self.applications[place]}"
        answer = self.web.get(path, bounds if page is None else {**bounds, "pageToken": page})
        parsed: _GooglePage = answer.json(_GooglePage)
        events = [bytes(item) for item in parsed.items]
        if parsed.next_page_token:
            return Read(events, [place, parsed.next_page_token])
        return Read(events, [place + 1, None] if place + 1 < len(self.applications) else None)


def _spelt(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> Google:
    address = entry.login or _TOKENS
    try:
        account = json.loads(secret)
        form = service_account(
            account["client_email"],
            account["private_key"],
            subject=entry.subject,
            scope=_SCOPE,
            address=address,
            clock=tools.clock,
        )
    except (ValueError, KeyError, TypeError):
        raise BadPullFileError("google_workspace: the secret must be a service account's JSON key file") from None
    web = tools.web(entry, "https://admin.googleapis.com", Exchanged(tools.client, address, form, clock=tools.clock))
    return Google(web, tuple(entry.applications) or APPLICATIONS)


KIND = PullKind(
    "google_workspace",
    windowed(_pages, keeps=180 * DAY, maximum=DAY),
    overlap=180 * MINUTE,
    data="Reports API, every application; `subject` is an administrator",
    credential="a service account's key file, JSON",
    permission="admin.reports.audit.readonly, delegated",
    needs=("subject",),
)
