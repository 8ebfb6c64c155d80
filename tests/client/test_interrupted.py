"""The scan against the real server and store while everything goes wrong: nothing that was there is lost or doubled.

Many activities share a moment, some moments hold more than a page, late events are stored between requests, requests fail
before and after the server took them, answers are cut short, and the reader crashes and goes on from its checkpoint.
"""

import asyncio
import json
import random
from collections import Counter

import httpx
import pytest

from casbah import compose
from casbah import settings as chosen
from casbah.activity.tenant import TenantId
from casbah.client import AsyncCasbah, ClientError, Retry
from making import NOW, arrival, record

PAGE = 500
AT_START = 2_300
IN_ONE_MOMENT = 700
MOMENTS = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with compose.build(chosen.read({}, store=str(tmp_path_factory.mktemp("interrupted")))) as opened:
        yield opened


class Tenant:
    """A tenant of its own, with activities of few moments, to which late ones may be added."""

    def __init__(self, house, rng, name):
        self.application = house
        self.rng = rng
        self.tenant_id = TenantId(name)
        self.key, _ = house.services.tokens.create(name, tenant=name)
        self.stored = 0
        crowded = rng.randrange(MOMENTS)
        self.store([crowded] * IN_ONE_MOMENT + [rng.randrange(MOMENTS) for _ in range(AT_START - IN_ONE_MOMENT)])

    def store(self, moments):
        self.rng.shuffle(moments)
        made = [
            arrival(record(self.stored + position, timestamp=NOW + moment, created=NOW + MOMENTS - moment))
            for position, moment in enumerate(moments)
        ]
        self.stored += len(made)
        assert self.application.services.store.tenant(self.tenant_id).insert(made).stored == len(made)

    def add_late(self):
        self.store([self.rng.randrange(MOMENTS) for _ in range(self.rng.randrange(1, 60))])


class Rough(httpx.AsyncBaseTransport):
    """The way to the server, on which anything may happen to a request."""

    def __init__(self, tenant):
        self.inside = httpx.ASGITransport(app=tenant.application.app)
        self.tenant = tenant
        self.happened = Counter()

    async def handle_async_request(self, request):
        rng = self.tenant.rng
        what = rng.choice(["nothing", "nothing", "nothing", "late", *TROUBLES])
        self.happened[what] += 1
        if what == "late":
            self.tenant.add_late()
        before, after = TROUBLES.get(what, (None, None))
        if before is not None:
            return before(request)
        response = await self.inside.handle_async_request(request)
        content = await response.aread()
        return response if after is None else after(request, content, rng)


def raising(kind):
    def fail(request, *_):
        raise kind("on the way", request=request)

    return fail


def answering(status, headers=None):
    return lambda request, *_: httpx.Response(status, headers=headers, json={"detail": "rough"}, request=request)


def cut_short(request, content, rng):
    return httpx.Response(
        200,
        headers={"content-type": "application/json"},
        content=content[: rng.randrange(len(content))],
        request=request,
    )


TROUBLES = {
    "no connection": (raising(httpx.ConnectError), None),
    "throttled": (answering(429, {"Retry-After": "3"}), None),
    "a gateway fails": (answering(502), None),
    "unavailable": (answering(503, {"Retry-After": "5"}), None),
    "no answer in time": (None, raising(httpx.ReadTimeout)),
    "a connection lost": (None, raising(httpx.RemoteProtocolError)),
    "a gateway gives up": (None, answering(504)),
    "an answer cut short": (None, cut_short),
}


async def read_on(tenant, transport, checkpoint, given):
    """Scan on from a checkpoint until the end or a crash: what was given, where it stood, whether it was the end."""
    rng = tenant.rng
    crash = rng.choice([None, 1, rng.randrange(1, 2 * PAGE), rng.randrange(1, 2 * PAGE)])
    found = []

    async def sleep(_):
        await asyncio.sleep(0)

    retry = Retry(attempts=rng.choice([2, 4, 9]))
    async with AsyncCasbah("http://casbah", token=tenant.key, http=transport, retry=retry, sleep=sleep) as casbah:
        scan = casbah.activities.scan(page_size=PAGE, resume=checkpoint, **given)
        while True:
            try:
                async for each in scan:
                    found.append(each)
                    if len(found) == crash:
                        return found, json.loads(json.dumps(scan.checkpoint)), False
                return found, json.loads(json.dumps(scan.checkpoint)), True
            except ClientError:
                if rng.random() < 0.5:  # Else the same scan goes on.
                    return found, json.loads(json.dumps(scan.checkpoint)), False


async def read_all(tenant, transport, given, checkpoint=None):
    """Every record, however many crashes it takes."""
    records, ended = [], False
    while not ended:
        more, checkpoint, ended = await read_on(tenant, transport, checkpoint, given)
        records += more
    return records, checkpoint


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["date", "created"])
def test_nothing_that_was_there_is_lost_or_doubled(house, sort, direction, seed):
    rng = random.Random(f"{sort} {direction} {seed}")
    tenant = Tenant(house, rng, f"{sort}-{direction}-{seed}")
    transport = Rough(tenant)
    at_start = {f"activity-{number}" for number in range(AT_START)}
    records, _ = asyncio.run(read_all(tenant, transport, {"sort": sort, "direction": direction}))
    counted = Counter(each["_id"] for each in records)
    assert [name for name, count in counted.items() if count > 1] == []
    assert at_start <= counted.keys()
    assert tenant.stored > AT_START or not transport.happened["late"]


def test_everything_of_that_has_happened(house):
    """The transport does what its table says: a scan with no trouble in it would prove nothing."""
    tenant = Tenant(house, random.Random(1), "troubled")
    transport = Rough(tenant)
    for _ in range(3):
        asyncio.run(read_all(tenant, transport, {}))
    assert transport.happened.keys() == {"nothing", "late", *TROUBLES}


def test_following_along_by_created_gives_each_once(house):
    rng = random.Random(2)
    tenant = Tenant(house, rng, "following")
    transport = Rough(tenant)
    transport.tenant.add_late = lambda: None
    names, checkpoint = [], None
    for round_number in range(4):
        records, checkpoint = asyncio.run(read_all(tenant, transport, {"sort": "created"}, checkpoint))
        names += [each["_id"] for each in records]
        tenant.store([-round_number] * 30)
    assert sorted(names) == sorted(f"activity-{number}" for number in range(AT_START + 90))
