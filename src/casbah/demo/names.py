"""What the demo's company calls its groups, tags, policies and labels, of which activities have only the id."""

from collections.abc import Mapping

from casbah.activity.tenant import TenantId
from casbah.ingest.enrich.given_names import GivenName, GivenNames

# fmt: off
NAMES: Mapping[str, Mapping[str, str]] = {
    "user.tags": {
        "0000ca5b00000000000002b4": "Finance",
        "0000ca5b00000000000001f8": "Sales",
        "0000ca5b00000000000003a2": "Marketing",
        "0000ca5b0000000000000265": "Human resources",
        "0000ca5b00000000000001e5": "Legal",
        "0000ca5b00000000000001e8": "Board",
        "0000ca5b000000000000009d": "IT",
        "0000ca5b00000000000003bd": "Northwind consultants",
        "0000ca5b00000000000000f1": "Administrators",
        "0000ca5b00000000000000f2": "Executives",
    },
    "ip.tags": {
        "0000ca5b0000000000000001": "Contoso offices",
        "0000ca5b0000000000000002": "Branch offices",
    },
    "device.tags": {
        "0000ca5b00000000000000d1": "Compliant",
        "0000ca5b00000000000000d2": "Domain joined",
    },
    "policy": {f"0000ca5b0000000000000c{number:02x}": f"Policy {number}" for number in range(1, 9)},
    "fileLabels": {
        "0000ca5b-1a00-4000-a000-000000000001": "Internal",
        "0000ca5b-1a00-4000-a000-000000000002": "Confidential",
        "0000ca5b-1a00-4000-a000-000000000003": "Strictly confidential",
    },
}
"""Names by filter and value."""
# fmt: on


def give_names(names: GivenNames, tenant_id: TenantId, *, now: int) -> None:
    """Give a tenant the names of the demo."""
    entries = [GivenName(key, value, name, now) for key, named in NAMES.items() for value, name in named.items()]
    names.add(entries, tenant_id)
