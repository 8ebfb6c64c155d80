"""What a JWT must be to let its bearer in, and every way in which it may fail to be."""

import base64
import hmac
import json
import logging
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casbah import settings
from casbah.errors import BadSettingError, BadTenantError, InvalidTokenError
from casbah.identity import oidc
from casbah.identity.jwk import ALGORITHMS, signing_keys
from casbah.identity.jwt import MAX_CHARACTERS
from casbah.identity.keys import IssuerKeys
from casbah.identity.oidc import Issuer
from casbah.identity.permissions import SCOPES
from identity.issuing import (
    AUDIENCE,
    EVERY_KEY,
    ISSUER,
    SECOND,
    SIGNERS,
    claims,
    encoded,
    key,
    key_set,
    public,
    token,
)
from making import NOW

LEEWAY = 60


def judge(published: bytes | None = None, **changed) -> Issuer:
    """An issuer of the given keys, or of one of each kind."""
    jwks = published if published is not None else key_set(*map(public, EVERY_KEY))
    row = {
        "name": ISSUER,
        "audiences": frozenset({AUDIENCE, "second"}),
        "tenant_claim": "tid",
        "tenants": {},
        "leeway_ms": LEEWAY * 1_000,
        "keys": IssuerKeys(lambda: signing_keys(jwks), refresh=3_600, clock=lambda: NOW),
        "clock": lambda: NOW,
    }
    return Issuer(**{**row, **changed})


@pytest.fixture(scope="module")
def issuer():
    return judge()


def dated(name: str, number: str) -> str:
    """A token with a claim of that very spelling."""
    return token(json.dumps(claims(**{name: 7})).replace(f'"{name}": 7', f'"{name}": {number}'))


def reason(issuer: Issuer, text: str) -> str:
    """Why it is refused."""
    with pytest.raises(InvalidTokenError, match=r"^Invalid token\.$") as refused:
        issuer.caller(text)
    return refused.value.reason


# Good ones.


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_algorithm_is_accepted(issuer, alg):
    caller = issuer.caller(token(alg=alg, kind=SIGNERS[alg]))
    assert (caller.name, caller.tenant_id.name, caller.scopes, caller.owner) == ("ann@contoso.com", "contoso", {"Investigation.read"}, False)  # fmt: skip


GOOD = [
    pytest.param(lambda: token(claims(aud=["other", AUDIENCE])), id="several audiences, one of them ours"),
    pytest.param(lambda: token(claims(aud="second")), id="another of our audiences"),
    pytest.param(lambda: token(claims(nbf=None, iat=None)), id="no nbf and no iat"),
    pytest.param(lambda: token(claims(exp=SECOND - LEEWAY + 1)), id="expired within the leeway"),
    pytest.param(lambda: token(claims(nbf=SECOND + LEEWAY)), id="not yet good, within the leeway"),
    pytest.param(lambda: token(claims(iat=SECOND + LEEWAY)), id="issued in the future, within the leeway"),
    pytest.param(lambda: token(claims(exp=253_402_300_799)), id="good until the end of the year 9999"),
    pytest.param(lambda: token(claims(iat=0, nbf=0)), id="issued in 1970"),
    pytest.param(
        lambda: token(claims(iat=SECOND - 0.5, nbf=SECOND - 0.25, exp=SECOND + 0.5)), id="moments with fractions"
    ),
    pytest.param(
        lambda: dated("exp", f"{SECOND - LEEWAY}.000000000000000000001"),
        id="expired within the leeway by the least fraction",
    ),
    pytest.param(lambda: dated("exp", f"{SECOND - LEEWAY}.0010"), id="expired within the leeway by a millisecond"),
    pytest.param(lambda: dated("nbf", f"{SECOND + LEEWAY}.000"), id="not yet good, by the whole leeway, with zeros"),
    pytest.param(
        lambda: dated("iat", f"{SECOND + LEEWAY - 1}.99999999999999999999"),
        id="issued in the future, within the leeway by the least fraction",
    ),
    pytest.param(lambda: dated("exp", "2.5e11"), id="an exponent"),
    pytest.param(lambda: dated("iat", "1e-400"), id="a fraction that no float holds"),
    pytest.param(lambda: dated("iat", "-0.0"), id="minus zero"),
    pytest.param(lambda: token(header={"alg": "RS256", "kid": "rsa"}), id="no typ"),
    pytest.param(lambda: token(typ="at+jwt"), id="an access token by its typ"),
    pytest.param(lambda: token(typ="application/AT+JWT"), id="the same spelt out, in another case"),
    pytest.param(lambda: token(x5t="abc", nonce="1"), id="members of the header that do not matter"),
    pytest.param(lambda: token(header={"alg": "RS256"}), id="no kid, one key fits the algorithm"),
    pytest.param(lambda: token(claims(more={"deep": [[{"a": 1.5}]]})), id="claims that do not matter"),
]


@pytest.mark.parametrize("make", GOOD)
def test_good_tokens(issuer, make):
    assert issuer.caller(make()).tenant_id.name == "contoso"


def test_without_a_kid_every_fitting_key_is_tried():
    issuer = judge(key_set(public("other rsa"), public("p256"), public("rsa")))
    assert issuer.caller(token(header={"alg": "RS256"})).name == "ann@contoso.com"


def test_without_a_kid_no_more_than_sixteen_are_tried():
    issuer = judge(key_set(*(public("other rsa", kid=str(number)) for number in range(16)), public("rsa")))
    assert reason(issuer, token(header={"alg": "RS256"})) == "its signature is not the issuer's"


def test_two_keys_of_one_name_are_both_tried():
    issuer = judge(key_set(public("other rsa", kid="same"), public("rsa", kid="same")))
    assert issuer.caller(token(kid="same")).name == "ann@contoso.com"


# The attack table: each row a token, and why it is refused. The reason is part of it: refused by chance is not refused.


def public_as_secret(alg: str, secret: bytes) -> str:
    """An HMAC whose secret is the public key, which everybody has: what takes any `alg` takes it for the issuer's."""
    signed = token(alg="RS256", header={"alg": alg, "typ": "JWT", "kid": "rsa"}).rpartition(".")[0]
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), f'sha{alg[2:]}'))}"


def parts(text: str, **changed: str) -> str:
    named = dict(zip(("header", "claims", "signature"), text.split("."), strict=True))
    return ".".join({**named, **changed}.values())


def der(text: str) -> str:
    """An ES256 signature as OpenSSL writes it, in place of the two numbers that RFC 7518 asks for."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415  here alone

    raw = base64.urlsafe_b64decode(text.split(".")[2] + "==")
    numbers = (int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    return parts(text, signature=encoded(encode_dss_signature(*numbers)))


def loose(text: str) -> str:
    """The same bytes, spelt with bits set that no decoder keeps."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    assert len(text) % 4 == 2, "a signature of 256 bytes ends in four bits that mean nothing"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def pem(kind: str) -> bytes:
    return key(kind).as_pem(private=False)


EMBEDDED = {"alg": "RS256", "typ": "JWT", "kid": "other rsa"}

# fmt: off
ATTACKS = [
    # the algorithm
    pytest.param(lambda: token(header={"alg": "none", "typ": "JWT"}, secret=b""), "alg", id="alg none, no signature"),
    pytest.param(lambda: token(header={"alg": "None", "typ": "JWT"}, secret=b""), "alg", id="alg None, in another case"),
    pytest.param(lambda: token(header={"alg": "nOnE", "kid": "rsa"}, secret=b""), "alg", id="alg nOnE with a kid"),
    pytest.param(lambda: token(header={"alg": "none", "kid": "rsa"}), "alg", id="alg none over a good signature"),
    pytest.param(lambda: public_as_secret("HS256", pem("rsa")), "alg", id="HS256 with the public key in PEM as its secret"),
    pytest.param(lambda: public_as_secret("HS384", key_set(public("rsa"))), "alg", id="HS384 with the key set as its secret"),
    pytest.param(lambda: public_as_secret("HS512", public("rsa")["n"].encode()), "alg", id="HS512 with the modulus as its secret"),
    pytest.param(lambda: public_as_secret("HS256", b""), "alg", id="HS256 with no secret"),
    pytest.param(lambda: token(header={"alg": "RS1", "kid": "rsa"}), "alg", id="RS1, over SHA-1"),
    pytest.param(lambda: token(header={"alg": "rs256", "kid": "rsa"}), "alg", id="rs256 in lower case"),
    pytest.param(lambda: token(header={"alg": "", "kid": "rsa"}), "alg", id="an empty alg"),
    pytest.param(lambda: token(header={"kid": "rsa"}), "alg", id="no alg"),
    pytest.param(lambda: token(header={"alg": ["RS256"], "kid": "rsa"}), "alg", id="a list as alg"),
    pytest.param(lambda: token(header={"alg": None, "kid": "rsa"}), "alg", id="null as alg"),
    pytest.param(lambda: token(alg="ES256K", kind="k256"), "alg", id="ES256K, a curve that is not accepted"),
    pytest.param(lambda: token(header={"alg": "RSA-OAEP", "kid": "rsa"}), "alg", id="an algorithm that encrypts"),
    pytest.param(lambda: token(header={"alg": "RS384", "kid": "rsa"}), "signature", id="RS384 claimed, RS256 signed"),
    pytest.param(lambda: token(header={"alg": "PS256", "kid": "rsa"}), "signature", id="PS256 claimed, RS256 signed"),
    pytest.param(lambda: token(header={"alg": "ES256", "kid": "rsa"}), "kid and alg", id="ES256 with the name of an RSA key"),
    pytest.param(lambda: token(header={"alg": "RS256", "kid": "p256"}, kind="p256", alg="ES256"), "kid and alg", id="RS256 with the name of an EC key"),
    pytest.param(lambda: token(header={"alg": "ES384", "kid": "p256"}, kind="p256", alg="ES256"), "kid and alg", id="ES384 with a key of P-256"),
    pytest.param(lambda: token(header={"alg": "EdDSA", "kid": "p256"}, kind="p256", alg="ES256"), "kid and alg", id="EdDSA with the name of an EC key"),
    # the key
    pytest.param(lambda: token(kind="other rsa"), "kid and alg", id="a stranger's key under its own name"),
    pytest.param(lambda: token(kind="other rsa", kid="rsa"), "signature", id="a stranger's key under the issuer's name"),
    pytest.param(lambda: token(kid="../../dev/null"), "kid and alg", id="a path as kid"),
    pytest.param(lambda: token(kid="' or 1=1 --"), "kid and alg", id="SQL as kid"),
    pytest.param(lambda: token(kid=""), "kid and alg", id="an empty kid"),
    pytest.param(lambda: token(kid=7), "kid", id="a number as kid"),
    pytest.param(lambda: token(kid=None), "kid", id="null as kid"),
    pytest.param(lambda: token(kid=["rsa"]), "kid", id="a list as kid"),
    pytest.param(lambda: token(header={**EMBEDDED, "jwk": public("other rsa")}, kind="other rsa"), "own key", id="a key that the token brings with it"),
    pytest.param(lambda: token(jku="https://evil.contoso.com/keys"), "10): jku", id="an address of keys"),
    pytest.param(lambda: token(x5u="https://evil.contoso.com/cert"), "10): x5u", id="an address of a certificate"),
    pytest.param(lambda: token(x5c=["MIIC"]), "10): x5c", id="a certificate that the token brings with it"),
    # the header
    pytest.param(lambda: token(crit=["exp"]), "crit", id="crit with a name that it does not hold"),
    pytest.param(lambda: token(crit=[]), "crit", id="an empty crit"),
    pytest.param(lambda: token(crit=["b64"], b64=False), "crit", id="a payload that is not encoded, crit"),
    pytest.param(lambda: token(b64=False), "b64", id="a payload that is not encoded"),
    pytest.param(lambda: token(b64=True), "b64", id="b64 true"),
    pytest.param(lambda: token(zip="DEF"), "compressed", id="compressed claims"),
    pytest.param(lambda: token(enc="A256GCM"), "encrypted", id="enc in the header of three parts"),
    pytest.param(lambda: token(typ="logout+jwt"), "typ", id="a token that logs out"),
    pytest.param(lambda: token(typ="dpop+jwt"), "typ", id="a proof of possession"),
    pytest.param(lambda: token(typ="JWE"), "typ", id="typ JWE"),
    pytest.param(lambda: token(typ=["JWT"]), "typ", id="a list as typ"),
    pytest.param(lambda: token(header='{"alg":"none","alg":"RS256","kid":"rsa"}'), "header cannot", id="alg twice"),
    pytest.param(lambda: token(header='{"alg":"RS256","kid":"rsa","kid":"p256"}'), "header cannot", id="kid twice"),
    pytest.param(lambda: token(header='{"alg":"RS256","kid":"rsa","x":{"a":1,"a":2}}'), "header cannot", id="a key twice, deep in the header"),
    pytest.param(lambda: token(header='["RS256"]'), "not an object", id="a header that is a list"),
    pytest.param(lambda: token(header='"RS256"'), "not an object", id="a header that is a string"),
    pytest.param(lambda: token(header='\ufeff{"alg":"RS256","kid":"rsa"}'), "header cannot", id="a header with a byte order mark"),
    pytest.param(lambda: token(header="{'alg':'RS256','kid':'rsa'}"), "header cannot", id="a header that is not JSON"),
    pytest.param(lambda: token(header=""), "header cannot", id="no header"),
    pytest.param(lambda: parts(token(), header=encoded(b"\xff\xfe")), "header cannot", id="a header that is not UTF-8"),
    # the shape
    pytest.param(lambda: "", "1 parts", id="nothing"),
    pytest.param(lambda: "..", "header cannot", id="three empty parts"),
    pytest.param(lambda: token().rpartition(".")[0], "2 parts", id="two parts"),
    pytest.param(lambda: token() + ".", "4 parts", id="four parts"),
    pytest.param(lambda: "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d", "5 parts", id="five parts: encrypted"),
    pytest.param(lambda: json.dumps({"payload": "e30", "protected": "e30", "signature": "AA"}), "1 parts", id="the JSON serialisation"),
    pytest.param(lambda: token() + "=", "base64url", id="padding at the end"),
    pytest.param(lambda: parts(token(), signature=loose(token().split(".")[2])), "base64url", id="bits that no decoder keeps"),
    pytest.param(lambda: token().replace(".", "\n."), "base64url", id="a line feed within"),
    pytest.param(lambda: token() + " ", "base64url", id="a blank at the end"),
    pytest.param(lambda: parts(token(), signature="+" + token().split(".")[2][1:]), "base64url", id="base64 of the other alphabet"),
    pytest.param(lambda: parts(token(), signature=token().split(".")[2][:-2] + "é"), "base64url", id="beyond ASCII"),
    pytest.param(lambda: parts(token(), signature="\ud800"), "base64url", id="a lone surrogate"),
    pytest.param(lambda: token(claims(pad="x" * MAX_CHARACTERS)), "longer", id="longer than 16 KiB"),
    pytest.param(lambda: parts(token(), signature=""), "signature", id="no signature"),
    pytest.param(lambda: token(alg="ES256", kind="p256", secret=bytes(64)), "signature", id="an ES256 signature of zeros"),
    pytest.param(lambda: token(alg="ES256", kind="p256", secret=b"\xff" * 64), "signature", id="an ES256 signature past the curve's order"),
    pytest.param(lambda: der(token(alg="ES256", kind="p256")), "signature", id="an ES256 signature in DER"),
    pytest.param(lambda: token(alg="EdDSA", kind="ed25519", secret=bytes(64)), "signature", id="an EdDSA signature of zeros"),
    pytest.param(lambda: token(secret=bytes(256)), "signature", id="an RSA signature of zeros"),
    pytest.param(lambda: token(secret=bytes(5_000)), "signature", id="an RSA signature that is far too long"),
    pytest.param(lambda: parts(token(), claims=encoded(json.dumps(claims(tid="fabrikam")))), "signature", id="another tenant put in"),
    pytest.param(lambda: parts(token(), claims=encoded(json.dumps(claims(scp="Admin.manage")))), "signature", id="another scope put in"),
    pytest.param(lambda: parts(token(), claims=encoded(json.dumps(claims(), indent=1))), "signature", id="the same claims spelt otherwise"),
    # the claims as a whole
    pytest.param(lambda: token("[]"), "not an object", id="claims that are a list"),
    pytest.param(lambda: token("null"), "not an object", id="claims that are null"),
    pytest.param(lambda: token("7"), "not an object", id="claims that are a number"),
    pytest.param(lambda: token(""), "claims cannot", id="no claims"),
    pytest.param(lambda: token(token()), "claims cannot", id="a token within a token"),
    pytest.param(lambda: token(b"\xc3\x28"), "claims cannot", id="claims that are not UTF-8"),
    pytest.param(lambda: token(json.dumps(claims()) + "{}"), "claims cannot", id="two objects of claims"),
    pytest.param(lambda: token('{"tid":"fabrikam",' + json.dumps(claims())[1:]), "claims cannot", id="tid twice"),
    pytest.param(lambda: token('{"a":{"b":1,"b":2},' + json.dumps(claims())[1:]), "claims cannot", id="a key twice, deep in the claims"),
    pytest.param(lambda: token("[" * 11_000), "claims cannot", id="nested deeper than anybody reads"),
    pytest.param(lambda: token('{"exp":' + "9" * 5_000 + "}"), "claims cannot", id="a number of 5,000 digits"),
    # iss
    pytest.param(lambda: token(claims(iss="https://evil.contoso.com")), "iss", id="another issuer"),
    pytest.param(lambda: token(claims(iss=ISSUER + "/")), "iss", id="the issuer with a slash more"),
    pytest.param(lambda: token(claims(iss=ISSUER.upper())), "iss", id="the issuer in another case"),
    pytest.param(lambda: token(claims(iss=[ISSUER])), "iss", id="a list of issuers"),
    pytest.param(lambda: token(claims(iss=None)), "iss", id="no iss"),
    # aud
    pytest.param(lambda: token(claims(aud="api://other")), "aud", id="meant for somebody else"),
    pytest.param(lambda: token(claims(aud=["api://other", "third"])), "aud", id="meant for several others"),
    pytest.param(lambda: token(claims(aud=AUDIENCE + "/")), "aud", id="our audience with a slash more"),
    pytest.param(lambda: token(claims(aud=[])), "aud", id="meant for nobody"),
    pytest.param(lambda: token(claims(aud=None)), "aud", id="no aud"),
    pytest.param(lambda: token(claims(aud={AUDIENCE: True})), "aud", id="an object as aud"),
    pytest.param(lambda: token(claims(aud=[AUDIENCE, 7])), "aud", id="a number among the audiences"),
    pytest.param(lambda: token(claims(aud=f"{AUDIENCE} second")), "aud", id="our audiences with a blank between"),
    # dates
    pytest.param(lambda: token(claims(exp=None)), "exp", id="no exp"),
    pytest.param(lambda: token(claims(exp=SECOND - LEEWAY)), "expired", id="expired by the whole leeway"),
    pytest.param(lambda: token(claims(exp=0)), "expired", id="expired in 1970"),
    pytest.param(lambda: token(claims(exp=str(SECOND + 60))), "exp is not", id="a string as exp"),
    pytest.param(lambda: token(claims(exp=SECOND - 60.5)), "expired", id="expired by a fraction past the leeway"),
    pytest.param(lambda: dated("exp", f"{SECOND - LEEWAY - 1}.99999999999999999999"), "expired", id="expired by the least fraction"),
    pytest.param(lambda: dated("exp", f"{SECOND - LEEWAY}.0"), "expired", id="expired by the whole leeway, with a zero"),
    pytest.param(lambda: dated("exp", "253402300799.5"), "exp is not", id="a fraction past the year 9999"),
    pytest.param(lambda: dated("exp", "1e99999999999999999999"), "claims cannot", id="an exponent of 20 digits"),
    pytest.param(lambda: dated("exp", "1e999999999"), "exp is not", id="an exponent of 9 digits"),
    pytest.param(lambda: dated("exp", f'"{SECOND + 60}.5"'), "exp is not", id="a string with a fraction as exp"),
    pytest.param(lambda: dated("nbf", f"{SECOND + LEEWAY}.000000000000000000001"), "nbf lies", id="not yet good by the least fraction"),
    pytest.param(lambda: dated("iat", f"{SECOND + LEEWAY}.5"), "iat lies", id="issued in the future by a fraction"),
    pytest.param(lambda: dated("iat", "-0.5"), "iat is not", id="a negative fraction as iat"),
    pytest.param(lambda: dated("nbf", "NaN"), "claims cannot", id="NaN as nbf"),
    pytest.param(lambda: token(claims(exp=True)), "exp is not", id="true as exp"),
    pytest.param(lambda: token(claims(exp=-1)), "exp is not", id="a negative exp"),
    pytest.param(lambda: token(claims(exp=NOW)), "exp is not", id="exp in ms, past the year 9999"),
    pytest.param(lambda: token(claims(exp=10**400)), "exp is not", id="an exp of 400 digits"),
    pytest.param(lambda: token(json.dumps(claims(exp=7)).replace('"exp": 7', '"exp": 1e999')), "exp is not", id="1e999 as exp"),
    pytest.param(lambda: token(json.dumps(claims(exp=float("nan")))), "claims cannot", id="NaN as exp"),
    pytest.param(lambda: token(json.dumps(claims(exp=float("inf")))), "claims cannot", id="Infinity as exp"),
    pytest.param(lambda: token(json.dumps(claims(exp=7)).replace('"exp": 7', '"exp": null')), "exp is not", id="null as exp"),
    pytest.param(lambda: token(claims(exp=[SECOND + 60])), "exp is not", id="a list as exp"),
    pytest.param(lambda: token(claims(nbf=SECOND + LEEWAY + 1)), "nbf lies", id="not yet good, past the leeway"),
    pytest.param(lambda: token(claims(nbf="soon")), "nbf is not", id="a string as nbf"),
    pytest.param(lambda: token(claims(nbf=False)), "nbf is not", id="false as nbf"),
    pytest.param(lambda: token(claims(iat=SECOND + LEEWAY + 1)), "iat lies", id="issued in the future, past the leeway"),
    pytest.param(lambda: token(claims(iat=-7)), "iat is not", id="a negative iat"),
    # the tenant
    pytest.param(lambda: token(claims(tid=None)), "tid", id="no tenant"),
    pytest.param(lambda: token(claims(tid="")), "tid", id="an empty tenant"),
    pytest.param(lambda: token(claims(tid="../default")), "tid", id="a path as tenant"),
    pytest.param(lambda: token(claims(tid=["contoso"])), "tid", id="a list of tenants"),
    pytest.param(lambda: token(claims(tid=7)), "tid", id="a number as tenant"),
    pytest.param(lambda: token(claims(tid="\u212Aontoso")), "tid", id="a Kelvin sign, whose lower case is k"),
    pytest.param(lambda: token(claims(tid="contoso\n")), "tid", id="a tenant with a line feed"),
    pytest.param(lambda: token(claims(tid="x" * 65)), "tid", id="a tenant of 65 characters"),
    pytest.param(lambda: token(claims(tid="contoso\x00")), "tid", id="a tenant with a null byte"),
    # the scopes
    pytest.param(lambda: token(claims(scp=7)), "scp", id="a number as scp"),
    pytest.param(lambda: token(claims(scp={"Admin.manage": True})), "scp", id="an object as scp"),
    pytest.param(lambda: token(claims(roles=["Admin.manage", 7])), "roles", id="a number among the roles"),
    pytest.param(lambda: token(claims(roles=True)), "roles", id="true as roles"),
]
# fmt: on


@pytest.mark.parametrize("make, why", ATTACKS)
def test_attacks_are_refused(issuer, make, why):
    assert why in reason(issuer, make())


def test_what_a_token_says_of_why_is_not_told_and_nothing_of_it_is_logged(issuer, caplog):
    text = token(claims(aud="api://stolen-secret", preferred_username="stolen-secret"), kid="stolen-secret")
    with caplog.at_level(logging.DEBUG, logger="casbah"):
        reason(issuer, text)
    assert "aud" in caplog.text
    assert "stolen" not in caplog.text
    assert not any(part in caplog.text for part in text.split("."))


# Scopes, tenants, names.

# fmt: off
SCOPED = [
    pytest.param({"scp": "Investigation.read Ingest.write"}, {"Investigation.read", "Ingest.write"}, id="scp with a blank between"),
    pytest.param({"scp": "  Investigation.read  "}, {"Investigation.read"}, id="scp with blanks around"),
    pytest.param({"scp": ["Investigation.read"]}, {"Investigation.read"}, id="scp as a list"),
    pytest.param({"scp": None, "scope": "Ingest.write"}, {"Ingest.write"}, id="scope"),
    pytest.param({"scp": None, "roles": ["Admin.manage"]}, {"Admin.manage"}, id="roles"),
    pytest.param({"roles": ["Admin.manage"]}, {"Investigation.read", "Admin.manage"}, id="scp and roles"),
    pytest.param({"scp": "openid user.read Investigation.manage"}, {"Investigation.manage"}, id="unknown ones are nothing"),
    pytest.param({"scp": "investigation.read"}, set(), id="in another case"),
    pytest.param({"scp": "Investigation.read,Ingest.write"}, set(), id="with commas between"),
    pytest.param({"scp": "Investigation.read\tIngest.write"}, set(), id="with a tab between"),
    pytest.param({"scp": "*"}, set(), id="a star"),
    pytest.param({"scp": ""}, set(), id="empty"),
    pytest.param({"scp": None}, set(), id="none"),
    pytest.param({"scp": None, "groups": ["Admin.manage"], "permissions": ["Admin.manage"]}, set(), id="claims that grant nothing"),
    pytest.param({"scp": " ".join(SCOPES)}, set(SCOPES), id="all"),
]
# fmt: on


@pytest.mark.parametrize("changed, scopes", SCOPED)
def test_scopes(issuer, changed, scopes):
    assert issuer.caller(token(claims(**changed))).scopes == scopes


MAP = {"0F3C-AA": "contoso", "Contoso Ltd": "ltd"}
TENANTS = [
    pytest.param({}, "Contoso", "contoso", id="the value in lower case"),
    pytest.param({}, "0F3C2B1A-0000-4000-8000-1234567890AB", "0f3c2b1a-0000-4000-8000-1234567890ab", id="a GUID"),
    pytest.param(MAP, "0F3C-AA", "contoso", id="by the map"),
    pytest.param(MAP, "Contoso Ltd", "ltd", id="by the map, a value that no tenant could have"),
    pytest.param(MAP, "0f3c-aa", None, id="in the map in another case"),
    pytest.param(MAP, "contoso", None, id="not in the map, though it names a tenant in it"),
    pytest.param(MAP, "", None, id="empty, with a map"),
]


@pytest.mark.parametrize("tenants, value, tenant", TENANTS)
def test_tenants(tenants, value, tenant):
    issuer, text = judge(tenants=tenants), token(claims(tid=value))
    if tenant is None:
        assert "CASBAH_OIDC_TENANTS" in reason(issuer, text)
    else:
        assert issuer.caller(text).tenant_id.name == tenant


def test_another_claim_may_say_the_tenant():
    issuer = judge(tenant_claim="https://contoso.com/tenant")
    assert issuer.caller(token(claims(**{"https://contoso.com/tenant": "blue"}))).tenant_id.name == "blue"
    assert "https://contoso.com/tenant" in reason(issuer, token())


NAMES = [
    pytest.param(
        {"preferred_username": "ann@contoso.com", "upn": "x"}, "ann@contoso.com", id="preferred_username first"
    ),
    pytest.param({"upn": "ann@contoso.com", "email": "x"}, "ann@contoso.com", id="then upn"),
    pytest.param({"email": "ann@contoso.com", "azp": "x"}, "ann@contoso.com", id="then email"),
    pytest.param({"azp": "app-1", "appid": "x"}, "app-1", id="then azp"),
    pytest.param({"appid": "app-2"}, "app-2", id="then appid"),
    pytest.param({"sub": "s"}, "s", id="else sub"),
    pytest.param({"sub": "local"}, "nameless", id="nothing but a reserved name"),
    pytest.param({"preferred_username": 7, "sub": "s"}, "s", id="a number is no name"),
    pytest.param({"preferred_username": " \t\n", "sub": "s"}, "s", id="blanks are no name"),
    pytest.param({"preferred_username": "a\r\nb\x1b[31m\x00"}, "ab[31m", id="control characters go"),
    pytest.param({"preferred_username": "ann\u202etxt"}, "anntxt", id="what turns text around goes"),
    pytest.param({"preferred_username": "a\ud800b"}, "ab", id="lone surrogates go"),
    pytest.param({"preferred_username": "Zoë 李"}, "Zoë 李", id="other scripts stay"),
    pytest.param({"preferred_username": "x" * 1_000}, "x" * 256, id="a long one is cut"),
]


@pytest.mark.parametrize("changed, name", NAMES)
def test_names(issuer, changed, name):
    assert issuer.caller(token(claims(**{"preferred_username": None, **changed}))).name == name


# Properties.

GOOD_TOKEN = token()
GOOD_ES_TOKEN = token(alg="ES256", kind="p256")


@given(data=st.data(), good=st.sampled_from([GOOD_TOKEN, GOOD_ES_TOKEN]))
def test_any_changed_character_is_refused(data, good):
    at = data.draw(st.integers(0, len(good) - 1))
    into = data.draw(st.characters(max_codepoint=0x17F).filter(lambda each: each != good[at]))
    reason(JUDGE, good[:at] + into + good[at + 1 :])


@given(at=st.integers(0, len(GOOD_TOKEN) - 1), count=st.integers(1, 400))
def test_any_missing_stretch_is_refused(at, count):
    reason(JUDGE, GOOD_TOKEN[:at] + GOOD_TOKEN[at + count :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.dictionaries(st.sampled_from(sorted(claims())), JSON, max_size=4)


@given(text=st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,60}(\.[A-Za-z0-9_-]{0,60}){2}", fullmatch=True))
@example("..")
@example("a.b.c")
def test_random_text_is_an_invalid_token_and_nothing_else(text):
    reason(JUDGE, text)
    assert JUDGE.may_wait(text) is False


@given(head=JSON | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), JSON | st.just("RS256")))
def test_random_headers_are_an_invalid_token_and_nothing_else(head):
    reason(JUDGE, token(header=json.dumps(head), secret=b"x"))


@given(changed=CLAIMS)
def test_random_claims_of_the_issuer_s_own_let_in_or_are_invalid(changed):
    """Signed by the issuer, so that it is the claims alone that are judged."""
    try:
        caller = JUDGE.caller(token({**claims(), **changed}, kind="ed25519", alg="Ed25519"))
    except InvalidTokenError:
        return
    assert caller.scopes <= set(SCOPES)
    assert caller.name.isprintable()
    assert {**claims(), **changed}["iss"] == ISSUER


JUDGE = judge()

# Settings.


def chosen(**given: str) -> settings.Settings:
    return settings.read({}, oidc_issuer=ISSUER, **given)


def test_no_issuer_no_judge():
    assert oidc.issuer(settings.read({}, oidc_audience=AUDIENCE), clock=lambda: NOW) is None


def test_an_issuer_needs_an_audience():
    with pytest.raises(BadSettingError, match=r"CASBAH_OIDC_AUDIENCE: expected .*api://casbah.*CASBAH_OIDC_ISSUER"):
        oidc.issuer(chosen(), clock=lambda: NOW)


def test_a_tenant_of_the_map_must_be_one_that_can_be():
    with pytest.raises(BadTenantError, match="Contoso Ltd"):
        oidc.issuer(chosen(oidc_audience=AUDIENCE, oidc_tenants="a=blue,b=Contoso Ltd"), clock=lambda: NOW)


def test_settings_make_the_judge_that_they_say(tmp_path):
    (tmp_path / "keys.json").write_bytes(key_set(public("rsa")))
    made = oidc.issuer(
        chosen(
            oidc_audience=f"other, {AUDIENCE}",
            oidc_jwks=str(tmp_path / "keys.json"),
            oidc_tenant_claim="org",
            oidc_tenants="17=blue",
            oidc_leeway="5",
        ),
        clock=lambda: NOW,
    )
    assert made.caller(token(claims(org="17", exp=SECOND - 4))).tenant_id.name == "blue"
    assert "expired" in reason(made, token(claims(org="17", exp=SECOND - 5)))
