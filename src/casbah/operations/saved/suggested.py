"""Suggested queries: those that MDCA suggests, in filters that any source can answer; `tests/verbs` measures them.

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


def _verb(*names: str) -> Mapping[str, Any]:
    return {"verb": {"eq": list(names)}}


# fmt: off
SUGGESTED: tuple[Suggested, ...] = (
    Suggested("admin",         "Admin activities",           "What was done as an administrator",
              {"activity.type": {"eq": [True]}}),
    Suggested("download",      "Download activities",        "Files that were downloaded, data that was exported",
              _verb("download", "export")),
    Suggested("failed-logon",  "Failed sign-in",             "Sign-ins that were refused",
              _verb("sign-in-failed")),
    Suggested("file",          "File and folder activities", "Activities on a file or folder",
              {"fileSelector": {"isset": True}}),
    Suggested("impersonation", "Impersonation activities",   "What was done on behalf of somebody else",
              {"activity.impersonated": {"eq": [True]}}),
    Suggested("password",      "Password changes and reset requests", "Passwords that were changed or reset",
              _verb("password")),
    Suggested("sharing",       "Sharing activities",         "Content that was shared, or no longer is",
              _verb("share", "unshare")),
    Suggested("logon",         "Successful sign-in",         "Sign-ins that succeeded",
              _verb("sign-in")),
)
# fmt: on
