"""Bearer tokens of an OpenID Connect issuer: verifies a JWT and returns its Caller.

What is checked is in RFC 7519 (section 4.1), RFC 8725 (best practice) and RFC 9068 (access tokens). The log says why a
token was refused, the response never does; the token itself is never logged.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.errors import BadSettingError, BadTenantError, InvalidTokenError
from casbah.identity import jwt, keys
from casbah.identity.jwk import ALGORITHMS
from casbah.identity.jwt import Jwt
from casbah.identity.keys import Fetch, IssuerKeys
from casbah.identity.name import NAMELESS, is_reserved
from casbah.identity.permissions import SCOPES, Caller
from casbah.settings import SETTINGS, Settings

log = logging.getLogger("casbah.identity")

_GRANTING = ("scp", "scope", "roles")
"""Claims that hold scopes: `scp` and `roles` (docs/compatibility.md, 2); `scope` is what RFC 9068, 2.2.3 calls it."""

_NAMING = ("preferred_username", "upn", "email", "azp", "appid", "sub")
"""Claims for the caller's display name: a person first, else the application, else the stable `sub`."""

_MAX_NAME = 256
_MAX_SUBJECT = 255  # OpenID Connect Core 1.0, 2.
_MAX_KEYS_TRIED = 16
_LAST_SECOND = 253_402_300_799  # The end of the year 9999.


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose JWTs are accepted. `tenants` maps values of the tenant claim; if empty, a value is the tenant itself."""

    name: str
    audiences: frozenset[str]
    tenant_claim: str
    tenants: Mapping[str, str]
    leeway_ms: int
    keys: IssuerKeys
    clock: Callable[[], int]

    def caller(self, token: str) -> Caller:
        """The caller of `token`. Raises InvalidTokenError, or IssuerUnavailableError without keys to verify it."""
        try:
            parsed = jwt.parse(token)
            # Claims first: a token that would be refused anyway must not cause a fetch of keys.
            self._check_claims(parsed.claims)
            subject = _subject(parsed.claims)
            caller = Caller(
                f"{self.name}#{subject}", _name(parsed.claims), self._tenant_id(parsed.claims), _scopes(parsed.claims)
            )
            self._check_signature(parsed)
        except InvalidTokenError as error:
            # At level debug: anybody may send tokens, and strangers must not be able to fill the log.
            log.debug("a JWT was refused: %s", error.reason)
            raise
        return caller

    def may_wait(self, token: str) -> bool:
        """Whether verifying `token` may send a request to the issuer."""
        try:
            header = jwt.header(token)
        except InvalidTokenError:
            return False
        return header.algorithm in ALGORITHMS and self.keys.may_wait(header.kid)

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        if claims.get("iss") != self.name:
            raise InvalidTokenError("its iss is not the issuer's")
        if not self.audiences.intersection(_strings(claims, "aud")):
            raise InvalidTokenError("its aud is not ours")
        now, expires = self.clock(), _moment(claims, "exp")
        if expires is None or _seconds(now - self.leeway_ms) >= expires:
            raise InvalidTokenError("it has expired, or has no exp")
        for name in ("nbf", "iat"):
            begins = _moment(claims, name)
            if begins is not None and _seconds(now + self.leeway_ms) < begins:
                raise InvalidTokenError(f"its {name} lies in the future")

    def _tenant_id(self, claims: Mapping[str, Any]) -> TenantId:
        value = claims.get(self.tenant_claim)
        # In lower case, letters of other scripts may become those of ASCII: then two values would be one tenant.
        if not isinstance(value, str) or not value.isascii():
            raise InvalidTokenError(f"its {self.tenant_claim} is not there, or cannot name a tenant")
        tenant = self.tenants.get(value) if self.tenants else value.lower()
        if tenant is None:
            raise InvalidTokenError(
                f"the value of its {self.tenant_claim} is not in {SETTINGS['oidc_tenants'].variable}"
            )
        try:
            return TenantId(tenant)
        except BadTenantError:
            raise InvalidTokenError(f"the value of its {self.tenant_claim} cannot name a tenant") from None

    def _check_signature(self, parsed: Jwt) -> None:
        algorithm, kid = parsed.header.algorithm, parsed.header.kid
        if algorithm not in ALGORITHMS:
            raise InvalidTokenError("its alg is not one that is accepted")
        fitting = self.keys.fitting(algorithm, kid)[:_MAX_KEYS_TRIED]
        if not fitting:
            raise InvalidTokenError("the issuer has no key of its kid and alg")
        if not any(key.verifies(parsed.signature, parsed.signed, algorithm=algorithm) for key in fitting):
            raise InvalidTokenError("its signature is not the issuer's")


def issuer(settings: Settings, *, clock: Callable[[], int]) -> Issuer | None:
    """The issuer of the settings, if they name one; nothing is fetched yet. Raises BadSettingError or BadTenantError."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience:
        wanted = f"what `aud` tokens for this server have, such as api://casbah, as {SETTINGS['oidc_issuer'].variable} is set"
        raise BadSettingError(SETTINGS["oidc_audience"].variable, "", wanted)
    for tenant in settings.oidc_tenants.values():
        TenantId(tenant)
    return Issuer(
        name=settings.oidc_issuer,
        audiences=frozenset(settings.oidc_audience),
        tenant_claim=settings.oidc_tenant_claim,
        tenants=settings.oidc_tenants,
        leeway_ms=settings.oidc_leeway * 1_000,
        keys=IssuerKeys(_source(settings), refresh=settings.oidc_refresh, clock=clock),
        clock=clock,
    )


def _source(settings: Settings) -> Fetch:
    where = settings.oidc_jwks
    if not where:
        return partial(keys.from_issuer, settings.oidc_issuer)
    return partial(keys.from_address, where) if "://" in where else partial(keys.from_file, Path(where).expanduser())


def _moment(claims: Mapping[str, Any], name: str) -> int | Decimal | None:
    """A NumericDate: seconds since 1970, with a fraction or without (RFC 7519, 2)."""
    if name not in claims:
        return None
    seconds: int | Decimal = claims[name]
    if type(seconds) not in (int, Decimal) or not 0 <= seconds <= _LAST_SECOND:
        raise InvalidTokenError(f"its {name} is not a number of seconds since 1970")
    return seconds


def _seconds(ms: int) -> Decimal:
    """The same moment in seconds, exactly."""
    return Decimal(ms).scaleb(-3)


def _strings(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim that holds one string or a list of them."""
    value = claims.get(name, [])
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise InvalidTokenError(f"its {name} is neither a string nor a list of strings")
    return listed


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    granted = (word for name in _GRANTING for text in _strings(claims, name) for word in text.split(" "))
    return frozenset(SCOPES).intersection(granted)


def _subject(claims: Mapping[str, Any]) -> str:
    """The `sub`: together with the issuer, the only unique and stable identifier (OpenID Connect Core 1.0, 5.7)."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or len(subject) > _MAX_SUBJECT or not (subject.isprintable() and subject.strip()):
        raise InvalidTokenError(f"its sub is not there, or no text of 1 to {_MAX_SUBJECT} visible characters")
    return subject


def _name(claims: Mapping[str, Any]) -> str:
    names = (_printable(claims[claim]) for claim in _NAMING if isinstance(claims.get(claim), str))
    return next((name for name in names if name and not is_reserved(name)), NAMELESS)


def _printable(text: str) -> str:
    """`text` without characters that hide or reorder text: control and format characters, lone surrogates."""
    return "".join(character for character in text if character.isprintable()).strip()[:_MAX_NAME]
