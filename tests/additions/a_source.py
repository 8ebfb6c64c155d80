"""Events of the source `acme` are recognized and stored, and the source is listed."""

import json

from typer.testing import CliRunner

from additions.application import application, post
from command_line import app

EVENT = {"acme_event": "login", "acme_id": "e-1", "acme_time": 1_760_000_000_000, "acme_user": "ada@example.com"}

with application() as (ask, _):
    for path in ("/api/ext/v1/activities", "/api/ext/v1/activities?source=acme"):
        answer = ask("POST", path, json.dumps(EVENT).encode())
        assert answer.status == 200, answer.body
    page = post(ask, "/api/v1/activities/", filters={"user.username": {"eq": ["ada@example.com"]}}).json
    assert [item["appName"] for item in page["data"]] == ["Acme"], "recognized, and stored once"
    sources = {item["name"] for item in ask("GET", "/api/ext/v1/sources").json["data"]}
    assert "acme" in sources

assert "acme" in CliRunner().invoke(app, ["sources", "--json"]).output
