"""How pushes are doing: over HTTP, and in the metrics."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.base.backoff import Backoff
from casbah.compose import Application
from casbah.serving.background import pushing
from making import NOW, arrival, record
from scenarios.inprocess import Asker

TARGET = 'kind = "webhook"\nto = "http://127.0.0.1:1/hooks/hidden"\nallow_private = true\nsecret_file = "{}"\n'


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """A server that pushes the activities of two tenants to destinations that are away."""
    monkeypatch.setattr("casbah.outputs.push.pusher._BACKOFF", Backoff(0.01, 0.02, jitter=0.5))
    (tmp_path / "secret").write_text("a secret")
    target = TARGET.format(tmp_path / "secret")
    file = tmp_path / "push.toml"
    file.write_text(f'[soar]\n{target}\n[theirs]\n{target}tenant = "other"\n')
    chosen = settings.read({}, store=str(tmp_path / "store"), push=str(file))
    with compose.build(chosen, clock=lambda: NOW) as built, pushing(chosen, built):
        yield built


def test_a_tenant_sees_how_its_own_destinations_are_doing(server: Application) -> None:
    ask = Asker(server.app, server.local_key)
    server.writer.store.tenant(TenantId("default")).insert([arrival(record(1, timestamp=NOW))])
    for _ in range(500):
        page = ask("GET", "/api/ext/v1/pushes").json
        if page["data"][0]["error"]:
            break
        threading.Event().wait(0.02)
    (push,) = page["data"]
    assert (push["name"], push["kind"], push["to"]) == ("soar", "webhook", "http://127.0.0.1:1")
    assert (push["lagMs"], push["behind"], push["lastSuccess"], push["lastFailure"]) == (0, 1, None, NOW)
    assert "hidden" not in str(page)
    families = text_string_to_metric_families(ask("GET", "/metrics").body.decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "casbah_push_lag_seconds"]
    assert {"push": "soar"} in [sample.labels for sample in samples]
