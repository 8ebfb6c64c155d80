"""What a caller may do: one row a permission, and the scopes that grant it (`wire.md`, section 2)."""

from dataclasses import dataclass
from enum import Enum

from casbah.activity.scope import Scope
from casbah.errors import PermissionDeniedError


class Permission(Enum):
    """What a route asks of its caller; the value lists the scopes of which one is enough."""

    READ = ("Investigation.read", "Investigation.manage")
    MANAGE = ("Investigation.manage",)
    INGEST = ("Ingest.write",)
    ADMINISTER = ("Admin.manage",)


SCOPES = tuple(dict.fromkeys(scope for permission in Permission for scope in permission.value))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose credentials are good: their name for the record, their data, and their scopes.

    `owner`: whoever owns the data directory, hence every tenant's tokens; anybody else sees those of their own tenant.
    """

    name: str
    scope: Scope
    scopes: frozenset[str]
    owner: bool = False

    def require(self, permission: Permission) -> None:
        """Raises PermissionDeniedError unless one of the permission's scopes is held."""
        if not self.scopes.intersection(permission.value):
            raise PermissionDeniedError

    def governs(self, tenant: str) -> bool:
        """Whether that tenant's tokens are this caller's to see and change."""
        return self.owner or tenant == self.scope.tenant
