"""Every cloud of Microsoft 365: where tokens come from, for which API they are, and where that is asked."""

import random
from urllib.parse import parse_qs

import httpx
import pytest

from casbah.ingest.pull.clouds import CLOUDS
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, Tools
from casbah.ingest.pull.registry import open_fetcher

MANAGEMENT = {
    "worldwide": ("login.microsoftonline.com", "manage.office.com"),
    "gcc": ("login.microsoftonline.com", "manage-gcc.office.com"),
    "gcc_high": ("login.microsoftonline.us", "manage.office365.us"),
    "dod": ("login.microsoftonline.us", "manage.protection.apps.mil"),
}
GRAPH = {
    "worldwide": ("login.microsoftonline.com", "graph.microsoft.com"),
    "gcc": ("login.microsoftonline.com", "graph.microsoft.com"),
    "gcc_high": ("login.microsoftonline.us", "graph.microsoft.us"),
    "dod": ("login.microsoftonline.us", "dod-graph.microsoft.us"),
}
HOSTS = {"office365": MANAGEMENT, "entra_signins": GRAPH, "entra_audits": GRAPH}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("kind", HOSTS)
def test_a_cloud_names_all_addresses(kind: str, cloud: str) -> None:
    login, api = HOSTS[kind][cloud]
    scopes, asked = [], set()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/directory/oauth2/v2.0/token":
            assert request.url.host == login
            scopes.extend(parse_qs(request.content.decode())["scope"])
            return httpx.Response(200, json={"access_token": "at", "expires_in": 3_600})
        asked.add(request.url.host)
        return httpx.Response(200, json=[] if kind == "office365" else {"value": []})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        tools = Tools(client, lambda: 10 * DAY, lambda _: None, random.Random(1), lambda *_, **__: None)
        entry = PullEntry(kind=kind, tenant="directory", client_id="client", cloud=cloud)
        open_fetcher(entry, Secret("secret"), tools).fetch({})
    assert (scopes, asked) == ([f"https://{api}/.default"], {api})
