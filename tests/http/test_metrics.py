"""What the server counts and logs of itself, and what it never says."""

import io
import json
import logging
from contextlib import closing

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from casbah import compose, settings
from casbah.base import logs
from casbah.ingest.pull.checkpoints import Checkpoints
from casbah.ingest.pull.contract import Status
from making import NOW, record
from scenarios.inprocess import Asker

LIST, INGEST = "/api/v1/activities/", "/api/ext/v1/activities?source=mdca"


def counted(ask: Asker) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = ask("GET", "/metrics")
    assert answer.status == 200
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_activities_and_filters_are_counted(opened) -> None:
    ask = opened()
    ask("POST", INGEST, b"\n".join(json.dumps(record(n)).encode() for n in (1, 2, 2)))
    ask("POST", LIST, json.dumps({"filters": {"user.username": {"eq": ["nobody-knows@contoso.com"]}}}).encode())
    ask("POST", LIST, json.dumps({"filters": {"secret-name": {"eq": [1]}}}).encode())
    ask("POST", LIST, b"{}")
    ask("GET", f"{LIST}activity-1/")
    ask("BREW", "/tea/nobody")
    found = counted(ask)
    route = "/api/v1/activities"
    assert found["casbah_requests_total", (("method", "POST"), ("route", route), ("status", "200"))] == 2
    assert found["casbah_requests_total", (("method", "POST"), ("route", route), ("status", "400"))] == 1
    assert found["casbah_requests_total", (("method", "other"), ("route", "none"), ("status", "404"))] == 1
    assert found["casbah_filter_seconds_count", (("filter", "user.username"),)] == 1
    assert found["casbah_brought_activities_total", (("outcome", "stored"),)] == 2
    assert found["casbah_brought_activities_total", (("outcome", "duplicate"),)] == 1
    assert found["casbah_read_activities_total", ()] == 2
    assert found["casbah_disk_bytes", (("what", "free"),)] > 0
    text = ask("GET", "/metrics").body.decode()
    assert not [word for word in ("nobody", "contoso", "secret-name", "default", "activity-1") if word in text]


def test_how_far_behind_pulls_are(tmp_path) -> None:
    file = tmp_path / "pull.toml"
    file.write_text(
        '[okta]\nkind = "okta"\nurl = "https://contoso.okta.com"\n[never]\nkind = "okta"\nurl = "https://b.okta.com"\n'
    )
    with compose.build(settings.read({}, store=str(tmp_path / "store"), pull=str(file)), clock=lambda: NOW) as house:
        with closing(Checkpoints(house.services.settings.store)) as kept:
            kept.keep("okta", {"done": NOW - 90_000}, Status())
        found = counted(Asker(house.app, house.local_key))
    assert {key: value for key, value in found.items() if key[0] == "casbah_pull_lag_seconds"} == {
        ("casbah_pull_lag_seconds", (("pull", "okta"),)): 90.0
    }


@pytest.mark.parametrize(
    ("chosen", "scopes", "status"),
    [
        ("token", None, 401),
        ("token", ["Investigation.read"], 403),
        ("token", ["Admin.manage"], 200),
        ("open", None, 200),
        ("off", ["Admin.manage"], 404),
    ],
)
def test_who_may_read_them(tmp_path, chosen: str, scopes: list[str] | None, status: int) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), metrics=chosen)) as house:
        key = None if scopes is None else house.services.tokens.create("one", tenant="default", scopes=scopes)[0]
        assert Asker(house.app, key)("GET", "/metrics").status == status


def test_one_tenant_of_several_does_not_read_what_all_do(tmp_path) -> None:
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        key, _ = house.services.tokens.create("one", tenant="contoso")
        assert Asker(house.app, key)("GET", "/metrics").status == 403
        assert Asker(house.app, house.local_key)("GET", "/metrics").status == 200


@pytest.fixture
def logged():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    told = io.StringIO()
    logs.set_up(level="info", form="json", of_requests=True, stream=told)
    yield lambda: [json.loads(line) for line in told.getvalue().splitlines()]
    logs._requests = None
    root.handlers[:] = before
    root.setLevel(level)


def test_a_request_to_a_vendor_or_a_witness_is_not_logged_with_what_was_asked(logged) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
        assert client.get("https://vendor.example/events?user=nobody-knows").status_code == 200
    assert logged() == []


def test_a_request_is_one_line_without_what_was_asked(opened, logged) -> None:
    ask = opened()
    answer = ask(
        "POST",
        f"{LIST}?limit=7&token=hush",
        b'{"filters": {"text": {"eq": ["hush"]}}}',
        headers={"x-request-id": "a-1"},
    )
    assert answer.headers["x-request-id"] == "a-1"
    (line,) = [each for each in logged() if each["event"] == "request"]
    assert {key: line[key] for key in ("id", "method", "route", "status", "tenant", "level")} == {
        "id": "a-1", "method": "POST", "route": "/api/v1/activities", "status": 200, "tenant": "default", "level": "info",
    }  # fmt: skip
    assert "hush" not in json.dumps(line)
    assert ask.key not in json.dumps(line)


NAMES = ["two words", "a\nrequest [casbah.requests] id=forged", "\ud800", "x=y", "\x1b[31m"]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_whatever_a_token_is_called_a_request_is_one_line(tmp_path, monkeypatch, form: str, name: str) -> None:
    root, told = logging.getLogger(), io.StringIO()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(logs, "_requests", None)
    logs.set_up(level="info", form=form, of_requests=True, stream=told)
    try:
        with compose.build(settings.read({}, store=str(tmp_path))) as house:
            key, _ = house.services.tokens.create("plain", tenant="default")
            key_values = house.services.tokens._key_values
            (kept,) = key_values.all("token")
            key_values.put(
                "token", kept.name, {**kept.value, "name": name}, over=kept
            )  # As an earlier version called it.
            assert Asker(house.app, key)("POST", LIST, b"{}").status == 200
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    lines = told.getvalue().encode("utf-8").decode().splitlines()
    (line,) = [each for each in lines if "casbah.requests" in each]
    assert "status" in line
    assert line.isprintable()


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "\u00e9"])
def test_an_id_that_is_not_plain_is_not_taken_over(opened, given: str) -> None:
    answer = opened()("GET", "/livez", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 16
