"""Makes a store with the Casbah that is installed, and writes down what it answers: `python fixture.py FOLDER`.

Run with the code of a released format (`PYTHONPATH=.../src` of a checkout of that time). FOLDER is left with `store/` and
`answers.json`; `formats/` holds such folders as archives. It talks to `casbah serve` alone, so that it runs with any version.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

NOW = 1_760_000_000_000
DAY = 86_400_000
ACTIVITIES = 2_600
"""Enough for a compression dictionary to be trained."""

LIST, INGEST, CHANGES = "/api/v1/activities/", "/api/ext/v1/activities", "/api/ext/v1/changes"
NAMES = (
    "Zoë Müller",
    "Zoe\u0308 Mu\u0308ller",
    "J\u030c. \u01c4",
    "\u6771\u4eac \u592a\u90ce",
    "\uff46\uff55\uff4c\uff4c \uff57\uff49\uff44\uff54\uff48",
    "\ufb01le",
    "plain",
)


def activity(number: int, chance: random.Random) -> dict[str, Any]:
    """A record in MDCA's form, of one of several partitions."""
    name = f"migrated-{number}"
    return {
        "_id": name,
        "timestamp": NOW - chance.randrange(70 * DAY) - number % 3,
        "appId": chance.choice((11161, 20892, 20893)),
        "description": f"{chance.choice(NAMES)} opened report-{number}.docx",
        "user": {"userName": f"user-{chance.randrange(40)}@contoso.com", "userTags": chance.sample(["t1", "t2"], 1)},
        "location": {"countryCode": chance.choice(("DE", "US", "FR"))},
        "device": {"clientIP": f"10.1.{chance.randrange(4)}.{chance.randrange(250)}", "userAgent": "Mozilla/5.0 (X11)"},
        "mainInfo": {"eventObjects": [{"objType": 1, "id": f"file-{number % 50}", "name": f"report-{number}.docx"}]},
        "office365url": f"https://contoso.sharepoint.com/sites/{number}/report.docx",
    }


def questions() -> Iterator[dict[str, Any]]:
    """Bodies of list requests whose answers must stay the same."""
    yield {"limit": 100}
    yield {"limit": 100, "skip": 700, "sortDirection": "asc"}
    yield {"limit": 100, "sortField": "created", "sortDirection": "asc"}
    for filters in (
        {"service": {"eq": 11161}},
        {"location.country": {"neq": "DE"}},
        {"user.username": {"startswith": "user-1"}},
        {"user.tags": {"eq": ["t1"]}},
        {"ip.address": {"startswith": ["10.1.2."]}},
        {"text": {"text": "report opened"}},
        {"activity.id": {"eq": "migrated-77"}},
        {"date": {"gte": NOW - 20 * DAY}},
    ):
        yield {"filters": filters, "limit": 30}


@contextmanager
def served(store: Path) -> Iterator[dict[str, Any]]:
    """A server on a folder; yields its URL and the owner's key."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("CASBAH_")}
    command = [sys.executable, "-m", "casbah", "serve", "--port", "0", "--store", str(store)]
    command += ["--set=audit=off", "--set=throttle=off"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        while not (store / "server.json").exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        try:
            yield json.loads((store / "server.json").read_text())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def fill(client: httpx.Client) -> dict[str, Any]:
    """Store everything that a migration must carry over, and return what is needed to ask for it."""
    chance = random.Random(7)
    records = [activity(number, chance) for number in range(ACTIVITIES)]

    def ask(method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = client.request(method, path, json=body, **more)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json() if answer.content else None

    for start in range(0, ACTIVITIES, 1_300):
        ask("POST", f"{INGEST}?source=mdca", records[start : start + 1_300])
    raw = {"eventVersion": "1.08", "eventTime": "2025-10-01T10:00:00Z", "eventSource": "s3.amazonaws.com"}
    raw |= {"eventName": "GetObject", "awsRegion": "eu-west-1", "sourceIPAddress": "10.1.2.3", "userAgent": "aws-cli"}
    raw |= {"userIdentity": {"type": "IAMUser", "userName": "ann", "arn": "arn:aws:iam::1:user/ann"}, "eventID": "e-1"}
    raw |= {"recipientAccountId": "111122223333", "eventType": "AwsApiCall", "eventCategory": "Data"}
    ask("POST", f"{INGEST}?source=cloudtrail", {"Records": [raw]})
    token = ask("POST", "/api/ext/v1/tokens", {"name": "reader", "tenant": "default"})
    other = ask("POST", "/api/ext/v1/tokens", {"name": "other", "tenant": "other"})
    ask("POST", f"{INGEST}?source=mdca", records[:20], headers={"Authorization": f"Token {other['token']}"})
    office = {
        "name": "Office",
        "category": 1,
        "subnets": ["10.1.0.0/16"],
        "organization": "Contoso",
        "tags": ["branch"],
    }
    ask("POST", "/api/v1/subnet/create_rule", office)
    ask(
        "POST",
        "/api/ext/v1/queries",
        {"name": "Germany", "filters": {"location.country": {"eq": "DE"}}, "shared": True},
    )
    ask(
        "POST",
        "/api/ext/v1/retention",
        {"name": "old", "action": "delete", "filters": {"service": {"eq": 1}}, "days": 900},
    )
    ask(
        "POST",
        "/api/ext/v1/retention",
        {"name": "case", "action": "hold", "filters": {"activity.id": {"eq": "migrated-5"}}},
    )
    ask("POST", "/api/v1/activities/migrated-7/feedback", {"feedbackText": "looks odd"})
    deleted = {"filters": {"activity.id": {"eq": ["migrated-11", "migrated-12"]}}, "dryRun": False}
    ask("POST", f"{INGEST}/delete", deleted)
    return {"token": token["token"], "other": other["token"], "raw": raw, "records": records[:3]}


def answers(client: httpx.Client) -> dict[str, Any]:
    """What the store answers: totals and whole records in order, the change feed, the rest of a scan, and what lies beside."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = client.request(method, path, json=body)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json()

    lists = []
    for body in questions():
        answer = ask("POST", LIST, body)
        lists.append({"body": body, "total": answer["total"], "data": answer["data"]})
    first = ask("POST", LIST, {"isScan": True, "limit": 900})
    scan = {"next": first["nextQueryFilters"], "ids": []}
    following = first
    while following.get("hasNext"):
        following = ask("POST", LIST, {"isScan": True, "limit": 900, "filters": following["nextQueryFilters"]})
        scan["ids"] += [record["_id"] for record in following["data"]]
    feed = ask("POST", CHANGES, {"limit": 300})
    later = ask("POST", CHANGES, {"limit": 300, "cursor": feed["cursor"]})
    beside = {
        path: ask("GET", path)
        for path in ("/api/v1/subnet/", "/api/ext/v1/queries", "/api/ext/v1/retention", "/api/ext/v1/tokens")
    }
    beside["feedback"] = ask("GET", f"{INGEST}/migrated-7/feedback")
    return {"lists": lists, "scan": scan, "feed": feed, "later": later, "beside": beside}


def main(folder: Path) -> None:
    """Make the fixture."""
    store = folder / "store"
    with served(store) as server:
        client = httpx.Client(base_url=server["url"], headers={"Authorization": f"Token {server['key']}"}, timeout=60)
        made = fill(client)
        made["answers"] = answers(client)
        client.close()
    (folder / "answers.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
