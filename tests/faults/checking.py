"""What is wrong with a server after a fault, in words: its activities, and all else that clients changed.

Deletes everything at the end, because a hold that was acknowledged has to keep its activities from that.
"""

import hashlib
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from faults.model import APP, RESOURCES, Item, Model, activity
from faults.server import Server, wait

_ACTIVITIES = "/api/v1/activities/"
_EXPORTS = "/api/ext/v1/exports"
_ACTS = 900_013
_UNFINISHED = ("waiting", "running")
_LOST = "this act was done and is not in the log of activities"


def findings(server: Server, model: Model, *, log: str = "", disturbed: bool = False) -> Iterator[str]:
    """`log` is of the processes before; `disturbed`: the disk refused something, so that an export may have failed."""
    yield from _activities(server, model)
    for kind in RESOURCES:
        yield from _items(kind, _listed(server, kind), model)
    yield from _tokens(server, model)
    yield from _exports(server, model, disturbed=disturbed)
    acts = _scan(server, _ACTS)
    yield from _acts(acts, model, log)
    yield from _holds(server, model)
    left = {act["_id"] for act in _scan(server, _ACTS)}
    if missing := {act["_id"] for act in acts} - left:
        yield f"{len(missing)} acts are gone after everything was deleted"


def _activities(server: Server, model: Model) -> Iterator[str]:
    found = _scan(server, APP)
    yield from _repeated("the scan", [record["_id"] for record in found])
    if (total := _answer(server, f"{_ACTIVITIES}count/", {"filters": {"service": {"eq": [APP]}}})["total"]) != len(
        found
    ):
        yield f"the total is {total}, {len(found)} activities are listed"
    stored = {record["_id"]: record for record in found}
    yield from _presence(stored, model)
    for name, record in stored.items():
        if any(record.get(key) != value for key, value in activity(name).items() if key != "created"):
            yield f"the record of {name} is not what was sent: {json.dumps(record)[:200]}"
    for name, text in sorted(model.feedback):
        entries = _answer(server, f"/api/ext/v1/activities/{name}/feedback")["data"]
        if text not in json.dumps(entries):
            yield f"feedback on {name} was acknowledged and is gone"


def _presence(stored: Mapping[str, Any], model: Model) -> Iterator[str]:
    for name in sorted(set(stored) - set(model.activities)):
        yield f"activity {name} was never sent and is there"
    for name, states in sorted(model.activities.items()):
        if states == {True} and name not in stored:
            yield f"activity {name} was acknowledged and is gone"
        elif states == {False} and name in stored:
            yield f"activity {name} was deleted and is there"


def _items(kind: str, rows: Sequence[Mapping[str, Any]], model: Model) -> Iterator[str]:
    resource = RESOURCES[kind]
    yield from _repeated(f"the list of each {kind}", [resource.name_of(row) for row in rows])
    listed = {resource.name_of(row): row for row in rows}
    expected = {item.name: item for item in model.items.values() if item.kind == kind}
    for name in sorted(set(listed) - set(expected)):
        yield f"{name} was never created and is there"
    for name, item in sorted(expected.items()):
        version = resource.version_of(listed[name]) if name in listed else None
        if version not in item.versions:
            yield f"{name} is {version}, expected one of {sorted(map(str, item.versions))}"


def _tokens(server: Server, model: Model) -> Iterator[str]:
    """Whether keys work."""
    for item in model.items.values():
        if item.kind != "token" or not item.key:
            continue
        status = server.get("/api/ext/v1/session", key=item.key).status_code
        allowed = {401 if version == "Revoked" else 200 for version in item.versions}
        if status not in allowed:
            yield f"the key of {item.name} is answered {status}, expected {sorted(allowed)}"


def _exports(server: Server, model: Model, *, disturbed: bool) -> Iterator[str]:
    """Every export ends, and what is ready has the file that it says."""
    wait(
        lambda: not any(row["state"] in _UNFINISHED for row in _listed(server, "export")),
        "exports were begun again and do not end",
    )
    for row in _listed(server, "export"):
        item = model.items.get(("export", RESOURCES["export"].name_of(row)))
        if item is None:
            continue
        if row["state"] != "ready":
            if item.sha256 or not disturbed:
                yield f"{item.name} is {row['state']}: {row['error']}"
            continue
        yield from _file(server, item, row, model)


def _file(server: Server, item: Item, row: Mapping[str, Any], model: Model) -> Iterator[str]:
    answer = server.get(f"{_EXPORTS}/{row['id']}/file")
    if answer.status_code != 200:
        yield f"the file of {item.name} is answered {answer.status_code}"
        return
    digest = hashlib.sha256(answer.content)
    if digest.hexdigest() != row["sha256"] or item.sha256 not in ("", row["sha256"]):
        yield f"{item.name} has SHA-256 {digest.hexdigest()}, says {row['sha256']}, said {item.sha256} before"
        return
    if answer.headers["Repr-Digest"] != f"sha-256=:{b64encode(digest.digest()).decode()}:":
        yield f"{item.name} is served with {answer.headers['Repr-Digest']}"
    names = [json.loads(line)["_id"] for line in answer.content.splitlines()]
    yield from _repeated(item.name, names)
    if not len(names) == row["rows"] == row["total"]:
        yield f"{item.name} has {len(names)} lines, {row['rows']} rows of {row['total']}"
    if missing := (item.contains - model.deleted) - set(names):
        yield f"{item.name} lacks {sorted(missing)[:5]}, which were stored before it was begun"
    if foreign := set(names) - set(model.activities):
        yield f"{item.name} has {sorted(foreign)[:5]}, which were never sent"


def _acts(acts: Sequence[Mapping[str, Any]], model: Model, log: str) -> Iterator[str]:
    """The trail has what was acknowledged; an act that could not be stored is in the log whole."""
    texts = [json.dumps(act) for act in acts]
    lost = [line for line in log.splitlines() if _LOST in line]
    for (operation, needle), count in sorted(Counter(model.acts).items()):
        kind = f"EVENT_CASBAH_{operation.upper()}"
        found = sum(kind in text and needle in text for text in texts)
        found += sum(f"'{operation}'" in line and needle in line for line in lost)
        if found < count:
            yield f"{operation} of {needle} was acknowledged {count} times and is in the trail {found} times"


def _holds(server: Server, model: Model) -> Iterator[str]:
    """Delete everything: what is held stays, all else goes."""
    before = {record["_id"] for record in _scan(server, APP)}
    _answer(server, "/api/ext/v1/activities/delete", {"everything": True, "dryRun": False})
    left = {record["_id"] for record in _scan(server, APP)}
    for name in sorted(before):
        protected = model.protected(name)
        if protected and name not in left:
            yield f"activity {name} is held and was deleted"
        if protected is False and name in left:
            yield f"activity {name} is not held and was not deleted"


def _scan(server: Server, app: int) -> list[dict[str, Any]]:
    """Every activity of an app."""
    found: list[dict[str, Any]] = []
    filters: Any = {"service": {"eq": [app]}}
    while True:
        page = _answer(server, _ACTIVITIES, {"isScan": True, "limit": 500, "filters": filters})
        found += page["data"]
        if not page["hasNext"]:
            return found
        filters = page["nextQueryFilters"]


def _listed(server: Server, kind: str) -> list[dict[str, Any]]:
    page = _answer(server, RESOURCES[kind].path)
    assert not page["hasNext"]
    rows = [row for row in page["data"] if not row.get("suggested")]
    return [row for row in rows if row.get("action", kind) == {"rule": "delete"}.get(kind, kind)]


def _answer(server: Server, path: str, body: Any = None) -> Any:
    """An answer's JSON. Raises ValueError where there is none."""
    answer = server.get(path, body=body)
    if answer.status_code != 200:
        raise ValueError(f"{path} is answered {answer.status_code} {answer.text[:200]}")
    return answer.json()


def _repeated(where: str, names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{where} has {name} {times} times"
