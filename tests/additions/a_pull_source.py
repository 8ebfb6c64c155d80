"""The pull source `acme` is configured, fetched and documented."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from tools.docs import pages

from casbah.ingest.pull import config, registry
from casbah.ingest.pull.kind import Tools

NOW = 1_760_000_000_000


def vendor(request: httpx.Request) -> httpx.Response:
    assert request.url.path == "/events"
    assert request.headers["authorization"] == "Bearer key"
    return httpx.Response(200, json=[{"id": 1}, {"id": 2}])


with TemporaryDirectory() as folder, httpx.Client(transport=httpx.MockTransport(vendor)) as client:
    file = Path(folder) / "pull.toml"
    file.write_text('[ours]\nkind = "acme"\n', encoding="utf-8")
    entry = config.read(file)["ours"]
    secret = config.secret("ours", entry, {"CASBAH_PULL_OURS_SECRET": "key"})
    tools = Tools(client, lambda: NOW, lambda _: None, random.Random(1), aws=lambda *_: None)
    fetched = registry.open_fetcher(entry, secret, tools).fetch({})
    assert fetched.events == [b'{"id":1}', b'{"id":2}']
    assert fetched.checkpoint

assert "acme" in pages.pull()
