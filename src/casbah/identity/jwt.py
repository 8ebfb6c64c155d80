"""Parses a JWT strictly, without verifying it; `oidc` does that.

Only the compact form of a signed token is read (RFC 7515, section 7.1). The same parse serves the claims and
the signature, so no two parsers can disagree about what was signed.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from casbah.errors import InvalidTokenError

MAX_CHARACTERS = 16_384
"""Real tokens stay below this: web servers bound a header at 8 or 16 KiB."""

_PARTS = 3

_REFUSED = {
    "crit": "demands an extension, and none is known here (RFC 7515, 4.1.11)",
    "b64": "asks for another way of signing (RFC 7797)",
    "jwk": "brings its own key (RFC 8725, 3.10)",
    "jku": "says where its keys are (RFC 8725, 3.10)",
    "x5u": "says where its certificate is (RFC 8725, 3.10)",
    "x5c": "brings its own certificate (RFC 8725, 3.10)",
    "enc": "is encrypted",
    "zip": "is compressed",
}
"""Header members for which a token is refused."""

_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
"""Accepted values of `typ`, if present: tokens made for other purposes are refused (RFC 8725, 3.11; RFC 9068, 4)."""


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """Which key signed, and how."""

    algorithm: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class Jwt:
    """A parsed token. `signature` signs `signed`."""

    header: TokenHeader
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def parse(token: str) -> Jwt:
    """Parse `token`. Raises InvalidTokenError."""
    head, body, signature = _split(token)
    return Jwt(_header(head), _object(body, "claims"), f"{head}.{body}".encode(), _decoded(signature, "signature"))


def header(token: str) -> TokenHeader:
    """The header of `token`; the rest is not read. Raises InvalidTokenError."""
    return _header(_split(token)[0])


def decoded(text: str) -> bytes:
    """The bytes of base64url `text`. Raises ValueError unless it is their canonical encoding.

    Otherwise the last character of a part could be changed and the token would stay valid.
    """
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=") != text.encode():
        raise ValueError("not base64url")
    return content


def _split(token: str) -> list[str]:
    if len(token) > MAX_CHARACTERS:
        raise InvalidTokenError(f"it is longer than {MAX_CHARACTERS} characters")
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise InvalidTokenError(f"it has {len(parts)} parts and not {_PARTS}")
    return parts


def _header(text: str) -> TokenHeader:
    members = _object(text, "header")
    for name, reason in _REFUSED.items():
        if name in members:
            raise InvalidTokenError(f"its header {reason}: {name}")
    algorithm, kid, kind = members.get("alg"), members.get("kid"), members.get("typ", "JWT")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None) or ("kid" in members and kid is None):
        raise InvalidTokenError("its header has no alg, or an alg or kid that is no string")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidTokenError("its header has a typ that is not JWT or at+jwt")
    return TokenHeader(algorithm, kid)


def _object(text: str, part: str) -> Mapping[str, Any]:
    try:
        members = json.loads(
            _decoded(text, part).decode(),
            object_pairs_hook=_without_doubles,
            parse_float=_exact,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise InvalidTokenError(f"its {part} cannot be read as JSON, or a key stands there twice") from None
    if not isinstance(members, dict):
        raise InvalidTokenError(f"its {part} is not an object")
    return members


def _decoded(text: str, part: str) -> bytes:
    try:
        return decoded(text)
    except ValueError:
        raise InvalidTokenError(f"its {part} is not base64url") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Parsers differ on which of two duplicate keys counts (RFC 7519, 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _exact(text: str) -> Decimal:
    """A number with a fraction or an exponent, with all of its digits."""
    try:
        return Decimal(text)
    except InvalidOperation:  # Its exponent is too large.
        raise ValueError("a number that is too large") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
