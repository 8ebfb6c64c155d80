"""Hostile requests, the same for the same seed: near misses of good ones, noise, and good ones in between.

    reading(dice, keys)   requests that change nothing, or may not
    writing(dice, keys)   requests that may change something: ingest, feedback, tokens

What writing adds is drawn from a small stock, so that a store stays small however many requests it takes.
"""

import base64
import gzip
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import samples
from casbah.activity.language import FILTERS, OPERATORS

SMALL = (
    made for made in map(samples.random_record, map(random.Random, itertools.count())) if len(json.dumps(made)) < 2_000
)
RECORDS = [made | {"_id": f"a{number}", "uid": f"a{number}", "timestamp": 1_000 * number} for number, made in enumerate(itertools.islice(SMALL, 40))]  # fmt: skip
"""Small, so that answers are quickly read."""

BAD_FILTERS = [filters for filters, _ in samples.bad_filters()]

METHODS = ("GET", "POST", "GET", "POST", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "BREW", "")
QUERIES = (b"/api/v1/activities/", b"/api/v1/activities", b"/cas/api/v1/activities/", b"/api/v1/activities/count/")
PATHS = (
    *QUERIES, b"/api/v1/activities/a1/", b"/api/v1/activities/a1/feedback", b"/api/v1/activities/metadata", b"/api/ext/v1/activities",
    b"/api/ext/v1/activities/a1/feedback", b"/api/ext/v1/tokens", b"/api/ext/v1/tokens/x", b"/api/ext/v1/mimic", b"/livez", b"/readyz",
    b"/openapi.json", b"/docs", b"/", b"", b"/nowhere", b"*",
)  # fmt: skip
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=XX"
LABELS = (JSON, FORM, MULTIPART, b"text/plain", b"", b"multipart/form-data", b"\xe9", b";;", b"application/json; charset=utf-16", b'multipart/form-data; boundary="')  # fmt: skip
ODD = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, "", " ", "x", "null", "true", "0", "-1",
    "1e3", "٣", "\x00", "\ud800", "😀", "a" * 5_000, [], {}, [[]], [{}], {"": ""}, {"start": 1}, {"start": None, "end": None},
    {"start": "x", "end": []}, {"id": "x"}, {"id": {}, "saas": True}, {"role": 1}, {"role": "x"}, "1.2.3.4", "::1", "10.0.0.0/8", "::/0",
    "0.0.0.0/0", "1.2.3.4/99", "s:x,t:2", "t:", "s:", "t:99999999999999999999999",
)  # fmt: skip
NAMES = (
    "skip", "limit", "sortField", "sortDirection", "isScan", "feedback", "feedbackValue", "feedbackText", "allowContact", "contactEmail",
    "name", "scopes", "tenant", "extra",
)  # fmt: skip
HEADERS = (
    (b"connection", b"close"), (b"connection", b"upgrade"), (b"upgrade", b"h2c"), (b"content-encoding", b"gzip"), (b"range", b"bytes=0-1"),
    (b"expect", b"100-continue"), (b"accept", b"text/html"), (b"accept-encoding", b"br;q=x"), (b"host", b""), (b"if-none-match", b"*"),
    (b"transfer-encoding", b"chunked"), (b"x-http-method-override", b"DELETE"), (b"x-forwarded-for", b"\xff"), (b"cookie", b"=" * 4_000),
    (b"content-length", b""), (b"content-length", b"-1"), (b"content-length", b"\xb2"), (b"content-length", b"0"),
    (b"content-length", b"99999999999999999999"), (b"content-length", b"1" * 5_000), (b"authorization", b"Token x"),
)  # fmt: skip
SOURCES = (b"mdca", b"microsoft365", b"cloudtrail", b"google_workspace", b"arrivals", b"cloudtrial", b"", b"%ff")
EVENTS = (
    *RECORDS,
    {"CreationTime": "2024-01-01T00:00:00", "Id": "i1", "Operation": "FileAccessed", "OrganizationId": "o1", "RecordType": 6, "UserType": 0, "UserKey": "k", "Workload": "SharePoint", "UserId": "u1@contoso.com"},
    {"eventVersion": "1.08", "eventTime": "2024-01-01T00:00:00Z", "eventID": "e1", "eventName": "GetObject", "eventSource": "s3.amazonaws.com", "awsRegion": "us-east-1", "userIdentity": {"type": "Root"}, "recipientAccountId": "111122223333"},
    {"kind": "admin#reports#activity", "id": {"time": "2024-01-01T00:00:00.000Z", "uniqueQualifier": "-1", "applicationName": "login", "customerId": "C1"}, "actor": {"email": "u1@contoso.com"}, "events": [{"type": "login", "name": "login_success"}]},
    {"id": "a1", "timestamp": 1_000, "record": '{"_id":"a1","timestamp":1000}', "digest": None, "created": None, "adds": ["uid", "created"]},
)  # fmt: skip
CSV = b"CreationDate,UserIds,Operations,AuditData\r\n2024-01-01T00:00:00,u1@contoso.com,FileAccessed,%b\r\n"
CLAIMS = {
    "iss": "https://login.contoso.com/",
    "aud": "casbah",
    "tid": "default",
    "scp": "Investigation.read",
    "sub": "s",
}


Writing = tuple[str, bytes, bytes, bytes]
"""Method, path, label of the body, body."""


@dataclass(frozen=True)
class Keys:
    """Who may ask: the owner, a token that may only read, and whoever signs JWTs of these claims."""

    owner: str
    reader: str
    signed: Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Asked:
    method: str
    path: bytes
    headers: list[tuple[bytes, bytes]]
    chunks: list[bytes]


def reading(dice: random.Random, keys: Keys) -> Asked:
    """Mostly queries; what would write comes from one who may only read."""
    label, text = body(dice, parameters(dice))
    if dice.random() < 0.75:
        method, path, key = dice.choice(("GET", "POST")), queried(dice, dice.choice(QUERIES)), keys.owner
    else:
        known = dice.choice([each for each in PATHS if not each.endswith(b"feedback")])
        method, path, key = dice.choice(METHODS), misspelt(dice, queried(dice, known)), keys.reader
    return Asked(method, path, described(dice, label) + authorized(dice, keys, key), pieces(dice, text))


def writing(dice: random.Random, keys: Keys) -> Asked:
    method, path, label, text = dice.choices(WRITERS, (4, 3, 1, 1, 1))[0](dice)
    return Asked(method, path, described(dice, label) + authorized(dice, keys, keys.owner), pieces(dice, text))


def ingesting(dice: random.Random) -> Writing:
    source = b"" if dice.random() < 0.5 else b"?source=" + dice.choice(SOURCES)
    return "POST", b"/api/ext/v1/activities" + source, b"application/x-ndjson", events(dice)


def giving_feedback(dice: random.Random) -> Writing:
    """Feedback on one of many, so that no one has much of it."""
    path = b"/api/v1/activities/a%d/feedback" % dice.randrange(2, 80)
    return dice.choice(("POST", "POST", "GET")), path, *body(dice, feedback(dice))


def making_tokens(dice: random.Random) -> Writing:
    return "POST", b"/api/ext/v1/tokens", *body(dice, token(dice))


def revoking_tokens(dice: random.Random) -> Writing:
    named = dice.choice((b"t1", b"t2", b"%00", quote(noise(dice)).encode()))
    return "DELETE", b"/api/ext/v1/tokens/" + named, b"", b""


def writing_anywhere(dice: random.Random) -> Writing:
    path = misspelt(dice, queried(dice, dice.choice(PATHS)))
    return dice.choice(METHODS), path, *body(dice, parameters(dice))


WRITERS = (ingesting, giving_feedback, making_tokens, revoking_tokens, writing_anywhere)


def noise(dice: random.Random, maximum: int = 60) -> bytes:
    return dice.randbytes(dice.randrange(maximum))


def parameters(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"filters": filters(dice)}
    for name in NAMES:
        if dice.random() < 0.05:
            found[name] = dice.choice(ODD)
    if dice.random() < 0.4:
        found["isScan"] = True
    return found


def filters(dice: random.Random) -> Any:
    kind = dice.random()
    if kind < 0.08:
        return dice.choice(ODD)
    if kind < 0.16:
        return dice.choice(BAD_FILTERS)
    if kind < 0.24:
        return samples.random_filters(dice, RECORDS)
    known = tuple(FILTERS) if dice.random() < 0.95 else ("activity.eventType", "zzz", "")
    return {name: operators(dice, name) for name in (dice.choice(known) for _ in range(dice.randrange(3)))}


def operators(dice: random.Random, name: str) -> Any:
    if dice.random() < 0.05:
        return dice.choice(ODD)
    taken = FILTERS[name].operators if name in FILTERS and dice.random() < 0.95 else (*OPERATORS, "EQ", "zzz")
    chosen = [dice.choice(taken) for _ in range(dice.randrange(3))]
    return {
        each: dice.choice([dice.choice(ODD), [dice.choice(ODD) for _ in range(dice.randrange(3))]]) for each in chosen
    }


def feedback(dice: random.Random) -> dict[str, Any]:
    return {name: dice.choice(ODD) for name in NAMES[5:10] if dice.random() < 0.4}


def token(dice: random.Random) -> dict[str, Any]:
    """Hardly ever one that can be made: the list of tokens is not to grow."""
    scopes = dice.choice((["Investigation.read"], "Admin.manage,Ingest.write")) if dice.random() < 0.05 else dice.choice(ODD[3:])  # fmt: skip
    given = {"name": dice.choice(("t1", "t2", *ODD)), "tenant": dice.choice(("default", *ODD)), "scopes": scopes}
    return {name: each for name, each in given.items() if name == "scopes" or dice.random() < 0.7}


def body(dice: random.Random, given: dict[str, Any]) -> tuple[bytes, bytes]:
    """Parameters in one of the encodings, more or less, and its label."""
    kind = dice.random()
    text = json.dumps(given, ensure_ascii=kind < 0.9).encode("utf-8", "surrogatepass")
    if kind < 0.6:
        return JSON, text
    if kind < 0.7:
        return JSON, text.replace(b"}", b', "filters": {}}', 1) if dice.random() < 0.5 else b"\xef\xbb\xbf\r\n" + text
    fields = {name.encode(): each.encode("utf-8", "surrogatepass") for name, each in written(given).items()}
    if kind < 0.8:
        return FORM, b"&".join(name + b"=" + quote_plus(each).encode() for name, each in fields.items())
    if kind < 0.9:
        parts = (b'--XX\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % item for item in fields.items())
        return MULTIPART, damaged(dice, b"".join(parts) + b"--XX--\r\n")
    odd = (b"", noise(dice, 400), damaged(dice, text), gzip.compress(text, 1), b"\x1f\x8b" + noise(dice), text * 2, b"[" * 300 + text)  # fmt: skip
    return dice.choice(LABELS), dice.choice(odd)


def written(given: dict[str, Any]) -> dict[str, str]:
    """Parameters as forms and query strings hold them."""
    return {name: each if isinstance(each, str) else json.dumps(each) for name, each in given.items()}


def events(dice: random.Random) -> bytes:
    """What ingest may be sent: lines, a list, a saved answer, CSV, gzip, and what is none of these."""
    lines = [json.dumps(choice).encode() for choice in dice.choices(EVENTS, k=dice.randrange(4))]
    text = dice.choice((b"\n".join(lines), b"[" + b",".join(lines) + b"]", b'{"data": [' + b",".join(lines) + b"]}", CSV % b"".join(lines)))  # fmt: skip
    changed = dice.random()
    if changed < 0.5:
        text = damaged(dice, text)
    if changed < 0.6 and dice.random() < 0.3:
        packed = gzip.compress(text, 1)
        return packed if dice.random() < 0.5 else damaged(dice, packed)
    return dice.choice((text, text, text, text, noise(dice, 400), b"PK\x03\x04" + noise(dice), b"\xff\xfe" + text, b""))


def damaged(dice: random.Random, text: bytes) -> bytes:
    """A few bytes in the middle are others, or gone."""
    if dice.random() < 0.3:
        return text
    place = dice.randrange(len(text) + 1)
    return text[:place] + noise(dice, 8) + text[place + dice.randrange(4) :]


def pieces(dice: random.Random, whole: bytes) -> list[bytes]:
    """A body as it arrives: at once, or in up to four pieces, some of them empty."""
    if dice.random() < 0.8:
        return [whole]
    cuts = sorted(dice.randrange(len(whole) + 1) for _ in range(dice.randrange(4)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def queried(dice: random.Random, path: bytes) -> bytes:
    """Some parameters in the query string."""
    if dice.random() < 0.7:
        return path
    fields = written(parameters(dice)).items()
    text = "&".join(f"{name}={quote(each.encode('utf-8', 'surrogatepass'))}" for name, each in fields).encode()
    odd = (b"filters=", b"source=", b"isScan=true&limit=", b"%ff=", b"&&=", b"limit=1&limit=", b"filters={%00}")
    return path + b"?" + (text if dice.random() < 0.8 else dice.choice(odd) + quote(noise(dice)).encode())


def misspelt(dice: random.Random, path: bytes) -> bytes:
    if dice.random() < 0.7:
        return path
    place = dice.randrange(len(path) + 1)
    odd = (b"/", b"//", b"%00", b"%ff", b"%2F", b"..", b"%", b"\xff", b"?", b"%ed%a0%80", b"#", noise(dice, 10))
    return path[:place] + dice.choice(odd) + path[place:]


def described(dice: random.Random, label: bytes) -> list[tuple[bytes, bytes]]:
    """The label, which may be wrong, and now and then a header that means something to servers."""
    headers = [(b"content-type", label if dice.random() < 0.8 else dice.choice(LABELS))]
    if dice.random() < 0.15:
        headers.append(dice.choice(HEADERS))
    if dice.random() < 0.05:
        headers.append((b"casbah-tenant", dice.choice((b"default", b"../x", b"", b"\xff", b"A", b"-" + noise(dice)))))
    return headers


def authorized(dice: random.Random, keys: Keys, key: str) -> list[tuple[bytes, bytes]]:
    kind = dice.random()
    if kind < 0.9:
        return [(b"authorization", f"{dice.choice(('Token', 'token', 'Bearer'))} {key}".encode())]
    if kind < 0.95:
        return [(b"authorization", b"Bearer " + jwt(dice, keys))]
    odd = (b"", b"Token", b"Token ", b"Token " + noise(dice), noise(dice), b"Bearer \xff", b"Basic x", b"Token " + key[:-1].encode(), b"Bearer ..")  # fmt: skip
    return [(b"authorization", dice.choice(odd))] if dice.random() < 0.8 else []


def jwt(dice: random.Random, keys: Keys) -> bytes:
    """A JWT, and what only looks like one."""
    claims = CLAIMS | {"exp": dice.choice((4_000_000_000, 0, *ODD[:16]))}
    if dice.random() < 0.5:
        claims[dice.choice((*CLAIMS, "nbf", "iat", "roles", "x"))] = dice.choice(ODD)
    if dice.random() < 0.5:
        good = keys.signed({"exp": 4_000_000_000, **CLAIMS} if dice.random() < 0.5 else claims).encode()
        return good if dice.random() < 0.6 else damaged(dice, good)
    header = {"alg": dice.choice(("none", "None", "HS256", "RS256", "ES256", "", 1, None)), "typ": dice.choice(("JWT", "at+jwt", *ODD))}  # fmt: skip
    if dice.random() < 0.5:
        header[dice.choice(("kid", "crit", "jwk", "jku", "x5c", "b64", "zip"))] = dice.choice(ODD)
    return b".".join((coded(header), coded(claims), base64.urlsafe_b64encode(noise(dice)).rstrip(b"=")))


def coded(value: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
