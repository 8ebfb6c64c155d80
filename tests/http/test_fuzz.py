"""Thousands of hostile requests: never an exception, never a 5xx, and every error is `{"detail": "..."}`."""

import asyncio
import json
import random

import pytest

from casbah import compose, settings
from casbah.activity.language import FILTERS, OPERATORS
from scenarios.inprocess import send

REQUESTS = 1_500

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "BREW", "")
PATHS = (
    "/api/v1/activities", "/api/v1/activities/", "/cas/api/v1/activities/", "/api/v1/activities/a1/", "/api/v1/activities/a1/feedback",
    "/api/v1/activities/count/", "/api/v1/activities/metadata", "/api/ext/v1/activities", "/api/ext/v1/activities/a1/feedback",
    "/api/ext/v1/tokens", "/api/ext/v1/tokens/x", "/livez", "/readyz", "/openapi.json", "/docs", "/", "", "/nowhere", "*",
)  # fmt: skip
LABELS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=XX", "text/plain", "", "multipart/form-data", "é", ";;")  # fmt: skip
ODD = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, "", " ", "x", "null", "true", "0", "-1",
    "1e3", "٣", "\x00", "\ud800", "😀", "a" * 5_000, [], {}, [[]], [{}], {"": ""}, {"start": 1}, {"start": None, "end": None},
    {"start": "x", "end": []}, {"id": "x"}, {"id": {}, "saas": True}, {"role": 1}, {"role": "x"}, "1.2.3.4", "::1", "10.0.0.0/8", "::/0",
    "0.0.0.0/0", "1.2.3.4/99", "s:x,t:2", "t:", "s:", "t:99999999999999999999999",
)  # fmt: skip


def noise(dice: random.Random, most: int = 60) -> bytes:
    return dice.randbytes(dice.randrange(most))


def filters(dice: random.Random) -> object:
    if dice.random() < 0.1:
        return dice.choice(ODD)
    names = [
        dice.choice(tuple(FILTERS) if dice.random() < 0.95 else ("activity.eventType", "zzz", ""))
        for _ in range(dice.randrange(3))
    ]
    return {name: operators(dice, name) for name in names}


def operators(dice: random.Random, name: str) -> object:
    if dice.random() < 0.05:
        return dice.choice(ODD)
    taken = FILTERS[name].operators if name in FILTERS and dice.random() < 0.95 else (*OPERATORS, "EQ", "zzz")
    chosen = [dice.choice(taken) for _ in range(dice.randrange(3))]
    return {
        each: dice.choice([dice.choice(ODD), [dice.choice(ODD) for _ in range(dice.randrange(3))]]) for each in chosen
    }


def parameters(dice: random.Random) -> dict[str, object]:
    found: dict[str, object] = {"filters": filters(dice)}
    for name in (
        "skip",
        "limit",
        "sortField",
        "sortDirection",
        "isScan",
        "feedback",
        "allowContact",
        "name",
        "scopes",
        "tenant",
        "extra",
    ):
        if dice.random() < 0.05:
            found[name] = dice.choice(ODD)
    if dice.random() < 0.4:
        found["isScan"] = True
    return found


def body(dice: random.Random) -> bytes:
    text = json.dumps(parameters(dice)).encode()
    place = dice.randrange(len(text))
    odd = (
        b"",
        noise(dice, 400),
        text[:place] + noise(dice, 8) + text[place + dice.randrange(4) :],
        b"filters=" + text + b"&isScan=" + noise(dice),
        b'--XX\r\nContent-Disposition: form-data; name="filters"\r\n\r\n' + text + b"\r\n--XX--" + noise(dice),
        b"\x1f\x8b" + noise(dice),
    )
    return dice.choice(odd) if dice.random() < 0.3 else text


def path(dice: random.Random) -> bytes:
    made = dice.choice(PATHS).encode()
    if dice.random() < 0.3:
        place = dice.randrange(len(made) + 1)
        odd = dice.choice((b"/", b"%00", b"%ff", b"%2F", b"..", b"%", b"\xff", b"?", b"%ed%a0%80", noise(dice, 10)))
        made = made[:place] + odd + made[place:]
    if dice.random() < 0.3:
        made += b"?" + dice.choice((b"filters=", b"source=", b"isScan=true&limit=", b"%ff=", b"&&=")) + noise(dice)
    return made


def headers(dice: random.Random, key: str) -> list[tuple[bytes, bytes]]:
    given = [(b"content-type", dice.choice(LABELS).encode("latin-1"))]
    if dice.random() < 0.9:
        odd = (b"Token", b"Token " + noise(dice), noise(dice), b"Bearer \xff", b"Basic x")
        given.append((b"authorization", f"Token {key}".encode() if dice.random() < 0.9 else dice.choice(odd)))
    if dice.random() < 0.1:
        given.append((b"casbah-tenant", dice.choice((b"default", b"../x", b"", b"\xff", b"A", noise(dice)))))
    if dice.random() < 0.1:
        given.append(
            (b"content-length", dice.choice((b"", b"-1", b"\xb2", b"x", b"99999999999999999999", b"1" * 5_000)))
        )
    return given


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with compose.opened(settings.read({}, store=str(tmp_path_factory.mktemp("store")))) as opened:
        record = b'{"_id":"a1","uid":"a1","timestamp":1000,"appId":1}'
        asking = send(opened.app, "POST", b"/api/ext/v1/activities?source=mdca", [(b"authorization", b"Token " + opened.local_key.encode())], [record])  # fmt: skip
        assert asyncio.run(asking).status == 200
        yield opened


async def ask_all(house, dice: random.Random) -> None:
    for _ in range(REQUESTS):
        asked = (dice.choice(METHODS), path(dice), headers(dice, house.local_key), [body(dice)])
        if dice.random() < 0.6:
            asked = ("POST", dice.choice((b"/api/v1/activities/", b"/api/v1/activities/count")), *asked[2:])
        got = await send(house.app, *asked)
        assert got.status < 500, (asked, got)
        if got.status >= 400:
            assert got.headers["content-type"] == "application/json", (asked, got)
            assert list(got.json) == ["detail"], (asked, got)
            assert len(got.body) < 2_000, (asked, got)


@pytest.mark.parametrize("seed", range(8))
def test_no_request_breaks_the_server(house, seed):
    asyncio.run(ask_all(house, random.Random(seed)))


def test_a_client_that_goes_away_in_the_middle_of_its_body_is_no_error(house):
    async def receive():
        return {"type": "http.disconnect"}

    sent = []

    async def answered(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/v1/activities/", "raw_path": b"/api/v1/activities/", "query_string": b"", "headers": [(b"authorization", f"Token {house.local_key}".encode())]}  # fmt: skip
    asyncio.run(house.app(scope, receive, answered))
    assert sent[0]["status"] == 400


BODIES = [
    pytest.param("/api/v1/activities/a1/feedback", {"feedback": "\ud800"}, (200,), id="feedback with half a pair"),
    pytest.param("/api/v1/activities/a1/feedback", {"feedbackValue": 10**400}, (200, 400), id="feedback with a very large number"),
    pytest.param("/api/ext/v1/tokens", {"name": "\ud800"}, (201, 400), id="a token's name with half a pair"),
    pytest.param("/api/v1/activities/", {"filters": {"date": {"gte_ndays": 1e308}}}, (400,), id="more days than there are"),
    pytest.param("/api/v1/activities/", {"filters": {"date": {"lte_ndays": 10**400}}}, (400,), id="far more days than there are"),
    pytest.param("/api/v1/activities/", {"filters": {"user.domain": {"eq": "\ud800"}}, "isScan": True}, (200,), id="a filter with half a pair"),
    pytest.param("/api/v1/activities/", {"filters": {"\ud800": {}}}, (400,), id="a filter's name with half a pair"),
]  # fmt: skip


@pytest.mark.parametrize("path, body, statuses", BODIES)
def test_what_the_fuzzing_found(house, path, body, statuses):
    headers = [(b"authorization", b"Token " + house.local_key.encode())]
    got = asyncio.run(send(house.app, "POST", path.encode(), headers, [json.dumps(body).encode()]))
    assert got.status in statuses, got
    listed = asyncio.run(send(house.app, "GET", b"/api/ext/v1/activities/a1/feedback", headers, []))
    assert listed.status == 200
