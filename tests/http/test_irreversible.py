"""Requests that cannot be undone: a slip of the pen deletes nothing, holds nothing and creates no token."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from casbah import compose, settings
from casbah.http.route import EXTENSION
from casbah.http.routes import ROUTES
from making import NOW, record
from scenarios.inprocess import Asker

DELETE, RULES, APPLY, AGAIN, TOKENS = (
    f"{EXTENSION}/{path}"
    for path in ("activities/delete", "retention", "retention/apply", "activities/enrich", "tokens")
)
BOB = {"user.username": {"eq": ["bob"]}}
FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


@contextmanager
def filled(folder: Path) -> Iterator[Asker]:
    with compose.build(settings.read({}, store=str(folder)), clock=lambda: NOW) as house:
        asker = Asker(house.app, house.local_key)
        lines = [record(n, timestamp=NOW - n, user={"userName": "bob" if n % 2 else "ann"}) for n in range(10)]
        asker("POST", f"{EXTENSION}/activities?source=mdca", b"\n".join(json.dumps(line).encode() for line in lines))
        asker("POST", RULES, json.dumps({"name": "all", "days": 1, "everything": True}).encode())
        yield asker


@pytest.fixture
def ask(tmp_path):
    with filled(tmp_path) as asker:
        yield asker


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """For requests that change nothing; the tests ask whether they did."""
    with filled(tmp_path_factory.mktemp("store")) as asker:
        yield asker


def state(ask: Asker) -> tuple[int, int, int]:
    """How many activities beside acts, rules and tokens there are."""
    asked = json.dumps({"filters": {"service": {"neq": [900_013]}}}).encode()
    rules, tokens = (ask("GET", path).json["total"] for path in (RULES, TOKENS))
    return ask("POST", "/api/v1/activities/count/", asked).json["total"], rules, tokens


# Each body is a slip of one that would change something: what it lacks or has too much is all that is wrong with it.
TARGETS = {
    "delete": (DELETE, {"dryRun": False}),
    "rule": (RULES, {"name": "x", "days": 1}),
    "hold": (RULES, {"name": "x", "action": "hold"}),
    "enrich": (AGAIN, {}),
}
EMPTY = [
    pytest.param({}, "at least one condition", id="no filter"),
    pytest.param({"filters": None}, "at least one condition", id="null"),
    pytest.param({"filters": ""}, "at least one condition", id="blank"),
    pytest.param({"filters": {}}, "at least one condition", id="empty object"),
    pytest.param({"filters": "{}"}, "at least one condition", id="empty object as text"),
    pytest.param({"filters": []}, "expected an object", id="list"),
    pytest.param({"everything": False}, "at least one condition", id="everything false"),
    pytest.param({"everything": "true"}, "everything: expected true or false, got string", id="everything as text"),
    pytest.param({"everything": 1}, "everything: expected true or false, got integer", id="everything as a number"),
    pytest.param({"everything": None}, "everything: expected true or false, got null", id="everything null"),
    pytest.param({"everything": True, "filters": BOB}, "goes without filters", id="everything and filters"),
    pytest.param({"filters": {"service": {}}}, "got an empty object", id="no operator"),
    pytest.param({"filters": {**BOB, "service": {}}}, "got an empty object", id="no operator beside a condition"),
    pytest.param({"filters": {"service": {"eq": []}}}, "got an empty list", id="eq of nothing"),
    pytest.param({"filters": {"service": {"neq": []}}}, "got an empty list", id="neq of nothing"),
    pytest.param({"filters": {**BOB, "service": {"NEQ": []}}}, "got an empty list", id="neq of nothing in capitals"),
    pytest.param({"filters": {"user.username": {"contains": ""}}}, "got string ''", id="contains of no text"),
    pytest.param({"filters": {"user.username": {"ncontains": " "}}}, "got string ' '", id="ncontains of a space"),
    pytest.param({"filters": {"user.username": {"startswith": ["b", ""]}}}, "got list", id="one beginning of two"),
    pytest.param({"filters": {"activity.id": {"doesnotstartwith": ""}}}, "got string ''", id="no beginning of an id"),
    pytest.param({"filters": {"activity.id": {"startswith": 10**4100}}}, "restrict something", id="a number no id has"),
    pytest.param({"filters": {"entity": {"startswith": {"id": ""}}}}, "got object", id="entity without an id"),
    pytest.param({"filters": {"entity": {"startswith": ""}}}, "got string ''", id="entity of no text"),
    pytest.param({"filters": {"office365url": {"descendantof": "/"}}}, "got string '/'", id="below the root"),
    pytest.param({"filters": {"text": {"text": "--"}}}, "got string '--'", id="text without words"),
    pytest.param({"filters": {"text": {"eq": [""]}}}, "got list", id="phrase without words"),
    pytest.param({"filters": {"ip.address": {"eq": "0.0.0.0/0"}}}, "got string '0.0.0.0/0'", id="all addresses"),
    pytest.param({"filters": {"ip.address": {"neq": ["::/0"]}}}, "got list", id="all addresses but IPv6"),
    pytest.param({"filters": {"user.username": {"isset": [True, False]}}}, "got list", id="set or not"),
    pytest.param({"filters": {"activity.type": {"eq": [True, "FALSE"]}}}, "got list", id="true or false"),
    *(pytest.param({"filters": {"ip.address": {operator: value}}}, "restrict something", id=f"addresses {operator} {value}")
      for operator in ("eq", "neq", "deq")
      for value in ("0.0.0.0/00", "0.0.0.0/0.0.0.0", "255.1.2.3/0", "::ffff:0:0/96", "0:0:0:0:0:FFFF:0.0.0.0/96", "::/00", "ff::/0",
                    ["0.0.0.0/1", "128.0.0.0/1"], ["128.0.0.0/1", "10.0.0.0/8", "0.0.0.0/1"], ["::/1", "8000::/1"])),
    pytest.param({"filters": {"ip.address": {"startswith": "0.0.0.0/0"}}}, "a value that an activity can have", id="no address begins so"),
    pytest.param({"filters": {"ip.address": {"doesnotstartwith": "0.0.0.0/0"}}}, "restrict something", id="nor lacks it"),
    *(pytest.param({"filters": {**BOB, "date": condition}}, "restrict something", id=f"date {condition}")
      for condition in ({"gte": 0}, {"gt": [-1]}, {"gte": "0", "lte": 5}, {"lte": 2**43}, {"range": {"start": 0}}, {"isset": True}, {"isnotset": False},
                        {"range": [{"end": 5}, {"start": 6}]}, {"gte_ndays": 30_000}, {"lte_ndays": -100_000}, {"neq": -1})),
    pytest.param({"filters": {"date": {"isnotset": True}}}, "a value that an activity can have", id="at no time"),
    pytest.param({"filters": {"created": {"gte": 0}}}, "restrict something", id="stored at any time"),
    pytest.param({"filters": {"created": {"isset": "true"}}}, "restrict something", id="stored"),
    pytest.param({"filters": {"activity.id": {"isset": True}}}, "restrict something", id="has an id"),
    pytest.param({"filters": {"activity.type": {"isset": True}}}, "restrict something", id="is done by an administrator or not"),
    pytest.param({"filters": {"activity.type": {"neq": [True, False]}}}, "a value that an activity can have", id="neither true nor false"),
    pytest.param({"filters": {"instance": {"gte": -(2**63)}}}, "restrict something", id="every instance"),
    pytest.param({"filters": {"instance": {"neq": 2**63}}}, "restrict something", id="a number no instance has"),
    pytest.param({"filters": {"service": {"range": [{"end": 5}, {"start": 6}]}}}, "restrict something", id="every app"),
    pytest.param({"filters": {"service": {"deq": 2**63}}}, "restrict something", id="any app but one that cannot be"),
    pytest.param({"filters": {"entity": {"startswith": [" "]}}}, "got list", id="entity of a blank"),
    pytest.param({"filters": {"entity": {"neq": {"id": 10**4100}}}}, "got object", id="entity of a number no id has"),
    pytest.param({"filters": {"office365url": {"startswith": "http"}}}, "restrict something", id="every URL"),
    pytest.param({"filters": {"office365url": {"doesnotstartwith": "ftp"}}}, "restrict something", id="no URL"),
    pytest.param({"filter": BOB}, "unknown parameter 'filter'; did you mean 'filters'?", id="filter for filters"),
    pytest.param({"Filters": BOB}, "unknown parameter 'Filters'; did you mean 'filters'?", id="a capital"),
    pytest.param({"filters": BOB, "sevice": 1}, "unknown parameter 'sevice'", id="unknown beside good filters"),
    pytest.param({"service": {"eq": [1]}}, "unknown parameter 'service'", id="a condition outside of filters"),
    pytest.param({"filters": {"user.domian": {"eq": "x"}}}, "did you mean 'user.domain'?", id="misspelt filter"),
    pytest.param({"filters": {"service": {"eqq": 1}}}, "did you mean 'eq'?", id="misspelt operator"),
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("slip", "says"), EMPTY)
def test_a_slip_is_refused_and_changes_nothing(untouched, target: str, slip: dict[str, Any], says: str):
    path, body = TARGETS[target]
    before = state(untouched)
    reply = untouched("POST", path, json.dumps({**body, **slip}).encode())
    assert (reply.status, says in reply.json["detail"]) == (400, True), reply.json
    assert state(untouched) == before


RAW = [
    pytest.param(DELETE, b'{"filters": {"date": {"lte": 1}, "date": {"gte": 1}}, "dryRun": false}', {}, "'date' is given more than once", id="a filter twice"),
    pytest.param(DELETE, b'{"filters": {"date": {"lte": 1}}, "filters": {"date": {"gte": 1}}, "dryRun": false}', {}, "'filters' is given more than once", id="filters twice"),
    pytest.param(DELETE, json.dumps({"filters": '{"date": {"lte": 1}, "date": {"gte": 1}}', "dryRun": False}).encode(), {}, "'date' is given more than once", id="twice in filters as text"),
    pytest.param(f"{DELETE}?filters={{}}", b'{"filters": {"user.username": {"eq": ["bob"]}}, "dryRun": false}', {}, "'filters' is given more than once", id="in the query string and in the body"),
    pytest.param(f"{DELETE}?dry_run=true", b'{"filters": {"user.username": {"eq": ["bob"]}}, "dryRun": false}', {}, "unknown parameter 'dry_run'; did you mean 'dryRun'?", id="misspelt in the query string"),
    pytest.param(f"{DELETE}?dryRun=true&dryRun=false", b'{"filters": {"user.username": {"eq": ["bob"]}}}', {}, "'dryRun' is given more than once", id="a flag twice"),
    pytest.param(f"{DELETE}?dryRun=false", b"", {}, "at least one condition", id="no body at all"),
    pytest.param(DELETE, b"everything=yes&dryRun=false", FORM, "everything: expected true or false, got string 'yes'", id="a flag of a form"),
    pytest.param(DELETE, b"filters=%7B%7D&dryRun=false", FORM, "at least one condition", id="empty filters of a form"),
    pytest.param(DELETE, b"dryRun=false&dryRun=true&everything=true", FORM, "'dryRun' is given more than once", id="a flag of a form twice"),
    pytest.param(DELETE, b'--b\r\nContent-Disposition: form-data; name="everything"\r\n\r\ntrue\r\n--b\r\nContent-Disposition: form-data; name="everything"\r\n\r\nfalse\r\n--b--\r\n', MULTIPART, "'everything' is given more than once", id="a part twice"),
    pytest.param(DELETE, b'{"filters": {"user.username": {"eq": ["bob"]}}, "dryRun": "false"}', {}, "dryRun: expected true or false, got string 'false'", id="dryRun as text"),
    pytest.param(DELETE, b'{"filters": {"user.username": {"eq": ["bob"]}}, "dryRun": 0}', {}, "dryRun: expected true or false, got integer 0", id="dryRun as a number"),
    pytest.param(DELETE, b'{"filters": {"user.username": {"eq": ["bob"]}}, "dryRun": null}', {}, "dryRun: expected true or false, got null", id="dryRun null"),
    pytest.param(APPLY, b'{"dryrun": true}', {}, "unknown parameter 'dryrun'; did you mean 'dryRun'?", id="apply, misspelt"),
    pytest.param(APPLY, b'{"dryRun": "false"}', {}, "dryRun: expected true or false", id="apply, as text"),
    pytest.param(APPLY, b'{"filters": {}, "dryRun": false}', {}, "unknown parameter 'filters'", id="apply of some only"),
    pytest.param(TOKENS, b'{"name": "x", "scope": ["Ingest.write"]}', {}, "unknown parameter 'scope'; did you mean 'scopes'?", id="a token's scopes, misspelt: it would have all"),
    pytest.param(TOKENS, b'{"name": "x", "expire": 4102444800000}', {}, "unknown parameter 'expire'; did you mean 'expires'?", id="a token's expiry, misspelt: it would never expire"),
    pytest.param(f"{TOKENS}?tennant=other", b'{"name": "x"}', {}, "unknown parameter 'tennant'; did you mean 'tenant'?", id="a token's tenant, misspelt"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "headers", "says"), RAW)
def test_a_slip_in_any_encoding_is_refused(untouched, path: str, body: bytes, headers: dict[str, str], says: str):
    before = state(untouched)
    reply = untouched("POST", path, body, headers=headers)
    assert (reply.status, says in reply.json["detail"]) == (400, True), reply.json
    assert state(untouched) == before


@pytest.mark.parametrize(
    "path", sorted(route.path for route in ROUTES if route.path.startswith(EXTENSION) and "DELETE" in route.methods)
)
@pytest.mark.parametrize(("query", "body"), [("?dryRun=true", b""), ("", b'{"dryRun": true}')])
def test_whatever_removes_by_its_path_refuses_parameters(untouched, path: str, query: str, body: bytes):
    reply = untouched("DELETE", re.sub(r"\{\w+\}", "x", path) + query, body)
    assert (reply.status, reply.json) == (
        400,
        {"detail": "unknown parameter 'dryRun'; this request takes no parameters"},
    )


GOOD = [
    pytest.param(DELETE, {"filters": BOB, "dryRun": False}, {"dryRun": False, "matching": 5}, id="filters"),
    pytest.param(DELETE, {"filters": json.dumps(BOB), "dryRun": False}, {"dryRun": False, "matching": 5}, id="as text"),
    pytest.param(DELETE, {"filters": {}, "everything": True, "dryRun": False}, {"dryRun": False}, id="everything"),
    pytest.param(DELETE, {"filters": BOB, "everything": False}, {"dryRun": True, "matching": 5}, id="not everything"),
    pytest.param(DELETE, {"filters": {"activity.id": {"startswith": "activity-"}}}, {"matching": 10}, id="is set"),
    pytest.param(DELETE, {"filters": {"device.type": {"eq": None}, **BOB}}, {"matching": 5}, id="null is a value"),
    pytest.param(DELETE, {"filters": {"date": {"range": {"start": 0, "end": NOW}}, **BOB}}, {"matching": 5}, id="a range"),
    pytest.param(DELETE, {"filters": {"date": {"gte_ndays": 10_000}, **BOB}}, {"matching": 5}, id="many days"),
    pytest.param(DELETE, {"filters": {"user.username": {"isset": True}}}, {"matching": 10}, id="has a user"),
    pytest.param(DELETE, {"filters": {"ip.address": {"neq": "10.0.0.0/8"}}}, {"matching": 10}, id="not a network"),
    pytest.param(DELETE, {"filters": {"user.tags": {"neq": ["a", {"role": 3}]}}}, {"matching": 10}, id="a modifier"),
    pytest.param(DELETE, {"filters": {"entity": {"neq": {"id": "x", "saas": 1}}}}, {"matching": 10}, id="an entity"),
    pytest.param(RULES, {"name": "x", "days": "7", "everything": True}, {"days": 7, "filters": {}}, id="rule"),
    pytest.param(RULES, {"name": "x", "action": "hold", "filters": BOB}, {"action": "hold"}, id="hold"),
    pytest.param(AGAIN, {"everything": True, "limit": 500}, {"hasNext": False}, id="enrich"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "answer"), GOOD)
def test_what_is_meant_is_done(ask, path: str, body: dict[str, Any], answer: dict[str, Any]):
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status in (200, 201), reply.json
    assert {key: reply.json[key] for key in answer} == answer


def test_a_form_spells_flags_as_text(ask):
    body = b"filters=%7B%22user.username%22%3A%7B%22eq%22%3A%22bob%22%7D%7D&dryRun=FALSE"
    assert ask("POST", DELETE, body, headers=FORM).json == {
        "dryRun": False,
        "matching": 5,
        "held": 0,
        "deleted": 5,
        "exempt": 0,
    }
