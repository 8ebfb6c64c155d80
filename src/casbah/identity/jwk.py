"""Parses an issuer's JWK set to the keys that may sign a token, each with its algorithms. Fetches nothing.

The algorithm of a token picks nothing by itself: it must be in ALGORITHMS and must fit a key that the issuer published,
so a public key never serves as a secret (RFC 8725, 3.1 and 3.2).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from casbah.identity.jwt import decoded

_MIN_RSA_BITS = 2_048  # RFC 7518, 3.3
_MAX_RSA_BITS = 8_192
_MAX_KEYS = 1_000


class BadKeySetError(ValueError):
    """What an issuer published is not a set of keys that can be used. The code that fetches it catches this."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm that tokens may be signed with, and the keys that it takes; `verifier` is its name in joserfc."""

    name: str
    kty: str
    curve: str | None = None
    verifier: str = ""


# fmt: off
ALGORITHMS = {row.name: row for row in (
    Algorithm("RS256",   "RSA"),
    Algorithm("RS384",   "RSA"),
    Algorithm("RS512",   "RSA"),
    Algorithm("PS256",   "RSA"),
    Algorithm("PS384",   "RSA"),
    Algorithm("PS512",   "RSA"),
    Algorithm("ES256",   "EC",  "P-256"),
    Algorithm("ES384",   "EC",  "P-384"),
    Algorithm("ES512",   "EC",  "P-521"),
    Algorithm("EdDSA",   "OKP", "Ed25519", verifier="Ed25519"),  # Two names of one thing (RFC 9864, 2.2).
    Algorithm("Ed25519", "OKP", "Ed25519"),
)}
"""Only asymmetric ones (RFC 7518, 3.1; RFC 8037; RFC 9864)."""

_MEMBERS = {
    "RSA": ("n", "e"),
    "EC":  ("crv", "x", "y"),
    "OKP": ("crv", "x"),
}
"""The members that make a public key (RFC 7518, 6; RFC 8037, 2). Other members, such as certificates, are ignored."""
# fmt: on

_VERIFIERS = JWSRegistry(algorithms=[row.verifier or row.name for row in ALGORITHMS.values()])


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the names of the algorithms that it may be used with."""

    kid: str | None
    algorithms: frozenset[str]
    key: Key

    def verifies(self, signature: bytes, signed: bytes, *, algorithm: str) -> bool:
        """Whether it made the signature."""
        row = ALGORITHMS[algorithm]
        return _VERIFIERS.get_alg(row.verifier or row.name).verify(signed, signature, self.key)


def signing_keys(text: bytes) -> Sequence[SigningKey]:
    """The keys of a JWK set that can sign; those that cannot are left out (RFC 7517, 5). Raises BadKeySetError if none can."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise BadKeySetError("it is not JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MAX_KEYS:
        raise BadKeySetError(f"it is not an object with a list of at most {_MAX_KEYS} `keys`")
    keys = [key for jwk in listed if isinstance(jwk, dict) and (key := _signing_key(jwk))]
    if not keys:
        raise BadKeySetError("it has no key that can sign a token")
    return keys


def _signing_key(jwk: Mapping[str, Any]) -> SigningKey | None:
    algorithms = _algorithms(jwk)
    kid = jwk.get("kid")
    if not algorithms or not isinstance(kid, str | None) or not _meant_to_sign(jwk):
        return None
    try:
        return SigningKey(kid, algorithms, _imported(jwk))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """The algorithms that fit a key's type and curve, and its `alg`, if present."""
    fitting = [row for row in ALGORITHMS.values() if row.kty == jwk.get("kty") and row.curve in (None, jwk.get("crv"))]
    return frozenset(row.name for row in fitting if jwk.get("alg", row.name) == row.name)


def _meant_to_sign(jwk: Mapping[str, Any]) -> bool:
    """False if the key is for another use, or if its private part is published, so that anyone can sign with it."""
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations and "d" not in jwk


def _imported(jwk: Mapping[str, Any]) -> Key:
    public = {"kty": jwk["kty"], **{name: jwk[name] for name in _MEMBERS[jwk["kty"]]}}
    if "n" in public and not _MIN_RSA_BITS <= int.from_bytes(decoded(public["n"])).bit_length() <= _MAX_RSA_BITS:
        raise BadKeySetError("an RSA key is too short or too long")
    return JWKRegistry.import_key(public)
