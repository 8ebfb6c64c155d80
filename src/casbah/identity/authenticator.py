"""Authentication by the Authorization header: `Token <key>`, `Bearer <key or JWT>`, and the local key of the command line."""

import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from casbah.activity.tenant import TenantId
from casbah.errors import BadTenantError, InvalidTokenError, MalformedBodyError, NotAuthenticatedError
from casbah.identity.failed_sign_ins import Failures
from casbah.identity.name import LOCAL
from casbah.identity.oidc import Issuer
from casbah.identity.permissions import DEFAULT_TENANT, SCOPES, TENANT_HEADER, Caller
from casbah.identity.token import Tokens, digest

_BEARER = "bearer"
_SCHEMES = ("token", _BEARER)
_DOTS = 2


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates requests. `local_hash` is the hash of the local key, which the owner of the data directory holds while the
    server runs; JWTs must come from `issuer`, if there is one.
    """

    tokens: Tokens
    local_hash: bytes
    failures: Failures
    issuer: Issuer | None = None

    def may_wait(self, authorization: str | None) -> bool:
        """Whether authentication may send a request to the issuer, and so should run in a thread."""
        scheme, key = _parts(authorization)
        issuer = self._issuer(scheme, key)
        return issuer is not None and issuer.may_wait(key)

    def caller(self, authorization: str | None, tenant: str | None, *, address: str) -> Caller:
        """The caller that an Authorization header from `address` identifies; `tenant` counts only with the local key.

        Raises NotAuthenticatedError, InvalidTokenError, ThrottledError, or UnavailableError if the credentials cannot be
        checked now.
        """
        scheme, key = _parts(authorization)
        if not scheme:
            raise NotAuthenticatedError
        if scheme not in _SCHEMES or not key:
            raise InvalidTokenError
        if hmac.compare_digest(digest(key), self.local_hash):
            return Caller(LOCAL, LOCAL, _tenant_id(tenant or DEFAULT_TENANT), frozenset(SCOPES), owner=True)
        issuer = self._issuer(scheme, key)
        with self.counted(address):
            return issuer.caller(key) if issuer is not None else self.tokens.caller(key)

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """Around checking a key. Raises ThrottledError in place of InvalidTokenError past the limit of an address."""
        try:
            yield
        except InvalidTokenError:
            self.failures.failed(address)
            raise

    def _issuer(self, scheme: str, key: str) -> Issuer | None:
        """The issuer, if the key is a JWT; our own keys have no dots."""
        return self.issuer if scheme == _BEARER and key.count(".") == _DOTS else None


def new_local_key() -> str:
    """A new key for the command line of the data directory's owner."""
    return secrets.token_hex(40)


def _parts(authorization: str | None) -> tuple[str, str]:
    """The scheme in lower case, and what follows it."""
    scheme, _, key = (authorization or "").strip().partition(" ")
    return scheme.lower(), key.strip()


def _tenant_id(tenant: str) -> TenantId:
    try:
        return TenantId(tenant)
    except BadTenantError as error:
        raise MalformedBodyError(f"header {TENANT_HEADER}: {error}") from None
