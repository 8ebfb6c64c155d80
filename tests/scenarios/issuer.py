"""A made-up issuer of bearer tokens: its key set, and tokens of any claims, good and forged.

Forged tokens are put together by hand, because no library would: RFC 8725 names the ways.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

ISSUER = "https://login.example/contoso"
AUDIENCE = "api://casbah"
_RELATIVE = ("exp", "nbf", "iat")


@cache
def key(name: str) -> RSAKey:
    """A key of that name; the issuer's own is `issuer`."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


def key_set() -> str:
    """What the issuer publishes."""
    return json.dumps(KeySet([key("issuer")]).as_dict(private=False))


def token(row: Mapping[str, Any]) -> str:
    """A token as a file describes it: `claims` over the usual ones (null: without it), `signed` how.

    `exp`, `nbf` and `iat` are seconds from now.
    """
    usual = {"iss": ISSUER, "sub": "0f3c", "aud": AUDIENCE, "scp": "Investigation.read", "iat": 0, "nbf": 0, "exp": 300}
    claims = {name: each for name, each in {**usual, **row.get("claims", {})}.items() if each is not None}
    for name in _RELATIVE:
        if isinstance(claims.get(name), int):
            claims[name] += int(time.time())
    return _SIGNED[row.get("signed", "by the issuer")](claims)


def _by(name: str, *, claimed: str = "issuer") -> Any:
    return lambda claims: jwt.encode({"alg": "RS256", "kid": claimed}, claims, key(name))


def _by_nobody(claims: Mapping[str, Any]) -> str:
    return f"{_joined({'alg': 'none', 'kid': 'issuer'}, claims)}."


def _with_the_public_key(claims: Mapping[str, Any]) -> str:
    """Signed as if the public key were a shared secret: a verifier that lets the token choose the algorithm believes it."""
    text = _joined({"alg": "HS256", "kid": "issuer"}, claims)
    secret = key("issuer").as_pem(private=False)
    return f"{text}.{_encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def _changed_afterwards(claims: Mapping[str, Any]) -> str:
    head, _, signature = _by("issuer")({**claims, "scp": "Investigation.read"}).split(".")
    return f"{head}.{_encoded(json.dumps(claims).encode())}.{signature}"


def _joined(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"


def _encoded(found: bytes) -> str:
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


_SIGNED = {
    "by the issuer": _by("issuer"),
    "by a stranger": _by("stranger"),
    "by a stranger under its own name": _by("stranger", claimed="stranger"),
    "by nobody": _by_nobody,
    "with the public key": _with_the_public_key,
    "and changed afterwards": _changed_afterwards,
}
