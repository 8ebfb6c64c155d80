"""Mapping files: what they can say, and that every slip of the pen is named."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.errors import BadMappingError
from casbah.ingest.contract import Connector, Event, UnusableEventError
from casbah.ingest.mapping.mapped import connector
from ingest.mapping.test_paths import JSON

ACME = """
title = "Acme"
recognize = [["acme_id", "act=*.*", "!other"], ["kind=Acme*"]]

[app]
id = 990001
name = "Acme CRM"
by = "product"
ids = { "Mail" = 20893 }

[activity]
id = ["acme_id", "{a}_{b}"]
time = ["at", "when"]
operation = ["act", "=unknown.act"]
instance = "tenant"

[titles]
"deal.won" = "Deal won"

[categories]
"session.start" = "LOGIN"
"*.delete" = "DELETE_OBJECT"

[user]
name = ["who.mail", "who.name"]
id = "who.id"

[origin]
addresses = ["ip", "chain[].ip"]
agent = "{client.name}/{client.version}"

[location]
country = "land"
latitude = "lat"
proxy = { "proxy" = "true" }

[outcome]
of = "result"
success = ["OK"]
failure = ["*"]
message = "why"
event_type = "=EVENT_ACME_FAILED"

[flags.admin]
"@operation" = ["admin.*"]
roles = "admin"

[flags.impersonated]
"as.*.id" = "*"

[[objects]]
each = "things[]"
type = "target"
type_of = "kind"
types = { File = "file", User = "account" }
id = "id"
name = "name"
labels = "labels[]"

[[objects]]
type = "parameter"
name = "=Limit"
value = "limit"
"""
NOON = 1_767_268_800_000


@pytest.fixture
def acme() -> Connector:
    return connector(ACME, name="acme", origin="acme.toml")


def made(source: Connector, **event: Any) -> Mapping[str, Any]:
    (draft,) = source.drafts(Event(json.dumps(event).encode(), {"at": NOON, **event}))
    return {"id": draft.id, "timestamp": draft.timestamp, **draft.keys}  # type: ignore[union-attr]


def test_where_everything_goes(acme: Connector) -> None:
    found = made(
        acme,
        acme_id=5,
        act="deal.won",
        tenant="t1",
        who={"mail": "a@contoso.com", "id": "u1"},
        ip="1.2.3.4:80",
        chain=[{"ip": "1.2.3.4"}, {"ip": "::1"}],
        client={"name": "curl", "version": 8},
        land="Germany",
        lat=1.5,
        proxy=True,
        result="OK",
        things=[
            {"kind": "file", "id": "f1", "name": "F", "labels": ["l"]},
            {"kind": "User", "id": "u2"},
            {"name": "x"},
        ],
        limit=3,
    )
    assert found["id"] == "t1_990001_5"
    assert found["description"] == "Deal won: F"
    assert found["mainInfo"]["prettyOperationName"] == "Deal won"
    assert found["mainInfo"]["activityResult"] == {"isSuccess": True}
    assert found["user"] == {"userName": "a@contoso.com"}
    assert found["device"]["clientIP"] == "1.2.3.4"
    assert found["internals"] == {"otherIPs": ["::1"]}
    assert found["device"]["userAgent"] == "curl/8"
    assert found["location"] == {"countryCode": "DE", "latitude": 1.5, "anonymousProxy": True}
    objects = found["mainInfo"]["eventObjects"]
    told = [(each["objType"], each["role"], each.get("id"), each.get("name"), each.get("value")) for each in objects]
    assert told[:3] == [
        (3, 3, "f1", "F", None),
        (21, 5, "u2", "u2", None),
        (7, 3, None, "Limit", "3"),
    ]
    assert objects[0]["labels"] == ["l"]


@pytest.mark.parametrize(
    ("event", "path", "value"),
    [
        pytest.param({"act": "session.start"}, "eventTypeName", "EVENT_CATEGORY_LOGIN", id="a category by name"),
        pytest.param(
            {"act": "session.start", "result": "no"},
            "eventTypeName",
            "EVENT_CATEGORY_FAILED_LOGIN",
            id="a failed log-on",
        ),
        pytest.param({"act": "x", "result": "no"}, "eventTypeValue", "EVENT_ACME_FAILED", id="the type of what failed"),
        pytest.param({"act": "x"}, "eventTypeValue", "EVENT_ACME_CRM_GENERIC", id="the usual type"),
        pytest.param(
            {"act": "Deal.Delete"}, "eventTypeName", "EVENT_CATEGORY_DELETE_OBJECT", id="a category by pattern"
        ),
        pytest.param({"act": "deal.lost"}, "description", "Deal lost", id="a code in words"),
        pytest.param({}, "mainInfo.rawOperationName", "unknown.act", id="a literal where nothing is found"),
        pytest.param({"act": "admin.add"}, "isAdminOperation", True, id="an administrator by operation"),
        pytest.param({"roles": "Admin"}, "isAdminOperation", True, id="an administrator by value"),
        pytest.param({"roles": "user"}, "isAdminOperation", False, id="no administrator"),
        pytest.param({"as": {"x": {"id": 1}}}, "isImpersonated", True, id="acting as another"),
        pytest.param({"product": "mail"}, "appName", "Microsoft Exchange Online", id="the app by a value"),
        pytest.param({"product": "?"}, "appName", "Acme CRM", id="the app otherwise"),
        pytest.param({"a": 1, "b": 2}, "id", "0_990001_1_2", id="an id out of parts"),
        pytest.param({"a": 1}, "id", None, id="no id where a part is missing"),
        pytest.param(
            {"result": "bad", "why": "no seat"}, "mainInfo.activityResult.message", "no seat", id="why it failed"
        ),
        pytest.param(
            {"at": "redacted", "when": NOON // 1000}, "timestamp", NOON, id="the next time where one is unusable"
        ),
    ],
)
def test_one_thing_at_a_time(acme: Connector, event: dict[str, Any], path: str, value: Any) -> None:
    found: Any = made(acme, **event)
    for key in path.split("."):
        found = found[key]
    assert found == value


@pytest.mark.parametrize(
    ("event", "known"),
    [
        ({"acme_id": 1, "act": "a.b"}, True),
        ({"acme_id": 1, "act": "ab"}, False),
        ({"acme_id": 1, "act": "a.b", "other": 0}, False),
        ({"kind": "AcmeEvent"}, True),
        ({}, False),
    ],
)
def test_what_it_recognizes(acme: Connector, event: dict[str, Any], known: bool) -> None:
    assert acme.recognizes(event) is known


def test_an_event_without_a_time_is_refused(acme: Connector) -> None:
    for event, why in (({}, "at is absent"), ({"at": "soon"}, "at is 'soon'")):
        with pytest.raises(UnusableEventError, match=why):
            list(acme.drafts(Event(b"{}", event)))


MATCHED = r"""
[[objects]]
operations = ["told"]
each = "story[]"
match = '(?P<Kind>file|user) (?P<id>\w+)'
type_of = "kind"
types = { file = "file", user = "account" }
id = "id"

[[changes]]
each = "story[]"
match = '(?P<what>\w+): (?:from (?P<old>\w+) )?to (?P<new>\w+)'
name = "what"
old = "old"
new = "new"
"""


def test_every_match_in_a_text_is_an_item() -> None:
    source = connector(ACME + MATCHED, name="acme", origin="acme.toml")
    story = ["file plan, user pat", 7, {"a": 1}, "nothing", "size: from 1 to 2, color: to red"]
    keys = made(source, act="told", story=story)
    objects = [(row["part"], row["id"]) for row in keys["mainInfo"]["eventObjects"] if row.get("part") != "actor"]
    assert objects == [("file", "plan"), ("target", "pat")]
    assert keys["changes"] == [{"name": "size", "old": "1", "new": "2"}, {"name": "color", "new": "red"}]
    assert "changes" not in made(source, act="told", story="no change")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(("operation =", "operatoin ="), r"\[activity\].*operation|operatoin", id="a misspelt key"),
        pytest.param(('title = "Acme"', "title = 3"), r"\[title\].*str", id="a value of another kind"),
        pytest.param(('"LOGIN"', '"LOGON"'), r"\[categories.*LOGON", id="an unknown category"),
        pytest.param(('User = "account"', 'User = "acount"'), r"objects.*acount", id="an unknown type"),
        pytest.param(('name = "Acme CRM"', ""), "catalog has no app 990001", id="an app without a name"),
        pytest.param(('country = "land"', 'country = "land["'), r"land\[", id="a bad path"),
        pytest.param(('["kind=Acme*"]', "[]"), "recognize", id="nothing to recognize it by"),
        pytest.param(
            ('labels = "labels[]"', 'match = "(?P<id>"'), "not a regular expression", id="no regular expression"
        ),
        pytest.param(('name = "=Limit"', 'match = "x"\nname = "=Limit"'), "needs each", id="a match of nothing"),
        pytest.param(("[app]", "[app"), "not TOML", id="no TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: tuple[str, str], says: str) -> None:
    assert change[0] in ACME
    with pytest.raises(BadMappingError, match=says) as refused:
        connector(ACME.replace(*change, 1), name="acme", origin="acme.toml")
    assert str(refused.value).startswith("acme.toml: ")


@pytest.mark.slow
@given(
    st.dictionaries(st.sampled_from(["act", "who", "things", "ip", "land", "lat", "result", "chain", "client"]), JSON)
)
def test_no_event_makes_it_raise(event: dict[str, Any]) -> None:
    acme = connector(ACME, name="acme", origin="acme.toml")
    (draft,) = acme.drafts(Event(b"{}", {"at": NOON, **event}))
    assert draft.timestamp == NOON
