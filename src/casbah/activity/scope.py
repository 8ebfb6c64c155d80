"""What a caller may see, as a value: identity makes one, every store call requires one."""

import re
from dataclasses import dataclass

from casbah.errors import BadTenantError

_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant's data. The tenant's name is a directory's name too, so it is kept plain."""

    tenant: str

    def __post_init__(self) -> None:
        if not _TENANT.fullmatch(self.tenant):
            raise BadTenantError(self.tenant)
