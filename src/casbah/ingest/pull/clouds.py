"""The clouds of Microsoft 365: where their APIs and their sign-in are.

Management API: learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference; Graph:
learn.microsoft.com/graph/deployments; sign-in: learn.microsoft.com/entra/identity-platform/authentication-national-cloud.
"""

from dataclasses import dataclass

WORLDWIDE = "worldwide"


@dataclass(frozen=True, slots=True)
class Cloud:
    """The addresses of a cloud. Those of the APIs are also the resources for which tokens are requested."""

    plan: str
    management: str
    graph: str
    login: str


# fmt: off
CLOUDS = {
    WORLDWIDE:  Cloud("worldwide",              "https://manage.office.com",          "https://graph.microsoft.com",    "https://login.microsoftonline.com"),
    "gcc":      Cloud("US government GCC",      "https://manage-gcc.office.com",      "https://graph.microsoft.com",    "https://login.microsoftonline.com"),
    "gcc_high": Cloud("US government GCC High", "https://manage.office365.us",        "https://graph.microsoft.us",     "https://login.microsoftonline.us"),
    "dod":      Cloud("US government DoD",      "https://manage.protection.apps.mil", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
}
# fmt: on
