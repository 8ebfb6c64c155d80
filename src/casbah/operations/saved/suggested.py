"""Suggested queries: those that MDCA suggests, in filters that any source can answer.

Their names are MDCA's (https://learn.microsoft.com/defender-cloud-apps/activity-filters-queries); its filters are not public.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Suggested:
    """A named query with a description."""

    id: str
    name: str
    help: str
    filters: Mapping[str, Any]


def _category(*names: str) -> Mapping[str, Any]:
    return {"activity.eventActionType": {"eq": [f"EVENT_CATEGORY_{name}" for name in names]}}


# fmt: off
SUGGESTED: tuple[Suggested, ...] = (
    Suggested("admin",         "Admin activities",           "What was done as an administrator",
              {"activity.type": {"eq": [True]}}),
    Suggested("download",      "Download activities",        "Files that were downloaded",
              _category("DOWNLOAD_FILE")),
    Suggested("failed-logon",  "Failed sign-in",             "Sign-ins that were refused",
              _category("FAILED_LOGIN")),
    Suggested("file",          "File and folder activities", "Activities on a file or folder",
              {"fileSelector": {"isset": True}}),
    Suggested("impersonation", "Impersonation activities",   "What was done on behalf of somebody else",
              {"activity.impersonated": {"eq": [True]}}),
    Suggested("password",      "Password changes and reset requests", "Actions that are named after passwords",
              {"actionType": {"contains": ["password"]}}),
    Suggested("sharing",       "Sharing activities",         "Actions that are named after sharing",
              {"actionType": {"contains": ["share", "sharing", "change_user_access", "change_document_", "collaboration_"]}}),
    Suggested("logon",         "Successful sign-in",         "Sign-ins that succeeded",
              _category("LOGIN", "SSO_LOGIN")),
)
# fmt: on
