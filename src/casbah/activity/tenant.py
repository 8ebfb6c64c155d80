"""Tenants, and who owns things in them. `identity` makes a TenantId; `Store.tenant` requires one."""

import re
from dataclasses import dataclass
from typing import Final

from casbah.errors import BadTenantError

TENANTS: Final = "tenants"
"""The folder of a store with a folder for each tenant."""

_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


NOBODY = ""
"""The id of an unknown owner."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller as the owner of things: a unique id, and a name for display.

    Things without a known owner belong to the tenant's administrators.
    """

    id: str
    name: str
    administers: bool = False

    def owns(self, owner_id: str) -> bool:
        """Whether this principal may see and change what belongs to that owner."""
        return self.administers if owner_id == NOBODY else owner_id == self.id


@dataclass(frozen=True, slots=True)
class TenantId:
    """Names a tenant. The name is a directory's name too, so only plain characters are allowed. Raises BadTenantError."""

    name: str

    def __post_init__(self) -> None:
        if not _TENANT.fullmatch(self.name):
            raise BadTenantError(self.name)
