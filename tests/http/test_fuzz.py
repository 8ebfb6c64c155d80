"""Thousands of hostile requests: never an exception, never a 5xx, and every error is `{"detail": "..."}`.

`pytest tests/http/test_fuzz.py --fuzz 1000000` sends as many. They come in blocks, each with a seed of its own, which is the
number in the name of its test: the same block comes again with `-k 'server[17]' --fuzz 1000000`.
"""

import asyncio
import json
import random
import time
from collections import Counter

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

import hostile
from casbah import compose, settings
from hostile import CLAIMS, RECORDS, Asked, Keys
from scenarios.inprocess import Asker, Reply, send

BLOCK = 2_500
READING = 2_200
"""How many of a block's requests change nothing; they come first."""

SECONDS = 20
"""What takes longer hangs. A request takes 1 ms, on a busy machine 100."""

TOLD_EVERY = 50_000
UNUSABLE = 422
EVERY_STATUS = {200, 400, 401, 403, 404, 405, 413}
LIST = b"/api/v1/activities/"


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(-(-metafunc.config.getoption("fuzz") // BLOCK)))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A house with some activities, that also takes JWTs of an issuer whose keys are in a file."""
    folder = tmp_path_factory.mktemp("fuzz")
    signer = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
    (folder / "keys.json").write_text(json.dumps({"keys": [signer.as_dict(private=False)]}))
    given = {
        "audit": "off",
        "oidc_issuer": CLAIMS["iss"],
        "oidc_audience": CLAIMS["aud"],
        "oidc_jwks": str(folder / "keys.json"),
    }
    with compose.build(settings.read({}, store=str(folder / "store"), **given)) as opened:
        ask = Asker(opened.app, opened.local_key)
        stored = ask("POST", "/api/ext/v1/activities?source=mdca", "\n".join(map(json.dumps, RECORDS)).encode()).json
        assert (stored["stored"], stored["refused"]) == (len(RECORDS), [])
        made = ask("POST", "/api/ext/v1/tokens", b'{"name": "reader", "scopes": ["Investigation.read"]}').json
        header = {"alg": "ES256", "kid": "k1"}
        yield (
            opened,
            Keys(
                opened.local_key,
                made["token"],
                lambda claims: jws.serialize_compact(header, json.dumps(claims).encode(), signer),
            ),
        )


@pytest.fixture(scope="module")
def tell(request):
    """Says now and then how far it has come."""
    begun, asked = time.monotonic(), 0

    def told(count: int) -> None:
        nonlocal asked
        before, asked = asked, asked + count
        if asked // TOLD_EVERY > before // TOLD_EVERY:
            seconds = time.monotonic() - begun
            with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                print(f" {asked:,} requests, {asked / seconds:,.0f}/s", flush=True)

    return told


async def ask(app, asked: Asked) -> Reply:
    begun = time.monotonic()
    async with asyncio.timeout(SECONDS):
        got = await send(app, asked.method, asked.path, asked.headers, asked.chunks)
    assert time.monotonic() - begun < SECONDS, (asked, got.status)
    assert got.status < 500, (asked, got)
    assert all(map(str.isprintable, got.headers.values())), (asked, got)
    if asked.method == "HEAD":
        assert got.body == b"", (asked, got)
    elif got.status == UNUSABLE:
        assert read(got)["refused"], (asked, got)
    elif got.status == 404 and (b"accept", b"text/html") in asked.headers and not asked.path.startswith(b"/api/"):
        assert got.headers["content-type"] in ("application/json", "text/html; charset=utf-8"), (asked, got)
    elif got.status >= 400:
        assert got.headers["content-type"] == "application/json", (asked, got)
        problem = read(got)
        assert [(name, type(text)) for name, text in problem.items()] == [("detail", str)], (asked, got)
        assert len(got.body) < 2_000, (asked, got)
    elif got.headers.get("content-type") == "application/json":
        page = read(got)
        assert not page.get("hasNext") or page["data"], (asked, got)
    return got


def read(got: Reply) -> dict:
    """The answer as JSON; the quick reader refuses half a pair of surrogates, which records may lawfully hold."""
    try:
        return orjson.loads(got.body)
    except orjson.JSONDecodeError:
        return got.json


async def contents(house, keys: Keys) -> tuple[bytes, ...]:
    """All that a store holds, as far as it can be seen: activities, feedback, tokens."""
    headers = [(b"authorization", b"Token " + keys.owner.encode())]
    paths = (LIST + b"?isScan=true&limit=5000", b"/api/ext/v1/activities/a1/feedback", b"/api/ext/v1/tokens")
    found = [await send(house.app, "GET", path, headers, []) for path in paths]
    tokens = [(each["id"], each["status"] == "Revoked") for each in found[2].json["data"]]
    assert not found[0].json["hasNext"]
    return found[0].body, found[1].body, repr(tokens).encode()


async def ask_block(house, keys: Keys, dice: random.Random) -> Counter[int]:
    seen: Counter[int] = Counter()
    before = await contents(house, keys)
    for _ in range(READING):
        seen[(await ask(house.app, hostile.reading(dice, keys))).status] += 1
    assert await contents(house, keys) == before
    for _ in range(BLOCK - READING):
        seen[(await ask(house.app, hostile.writing(dice, keys))).status] += 1
    return seen


def test_no_request_breaks_the_server(house, tell, seed):
    seen = asyncio.run(ask_block(*house, random.Random(seed)))
    assert seen.keys() >= EVERY_STATUS
    assert seen[200] > BLOCK / 5
    tell(BLOCK)


def test_a_client_that_goes_away_in_the_middle_of_its_body_is_no_error(house):
    async def receive():
        return {"type": "http.disconnect"}

    sent = []

    async def answered(message):
        sent.append(message)

    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/api/v1/activities/", "raw_path": b"/api/v1/activities/", "query_string": b"", "headers": [(b"authorization", f"Token {house[1].owner}".encode())]}  # fmt: skip
    asyncio.run(house[0].app(scope, receive, answered))
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
    headers = [(b"authorization", b"Token " + house[1].owner.encode())]
    got = asyncio.run(send(house[0].app, "POST", path.encode(), headers, [json.dumps(body).encode()]))
    assert got.status in statuses, got
    listed = asyncio.run(send(house[0].app, "GET", b"/api/ext/v1/activities/a1/feedback", headers, []))
    assert listed.status == 200


EVENTS = [
    pytest.param(b'{"data\xd0": []}', id="a wrapper whose key is not UTF-8"),
    pytest.param(b'{"data": [], "\\q": 1}', id="a key with an escape that JSON does not know"),
    pytest.param(b'{"data": [], "\\u12": 1}', id="a key with an escape that breaks off"),
    pytest.param(b"Created\rDate,AuditData\n1,{}", id="a CSV header with a carriage return in it"),
    pytest.param(b'"Created,AuditData"\n1,{}', id="a CSV header with the column inside of another"),
    pytest.param(b'"AuditData\n1,{}', id="a CSV header with a quote that does not end"),
]


@pytest.mark.parametrize("body", EVENTS)
def test_events_that_the_fuzzing_found(house, body):
    headers = [(b"authorization", b"Token " + house[1].owner.encode())]
    got = asyncio.run(send(house[0].app, "POST", b"/api/ext/v1/activities", headers, [body]))
    assert (got.status, len(got.json["refused"])) == (UNUSABLE, 1)
