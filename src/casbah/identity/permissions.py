"""What a caller may do: one row per permission, and the scopes that grant it (docs/compatibility.md, section 2)."""

from dataclasses import dataclass
from enum import Enum

from casbah.activity.tenant import Principal, TenantId
from casbah.errors import PermissionDeniedError

DEFAULT_TENANT = "default"
"""The tenant of a server's owner who names none."""

TENANT_HEADER = "casbah-tenant"
"""Names the tenant that a server's owner acts for."""


class Permission(tuple[str, ...], Enum):  # noqa: SLOT001  members of an enumeration have a dict anyway
    """What a route requires of its caller. The value lists scopes; one is enough. Empty: any valid credentials.

    Its members are tuples because Python 3.11.2, Debian 12's, does not keep () as the value of any other member.
    """

    SIGNED_IN = ()
    READ = ("Investigation.read", "Investigation.manage")
    MANAGE = ("Investigation.manage",)
    INGEST = ("Ingest.write",)
    ADMINISTER = ("Admin.manage",)
    DELETE = ("Activities.delete",)
    HOLD = ("Holds.manage",)
    TOKENS = ("Tokens.manage",)
    CHANGE_RULES = ("Activities.delete", "Holds.manage")
    SEE_RULES = ("Admin.manage", "Activities.delete", "Holds.manage")


SCOPES = tuple(dict.fromkeys(scope for permission in Permission for scope in permission.value))
FORMERLY_ADMIN = (*Permission.DELETE.value, *Permission.HOLD.value, *Permission.TOKENS.value)
"""The scopes that `Admin.manage` used to include: for deletion, legal holds and tokens."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: tenant, scopes, a unique id, and a name for display.

    The id is a token's, or an issuer's and its subject's. `owner`: owns the data directory and so
    manages every tenant's tokens; other callers manage those of their own tenant.
    """

    id: str
    name: str
    tenant_id: TenantId
    scopes: frozenset[str]
    owner: bool = False

    @property
    def principal(self) -> Principal:
        """The caller as an owner of saved queries and exports."""
        return Principal(self.id, self.name, administers=self.may(Permission.ADMINISTER))

    def may(self, permission: Permission) -> bool:
        """Whether one of the permission's scopes is held."""
        return _allowed(permission, self.scopes)

    def require(self, permission: Permission) -> None:
        """Raises PermissionDeniedError unless one of the permission's scopes is held."""
        if not self.may(permission):
            raise PermissionDeniedError

    def may_grant(self, scope: str) -> bool:
        """Whether the caller has every permission that the scope grants."""
        return all(_allowed(permission, self.scopes) for permission in Permission if scope in permission.value)

    def governs(self, tenant: str) -> bool:
        """Whether the caller may see and change that tenant's tokens."""
        return self.owner or tenant == self.tenant_id.name


def _allowed(permission: Permission, scopes: frozenset[str]) -> bool:
    return not permission.value or not scopes.isdisjoint(permission.value)
