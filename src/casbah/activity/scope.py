"""What a caller may see. `identity` creates one; every store call requires one."""

import re
from dataclasses import dataclass

from casbah.errors import BadTenantError

_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


NOBODY = ""
"""The id of an owner who is not known."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as an owner of things: an id that nobody else has, and a name, which is for display alone.

    Things without a known owner belong to the tenant's administrators.
    """

    id: str
    name: str
    administers: bool = False

    def owns(self, owner_id: str) -> bool:
        """Whether something of that owner's is this principal's to see and change."""
        return self.administers if owner_id == NOBODY else owner_id == self.id


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant's data. The tenant's name is a directory's name too, so it is kept plain."""

    tenant: str

    def __post_init__(self) -> None:
        if not _TENANT.fullmatch(self.tenant):
            raise BadTenantError(self.tenant)
