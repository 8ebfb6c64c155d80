"""Whose things are: they belong to an id, and a name that somebody else has as well opens nothing."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from casbah import compose, settings
from casbah.base.key_value import QUERIES, TOKENS, FolderKeyValueStore
from casbah.compose import Application
from casbah.ingest.apps import CASBAH
from identity.issuing import AUDIENCE, ISSUER, claims, key_set, public, token
from making import NOW, record
from scenarios.inprocess import Asker, Reply

QUERY, EXPORT, SESSION, SESSIONS = (f"/api/ext/v1/{each}" for each in ("queries", "exports", "session", "sessions"))
LIST = "/api/v1/activities/"
READ = ["Investigation.read"]
OURS = {"host": "casbah.example", "origin": "http://casbah.example"}


@contextmanager
def opened(folder: Path) -> Iterator[Application]:
    keys = folder / "keys.json"
    keys.write_bytes(key_set(public("rsa")))
    chosen = settings.read(
        {}, store=str(folder / "store"), oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(keys)
    )
    with compose.build(chosen, clock=lambda: NOW) as house:
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Application]:
    with opened(tmp_path) as one:
        yield one


class Person:
    """Asks with a JWT."""

    def __init__(self, house: Application, **said: Any) -> None:
        self._ask = Asker(house.app, None)
        self._headers = {"authorization": f"Bearer {token(claims(**said))}"}

    def __call__(self, method: str, path: str, body: bytes = b"") -> Reply:
        return self._ask(method, path, body, headers=self._headers)


def holder(house: Application, name: str, *, tenant: str = "contoso", scopes: Any = READ) -> tuple[Asker, str]:
    """Asks with a token of that name; and the token's id."""
    key, made = house.services.tokens.create(name, tenant=tenant, scopes=scopes)
    return Asker(house.app, key), made.id


def saved(ask: Any, name: str, **more: Any) -> str:
    reply = ask("POST", QUERY, json.dumps({"name": name, "filters": {}, **more}).encode())
    assert reply.status == 201, reply.body
    return str(reply.json["id"])


def own(ask: Any) -> list[str]:
    return [query["name"] for query in ask("GET", QUERY).json["data"] if query["own"]]


def exported(ask: Any) -> str:
    """The id of an export that is ready."""
    export = ask("POST", EXPORT, b'{"format": "ndjson"}').json["id"]
    for _ in range(2_000):
        if ask("GET", f"{EXPORT}/{export}").json["state"] == "ready":
            return str(export)
        time.sleep(0.005)
    raise AssertionError("it does not end")


def exports_of(ask: Any) -> list[str]:
    return [export["id"] for export in ask("GET", EXPORT).json["data"]]


STRANGERS = [
    pytest.param({"preferred_username": "dash"}, id="a person of the token's name"),
    pytest.param({"preferred_username": "dash", "sub": "another"}, id="another person of that name"),
    pytest.param({"preferred_username": "local"}, id="a person of the owner's name"),
    pytest.param({"preferred_username": "x", "sub": "local"}, id="a subject of the owner's name"),
]


@pytest.mark.parametrize("said", STRANGERS)
def test_a_person_of_a_tokens_name_sees_nothing_of_it(house: Application, said: Mapping[str, Any]) -> None:
    dash, _ = holder(house, "dash")
    query, export = saved(dash, "private"), exported(dash)
    person = Person(house, **said)
    assert (own(person), exports_of(person)) == ([], [])
    assert person("POST", f"{QUERY}/{query}", b'{"name": "x", "filters": {}}').status == 404
    assert person("DELETE", f"{QUERY}/{query}").status == 404
    for path in (f"{EXPORT}/{export}", f"{EXPORT}/{export}/file"):
        assert person("GET", path).status == 404
    assert person("DELETE", f"{EXPORT}/{export}").status == 404
    assert (own(dash), exports_of(dash)) == (["private"], [export])


def test_a_token_whose_subject_is_its_id_is_not_that_token(house: Application) -> None:
    dash, token_id = holder(house, "dash")
    saved(dash, "private")
    assert own(Person(house, sub=token_id)) == []


def test_a_person_is_known_by_the_subject_whatever_the_name(house: Application) -> None:
    saved(Person(house, preferred_username="ann"), "hers")
    assert own(Person(house, preferred_username="ann.smith")) == ["hers"]
    assert own(Person(house, preferred_username="ann", sub="another")) == []


def test_a_token_that_is_created_again_is_another(house: Application) -> None:
    dash, token_id = holder(house, "dash")
    saved(dash, "private")
    house.services.tokens.revoke(token_id, governs=lambda _: True)
    assert own(holder(house, "dash")[0]) == []


def test_who_shared_a_query_is_shown_by_name_and_is_not_whoever_has_it(house: Application) -> None:
    dash, _ = holder(house, "dash")
    saved(dash, "ours", shared=True)
    shown = Person(house, preferred_username="dash")("GET", QUERY).json["data"][0]
    assert (shown["name"], shown["owner"], shown["own"]) == ("ours", "dash", False)


@pytest.mark.parametrize("sub", [None, "", 7, ["a"], "x" * 256, "a\u202eb", "a\n", "\ud800"], ids=repr)
def test_a_jwt_without_a_subject_is_refused(house: Application, sub: Any) -> None:
    assert Person(house, sub=sub)("GET", LIST).status == 401


def test_nobody_is_called_what_casbah_calls_itself(house: Application) -> None:
    shown = Person(house, preferred_username="retention", upn="Local", email="ann@contoso.com")("GET", SESSION)
    assert shown.json["name"] == "ann@contoso.com"


# In the trail and in feedback.


def acts(house: Application, tenant: str = "contoso") -> list[dict[str, Any]]:
    body = json.dumps({"filters": {"service": {"eq": [CASBAH]}}, "sortDirection": "asc"}).encode()
    asked = Asker(house.app, house.local_key)("POST", LIST, body, headers={"casbah-tenant": tenant})
    return list(asked.json["data"])


def test_an_act_has_both_the_id_and_the_name(house: Application) -> None:
    dash, token_id = holder(house, "dash")
    askers = [dash, Person(house, preferred_username="dash"), Person(house, preferred_username="dash", sub="other")]
    for ask in askers:
        saved(ask, "x")
    found = acts(house)
    assert [act["rawDataJson"]["who"] for act in found] == ["dash"] * 3
    wanted = [token_id, f"{ISSUER}#0f3c", f"{ISSUER}#other"]
    assert [act["rawDataJson"]["whoId"] for act in found] == wanted
    assert [act["user"]["userName"] for act in found] == ["dash"] * 3
    assert [act["resolvedActor"]["id"] for act in found] == wanted
    by_name = json.dumps({"filters": {"service": {"eq": [CASBAH]}, "user.username": {"eq": ["dash"]}}}).encode()
    assert dash("POST", LIST, by_name).json["total"] == 3


def test_the_owner_and_the_rules_have_ids_of_their_own(house: Application) -> None:
    ask = Asker(house.app, house.local_key)
    ask("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record(1, timestamp=1)).encode())
    ask("POST", "/api/ext/v1/retention", b'{"name": "old", "days": 1, "everything": true}')
    ask("POST", "/api/ext/v1/retention/apply", b'{"dryRun": false}')
    found = {(act["rawDataJson"]["who"], act["rawDataJson"]["whoId"]) for act in acts(house, "default")}
    assert found == {("local", "local"), ("retention", "retention")}


def test_feedback_says_whose_it_is(house: Application) -> None:
    writer, token_id = holder(house, "ann@contoso.com", scopes=[*READ, "Ingest.write"])
    writer("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record(1)).encode())
    for ask in (writer, Person(house)):
        ask("POST", f"{LIST}activity-1/feedback", b'{"feedback": "seen"}')
    found = writer("GET", "/api/ext/v1/activities/activity-1/feedback").json["data"]
    assert [(entry["who"], entry["whoId"]) for entry in found] == [
        ("ann@contoso.com", token_id),
        ("ann@contoso.com", f"{ISSUER}#0f3c"),
    ]


# What an earlier version kept under a name.


def earlier(folder: Path, owner: str, *, changed: int = NOW - 5, name: str = "kept") -> None:
    """A query as earlier versions kept it."""
    store = folder / "store"
    key_values = FolderKeyValueStore(store, QUERIES)
    key_values.put(
        "contoso", f"of-{owner}", {"owner": owner, "name": name, "filters": {}, "shared": False, "changed": changed}
    )
    key_values.close()


def earlier_tokens(folder: Path, **revoked: int | None) -> dict[str, str]:
    """Tokens as earlier versions kept them, which may have equal names: `dash_1` is called dash. Their keys."""
    key_values, keys = FolderKeyValueStore(folder / "store", TOKENS), {}
    for number, (label, at) in enumerate(revoked.items()):
        key = keys[label] = str(number) * 80
        about = {"id": f"{number:012x}", "name": label.partition("_")[0], "tenant": "contoso", "scopes": READ}
        moments = {"created": NOW - 10, "used": None, "revoked": at, "expires": None}
        key_values.put("token", hashlib.sha256(key.encode()).hexdigest(), {**about, **moments})
    key_values.close()
    return keys


def administrator(house: Application) -> Asker:
    return holder(house, "administrator", scopes=[*READ, "Admin.manage"])[0]


def test_it_is_the_one_tokens_that_had_the_name(tmp_path: Path) -> None:
    keys = earlier_tokens(tmp_path, dash=None)
    earlier(tmp_path, "dash")
    with opened(tmp_path) as house:
        assert own(Asker(house.app, keys["dash"])) == ["kept"]
        assert own(Person(house, preferred_username="dash")) == []
        assert own(administrator(house)) == []


def test_a_token_that_is_created_later_is_not_meant(tmp_path: Path) -> None:
    earlier(tmp_path, "dash")
    with opened(tmp_path) as house:
        assert own(holder(house, "dash")[0]) == []
        assert own(administrator(house)) == ["kept"]


LEFT = [
    pytest.param({"dash_1": None, "dash_2": None}, id="two tokens had the name"),
    pytest.param({"dash_1": None, "dash_2": NOW - 7}, id="two had it, of which one is revoked"),
    pytest.param({}, id="a person had it"),
]


@pytest.mark.parametrize("tokens", LEFT)
def test_what_cannot_be_told_is_left_to_administrators(tmp_path: Path, tokens: dict[str, int | None]) -> None:
    keys = earlier_tokens(tmp_path, **tokens)
    earlier(tmp_path, "dash")
    with opened(tmp_path) as house:
        for label, key in keys.items():
            if tokens[label] is None:
                assert own(Asker(house.app, key)) == []
        assert own(Person(house, preferred_username="dash")) == []
        admin = administrator(house)
        assert own(admin) == ["kept"]
        assert admin("POST", f"{QUERY}/of-dash", b'{"name": "taken over", "filters": {}}').status == 200
        assert own(admin) == ["taken over"]
        assert own(holder(house, "second", scopes=["Investigation.read", "Admin.manage"])[0]) == []


def test_what_a_revoked_token_kept_falls_to_nobody_else(tmp_path: Path) -> None:
    earlier_tokens(tmp_path, dash=NOW - 3)
    earlier(tmp_path, "dash")
    with opened(tmp_path) as house:
        assert own(holder(house, "dash")[0]) == []
        assert own(Person(house, preferred_username="dash")) == []


def test_what_the_owners_key_kept_is_no_tokens_of_its_name(tmp_path: Path) -> None:
    keys = earlier_tokens(tmp_path, local=None)
    earlier(tmp_path, "local")
    with opened(tmp_path) as house:
        assert own(Asker(house.app, keys["local"])) == []
        assert own(administrator(house)) == ["kept"]


def test_what_the_owners_key_kept_is_its_own_where_no_token_had_its_name(tmp_path: Path) -> None:
    earlier(tmp_path, "local")
    with opened(tmp_path) as house:
        owner = Asker(house.app, house.local_key)
        found = owner("GET", QUERY, headers={"casbah-tenant": "contoso"}).json["data"]
        assert [query["name"] for query in found if query["own"]] == ["kept"]
        assert own(administrator(house)) == []


def test_an_export_from_before_is_its_tokens_too(tmp_path: Path) -> None:
    keys = earlier_tokens(tmp_path, dash=None)
    with opened(tmp_path) as house:
        dash = Asker(house.app, keys["dash"])
        mine, others = exported(dash), exported(Person(house, preferred_username="ann"))
    for export in (mine, others):
        file = tmp_path / "store" / "exports" / export / "export.json"
        said = json.loads(file.read_text())
        del said["owner_id"]
        file.write_text(json.dumps(said))
    with opened(tmp_path) as house:
        assert exports_of(Asker(house.app, keys["dash"])) == [mine]
        assert exports_of(Person(house, preferred_username="ann")) == []
        admin = administrator(house)
        assert exports_of(admin) == [others]
        assert admin("GET", f"{EXPORT}/{others}/file").status == 200
        assert admin("DELETE", f"{EXPORT}/{others}").status == 200


# Sessions.


def signed_in(house: Application, key: str) -> dict[str, str]:
    body = json.dumps({"token": key}).encode()
    reply = Asker(house.app, None)("POST", SESSION, body, headers=OURS)
    assert reply.status == 200
    return {"cookie": reply.headers["set-cookie"].partition(";")[0]}


@pytest.mark.parametrize("scope", ["Admin.manage", "Ingest.write", "Tokens.manage", "Activities.delete"])
def test_any_session_can_be_ended_by_who_has_it(house: Application, scope: str) -> None:
    key, _ = house.services.tokens.create("alone", tenant="contoso", scopes=[scope])
    session, browser = signed_in(house, key), Asker(house.app, None)
    assert browser("GET", SESSION, headers=session).json["scopes"] == [scope]
    assert browser("DELETE", SESSION, headers={**session, **OURS}).status == 200
    assert browser("GET", SESSION, headers=session).status == 401


def test_sessions_are_listed_and_ended_by_those_who_manage_tokens(house: Application) -> None:
    key, made = house.services.tokens.create("dash", tenant="contoso", scopes=READ)
    session, browser = signed_in(house, key), Asker(house.app, None)
    person = house.services.authenticator.caller(f"Bearer {token(claims())}", None, address="")
    persons, _ = house.services.tokens.begin_session_of(person, ms=1_000)
    manager, _ = holder(house, "manager", scopes=["Tokens.manage"])
    found = manager("GET", SESSIONS).json
    assert {(each["name"], each["caller"]) for each in found["data"]} == {
        ("dash", made.id),
        ("ann@contoso.com", f"{ISSUER}#0f3c"),
    }
    assert key not in json.dumps(found)
    for each in found["data"]:
        assert manager("DELETE", f"{SESSIONS}/{each['id']}").json == each
    assert browser("GET", SESSION, headers=session).status == 401
    assert browser("GET", SESSION, headers={"cookie": f"casbah_session={persons}"}).status == 401
    assert manager("GET", SESSIONS).json["total"] == 0
    assert [act["rawDataJson"]["operation"] for act in acts(house)][-2:] == ["end_session"] * 2


def test_sessions_of_another_tenant_are_neither_seen_nor_ended(house: Application) -> None:
    key, _ = house.services.tokens.create("dash", tenant="contoso", scopes=READ)
    session = signed_in(house, key)
    (there,) = holder(house, "manager", scopes=["Tokens.manage"])[0]("GET", SESSIONS).json["data"]
    stranger, _ = holder(house, "manager", tenant="fabrikam", scopes=["Tokens.manage"])
    assert stranger("GET", SESSIONS).json["data"] == []
    assert stranger("DELETE", f"{SESSIONS}/{there['id']}").status == 404
    assert Asker(house.app, None)("GET", SESSION, headers=session).status == 200


def test_a_session_that_is_over_anyway_is_not_listed(house: Application) -> None:
    key, made = house.services.tokens.create("dash", tenant="contoso", scopes=READ)
    signed_in(house, key)
    manager, _ = holder(house, "manager", scopes=["Tokens.manage"])
    assert manager("GET", SESSIONS).json["total"] == 1
    house.services.tokens.revoke(made.id, governs=lambda _: True)
    assert manager("GET", SESSIONS).json["total"] == 0


def test_signing_in_again_ends_the_session_before(house: Application) -> None:
    first = signed_in(house, house.services.tokens.create("first", tenant="contoso")[0])
    second, _ = house.services.tokens.create("second", tenant="contoso")
    browser = Asker(house.app, None)
    reply = browser("POST", SESSION, json.dumps({"token": second}).encode(), headers={**OURS, **first})
    assert reply.status == 200
    assert browser("GET", SESSION, headers=first).status == 401
    wrong = browser(
        "POST",
        SESSION,
        b'{"token": "wrong"}',
        headers={**OURS, "cookie": reply.headers["set-cookie"].partition(";")[0]},
    )
    assert wrong.status == 401
    still = browser("GET", SESSION, headers={"cookie": reply.headers["set-cookie"].partition(";")[0]})
    assert still.json["name"] == "second"
