"""From the Authorization header to a Caller: `Token <key>` or `Bearer <key>`, and the local key of the command line."""

import hmac
import secrets
from dataclasses import dataclass

from casbah.activity.scope import Scope
from casbah.errors import BadTenantError, InvalidTokenError, MalformedBodyError, NotAuthenticatedError
from casbah.identity.grants import SCOPES, Caller
from casbah.identity.token import Tokens, digest

DEFAULT_TENANT = "default"
TENANT_HEADER = "casbah-tenant"
_SCHEMES = ("token", "bearer")


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in. `local_hash` is that of the key that the owner of the data directory holds while this process runs."""

    tokens: Tokens
    local_hash: bytes

    def may_wait(self, authorization: str | None) -> bool:
        """Whether finding the caller may mean a request to the issuer."""
        return False

    def caller(self, authorization: str | None, tenant: str | None) -> Caller:
        """Who the header speaks for; `tenant` is heeded from the local key alone.

        Raises NotAuthenticatedError or InvalidTokenError.
        """
        if not authorization or not authorization.strip():
            raise NotAuthenticatedError
        scheme, _, key = authorization.strip().partition(" ")
        if scheme.lower() not in _SCHEMES or not key:
            raise InvalidTokenError
        key = key.strip()
        if hmac.compare_digest(digest(key), self.local_hash):
            return Caller("local", _scope(tenant or DEFAULT_TENANT), frozenset(SCOPES), owner=True)
        return self.tokens.caller(key)


def new_local_key() -> str:
    """A key for the command line of whoever owns the data directory."""
    return secrets.token_hex(40)


def _scope(tenant: str) -> Scope:
    try:
        return Scope(tenant)
    except BadTenantError as wrong:
        raise MalformedBodyError(f"header {TENANT_HEADER}: {wrong}") from None
