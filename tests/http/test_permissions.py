"""The table of permissions: every route with every single scope."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from casbah import compose, settings
from casbah.compose import Application
from casbah.http.route import Route
from casbah.http.routes import ROUTES
from casbah.identity.permissions import SCOPES
from scenarios.inprocess import Asker

READ = {"Investigation.read", "Investigation.manage"}
OWNER_ALONE = ("keep_trail", "make_snapshot", "remove_snapshot")
"""They need a scope, and the owner's key besides."""

STREAM = "tail"
# fmt: off
NEEDED = {
    "update_range":      {"Investigation.manage"},
    "give_name":         {"Investigation.manage"},
    "create_range":      {"Investigation.manage"},
    "delete_range":      {"Investigation.manage"},
    "enrich_again":      {"Investigation.manage"},
    "ingest":            {"Ingest.write"},
    "list_pushes":       {"Admin.manage"},
    "make_snapshot":     {"Admin.manage"},
    "remove_snapshot":   {"Admin.manage"},
    "delete_activities": {"Activities.delete"},
    "apply_rules":       {"Activities.delete"},
    "show_trail":        {"Admin.manage", "Activities.delete", "Holds.manage"},
    "keep_trail":        {"Activities.delete"},
    "list_rules":        {"Admin.manage", "Activities.delete", "Holds.manage"},
    "add_rule":          {"Activities.delete", "Holds.manage"},
    "remove_rule":       {"Activities.delete", "Holds.manage"},
    "list_tokens":       {"Tokens.manage"},
    "create_token":      {"Tokens.manage"},
    "revoke_token":      {"Tokens.manage"},
    "list_sessions":     {"Tokens.manage"},
    "end_session":       {"Tokens.manage"},
    "whoami":            set(SCOPES),
    "sign_out":          set(SCOPES),
}
# fmt: on
"""What the routes need that change something for others, one by one, said once more than in the table of routes."""


def name_of(route: Route) -> str:
    return route.operation


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("permissions")))) as opened:
        yield opened


@pytest.fixture(scope="module")
def askers(house: Application) -> dict[str, Asker]:
    """One for each scope, with a token that has it alone."""
    create = house.services.tokens.create
    return {scope: Asker(house.app, create(scope, tenant="default", scopes=[scope])[0]) for scope in SCOPES}


@pytest.mark.parametrize("name", NEEDED)
def test_the_table_of_routes_says_the_same(name: str) -> None:
    found = {frozenset(route.permission.value or SCOPES) for route in ROUTES if name_of(route) == name}
    assert found == {frozenset(NEEDED[name])}


CASES = [
    pytest.param(route, method, scope, id=f"{method} {route.path} with {scope}")
    for route in ROUTES
    for method in route.methods
    for scope in SCOPES
]


@pytest.mark.parametrize("route, method, scope", CASES)
def test_a_route_asks_for_its_scopes_and_no_other_will_do(
    askers: dict[str, Any], route: Route, method: str, scope: str
) -> None:
    allowed = not route.permission.value or scope in route.permission.value
    if allowed and name_of(route) == STREAM:
        return  # It answers without an end.
    body = b"" if method == "DELETE" else b'{"action": "hold"}'
    answer = askers[scope](method, re.sub(r"\{\w+\}", "nothing-of-that-name", route.path), body)
    if not allowed or name_of(route) in OWNER_ALONE:
        assert (answer.status, answer.json["detail"]) == (403, "You do not have permission to perform this action.")
    elif name_of(route) == "add_rule" and scope != "Holds.manage":
        assert answer.status == 403
    else:
        assert answer.status not in (401, 403)
        assert answer.status < 500


RULES = [
    pytest.param({"name": "year", "days": 365, "everything": True}, "Activities.delete", id="a rule that deletes"),
    pytest.param({"name": "case", "action": "hold", "everything": True}, "Holds.manage", id="a hold"),
]


@pytest.mark.slow
@pytest.mark.parametrize("rule, needed", RULES)
def test_a_rule_is_added_and_removed_by_whom_its_kind_needs(
    askers: dict[str, Any], rule: dict[str, Any], needed: str
) -> None:
    path, body = "/api/ext/v1/retention", json.dumps(rule).encode()
    others = [askers[scope] for scope in SCOPES if scope != needed]
    assert {ask("POST", path, body).status for ask in others} == {403}
    made = askers[needed]("POST", path, body)
    assert made.status == 201
    assert {ask("DELETE", f"{path}/{made.json['id']}").status for ask in others} == {403}
    assert askers[needed]("DELETE", f"{path}/{made.json['id']}").status == 200


@pytest.mark.parametrize("scope", SCOPES)
def test_nobody_grants_more_than_they_have(house: Application, scope: str) -> None:
    held = [scope, "Tokens.manage"]
    key, _ = house.services.tokens.create(f"grants {scope}", tenant="default", scopes=held)
    ask = Asker(house.app, key)
    granted = {*held, *(["Investigation.read"] if "Investigation.manage" in held else [])}
    for number, wanted in enumerate(SCOPES):
        body = json.dumps({"name": f"of {scope} {number}", "scopes": [wanted]}).encode()
        answer = ask("POST", "/api/ext/v1/tokens", body)
        assert answer.status == (201 if wanted in granted else 403), wanted
    made = ask("POST", "/api/ext/v1/tokens", json.dumps({"name": f"of {scope}"}).encode())
    assert set(made.json["scopes"]) == granted
