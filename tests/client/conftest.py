"""Clients of both kinds, over scripted answers and over a real server."""

import asyncio

import httpx
import pytest

from casbah.activity.tenant import TenantId
from casbah.client import AsyncCasbah, Casbah
from client.scripted import Script
from making import arrival, record
from scenarios.server import serving


@pytest.fixture(params=[False, True], ids=["blocking", "awaiting"])
def script(request):
    """Makes a Script of replies."""
    return lambda *replies: Script(list(replies), request.param)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The URL and the house of a server with twelve activities."""
    with serving(tmp_path_factory.mktemp("client")) as (url, house):
        house.services.store.tenant(TenantId("default")).insert([arrival(record(number)) for number in range(12)])
        yield url, house


@pytest.fixture(params=["blocking, over a socket", "awaiting, in the process"])
def play(request, served):
    """Plays a coroutine function with the activities of a client of either kind."""
    url, house = served

    async def blocking(story):
        with Casbah(url, token=house.local_key) as casbah:
            await story(casbah.activities)

    async def awaiting(story):
        transport = httpx.ASGITransport(app=house.app)
        async with AsyncCasbah("http://casbah", token=house.local_key, http=transport) as casbah:
            await story(casbah.activities)

    chosen = blocking if request.param.startswith("blocking") else awaiting
    return lambda story: asyncio.run(chosen(story))
