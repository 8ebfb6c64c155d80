"""Nothing of one tenant reaches another: a server that holds somebody else's data answers as one that does not.

Two servers have the same activities of ours, and one of them a tenant more, drawn anew each time. Whatever is asked with our
token must be answered alike, byte for byte, by the same calls of the store; and no word of theirs is in any answer.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as drawing
from hypothesis import strategies as st

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.http.examples import EXAMPLES
from casbah.http.routes import ROUTES
from casbah.store.contract import Tenant
from making import NOW, arrival, record
from scenarios.inprocess import Asker, Reply

OURS, THEIRS = TenantId("contoso"), TenantId("fabrikam")
SECRET = "zzyzxsecret"
VOLATILE = re.compile(rb'"(created|at|used|expires|begun|ended|id|whoId|token|cursor|next)":\s*("[^"]*"|\d+)')

OURS_MADE = [
    record(n, user={"userName": f"user-{n % 5}@contoso.com"}, location={"countryCode": "DE"}, policies=["p1"])
    for n in range(30)
]

PARTS = st.fixed_dictionaries(
    {
        "user": st.fixed_dictionaries({"userName": st.sampled_from([f"{SECRET}@fabrikam.com", "user-1@contoso.com"])}),
        "location": st.fixed_dictionaries({"countryCode": st.sampled_from(["DE", SECRET])}),
        "appId": st.sampled_from([11161, 424_242]),
        "policies": st.lists(st.sampled_from(["p1", SECRET]), max_size=2),
        "description": st.sampled_from([SECRET, f"a {SECRET} file", "plain"]),
    }
)
THEIRS_MADE = st.lists(PARTS, min_size=1, max_size=8).map(
    lambda parts: [record(100 + n, **each, _id=f"{SECRET}-{n}", uid=f"{SECRET}-{n}") for n, each in enumerate(parts)]
)


@contextmanager
def house(folder: Path, **also: str) -> Iterator[tuple[Application, Asker]]:
    chosen = settings.read({}, store=str(folder), audit="off", **also)
    with compose.build(chosen, clock=lambda: NOW) as opened:
        key, _ = opened.services.tokens.create("ours", tenant=OURS.name)
        opened.services.store.tenant(OURS).insert([arrival(each) for each in OURS_MADE])
        yield opened, Asker(opened.app, key)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Application, Asker, Application, Asker]]:
    with (
        house(tmp_path_factory.mktemp("alone")) as (one, alone),
        house(tmp_path_factory.mktemp("beside")) as (two, beside_two),
    ):
        yield one, alone, two, beside_two


def questions(theirs: list[dict[str, Any]]) -> Iterator[tuple[str, str, bytes]]:
    """Every route that reads, with its examples and with what is theirs."""
    filters: list[Mapping[str, Any]] = [
        {},
        {"user.username": {"eq": [theirs[0]["user"]["userName"]]}},
        {"user.username": {"startswith": [SECRET[:4]]}},
        {"text": {"eq": [SECRET]}},
        {"activity.id": {"eq": [their["_id"] for their in theirs]}},
        {"service": {"eq": [424_242]}},
        {"policy": {"neq": [SECRET]}},
        {"date": {"range": [{"start": 0, "end": NOW + 10}]}},
    ]
    for each in filters:
        for path in ("/api/v1/activities/", "/api/v1/activities/count/"):
            yield "POST", path, json.dumps({"filters": each}).encode()
        yield "POST", "/api/v1/activities/", json.dumps({"filters": each, "isScan": True}).encode()
        yield (
            "POST",
            "/api/ext/v1/facets",
            json.dumps({"filters": each, "facets": ["user.username", "policy"]}).encode(),
        )
        yield "POST", "/api/ext/v1/histogram", json.dumps({"filters": each, "span": "1d"}).encode()
        yield "POST", "/api/ext/v1/changes", json.dumps({"filters": each}).encode()
        yield "POST", "/api/ext/v1/activities/delete", json.dumps({"filters": each, "dryRun": True}).encode()
    for name in (theirs[0]["_id"], "activity-1", "nobody's"):
        yield "GET", f"/api/v1/activities/{name}/", b""
        yield "GET", f"/api/ext/v1/activities/{name}/feedback", b""
        yield "POST", f"/api/v1/activities/{name}/feedback", b'{"feedback": "x"}'
    for route in ROUTES:
        if "GET" in route.methods and "{" not in route.path and not route.path.endswith("/tail"):
            yield "GET", route.path, b""
    for example in EXAMPLES.get("Query", ()):
        yield "POST", "/api/v1/activities/", json.dumps(example.value).encode()


def said(reply: Reply) -> tuple[int, bytes, Mapping[str, str]]:
    headers = {name: value for name, value in reply.headers.items() if name != "x-request-id"}
    headers.pop("content-length", None)
    return reply.status, VOLATILE.sub(rb'"\1":0', reply.body), headers


@contextmanager
def calls(tenant: Tenant) -> Iterator[list[str]]:
    """The names of the tenant's methods that are called meanwhile: how long an answer takes follows from them."""
    told: list[str] = []
    names = (
        "find",
        "scan",
        "count",
        "fetch",
        "top_values",
        "histogram",
        "groups",
        "totals",
        "latest",
        "changes",
        "high_water_mark",
        "feedback",
        "add_feedback",
    )
    for name in names:
        whole = getattr(tenant, name)

        def called(*arguments: Any, _whole: Any = whole, _name: str = name, **more: Any) -> Any:
            told.append(_name)
            return _whole(*arguments, **more)

        setattr(tenant, name, called)
    try:
        yield told
    finally:
        for name in names:
            delattr(tenant, name)


@pytest.mark.slow
@given(THEIRS_MADE)
@drawing(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_another_tenants_data_changes_no_answer(pair: Any, theirs: list[dict[str, Any]]) -> None:
    one, alone, two, beside_two = pair
    two.services.store.tenant(THEIRS).delete(Everything())
    two.services.store.tenant(THEIRS).insert([arrival(their) for their in theirs])
    for method, path, body in questions(theirs):
        with calls(one.services.store.tenant(OURS)) as here, calls(two.services.store.tenant(OURS)) as there:
            answers = said(alone(method, path, body)), said(beside_two(method, path, body))
        assert answers[0] == answers[1], (method, path, body)
        assert here == there, (method, path, body)
        asked = SECRET.encode() in body + path.encode()
        assert asked or SECRET.encode() not in answers[1][1], (method, path)


def test_every_answer_says_that_it_is_what_it_says_and_is_kept_nowhere(tmp_path: Path) -> None:
    with house(tmp_path) as (_, ask):
        for method, path, body in questions(OURS_MADE[:1]):
            headers = ask(method, path, body).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["cache-control"], path
