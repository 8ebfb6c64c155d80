"""`casbah compare` against servers that answer as MDCA does, with the same activities and with others."""

import copy
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from casbah.activity.language import FILTERS, OPERATORS
from casbah.cli.both_servers import Pace
from casbah.cli.page_difference import Failed, PageDifference, Pair, Refused, page_difference
from casbah.cli.query_set import ComparedQuery, Scope, narrowed, orders, spelled
from casbah.testing.records import records
from casbah.testing.server import Server, casbah_server
from command_line import app

Activity = dict[str, Any]
COUNT, TIES, HOUR = 300, 10, 3_600_000
OF_EACH = 6
DOCUMENTED = sum(
    len(row.documented) + row.nullable * len({"eq", "neq"} & set(row.documented)) for row in FILTERS.values()
)
ORDERS = 8


@pytest.fixture(scope="module")
def activities() -> list[Activity]:
    """Activities of six days until two hours ago, ten in a millisecond, with several values of each filter."""
    plain = records(COUNT, ties=TIES, until=time.time_ns() // 1_000_000 - 2 * HOUR, step=5 * HOUR)
    return [
        complete(activity, number % OF_EACH) if number % 7 else bare(activity) for number, activity in enumerate(plain)
    ]


def bare(activity: Activity) -> Activity:
    """The activity without what a record may lack."""
    return {key: activity[key] for key in ("_id", "timestamp", "appId", "description")} | {
        "created": activity["timestamp"]
    }


def complete(activity: Activity, number: int) -> Activity:
    """The activity with a value of every filter."""
    agent = ("Mozilla/5.0 (X11)", "curl/8.5", "Mozilla/5.0 (Windows)")[number % 3]
    url = f"https://contoso.sharepoint.com/sites/{number}/Report {number}.docx"
    file = {"objType": 3, "role": 3, "id": f"file{number}", "name": url, "labels": [f"label{number}"]}
    more = {
        "created": activity["timestamp"] + 1_000,
        "instanceId": number % 2,
        "isImpersonated": number == 0,
        "isAdminOperation": number < 2,
        "takenActions": ["block"] if number == 1 else [],
        "mainInfo": activity["mainInfo"] | {"type": "basic", "eventObjects": [file]},
        "userAgent": {"deviceType": ("DESKTOP", "MOBILE", None)[number % 3], "tags": [f"agent{number}"]},
        "policies": [f"policy{number}"],
        "alertIds": [f"alert{number}"],
        "streamId": f"stream{number}",
        "source": number % 3,
        "session": f"session{number}",
    }
    activity["user"] |= {"orgUnit": f"Sales/Unit {number}", "userTags": [f"group{number}"]}
    activity["device"] |= {"userAgent": agent, "tags": [f"device{number}"]}
    activity["location"] |= {
        "organizationSearchable": f"Contoso ISP {number}",
        "category": number,
        "ipTags": [f"ip{number}"],
    }
    return activity | more


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, activities: list[Activity]) -> Path:
    return filled(tmp_path_factory.mktemp("store"), activities)


@pytest.fixture(scope="module")
def mdca(activities: list[Activity]) -> Iterator[Server]:
    """What has the same activities."""
    with mimicking(activities) as server:
        yield server


@contextmanager
def mimicking(activities: list[Activity], **options: str) -> Iterator[Server]:
    """A server with these activities that answers as MDCA does, but for its rate."""
    with casbah_server(mimic="mdca", throttle="off", **options) as server:
        server.add(activities)
        yield server


def filled(folder: Path, activities: list[Activity]) -> Path:
    """A store with these activities."""
    lines = "\n".join(map(json.dumps, activities))
    done = CliRunner().invoke(app, ["ingest", "-", "--source", "mdca", "--store", str(folder)], input=lines)
    assert done.exit_code == 0, done.output
    return folder


def run(store: Path, mdca: Server, *arguments: str, code: int) -> Result:
    words = ["compare", "--mdca", mdca.url, "--rate", "60000", "--store", str(store), *arguments]
    done = CliRunner().invoke(app, words, env={"CASBAH_MDCA_TOKEN": mdca.token, "COLUMNS": "300"})
    assert done.exit_code == code, (done.output, done.exception)
    return done


def compared(store: Path, mdca: Server, *arguments: str, code: int) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run(store, mdca, *arguments, "--json", code=code).stdout)
    return result


def differing(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [query for query in result["queries"] if not query["equal"]]


@pytest.fixture(scope="module")
def result(store: Path, mdca: Server) -> dict[str, Any]:
    """Of servers with the same activities."""
    return compared(store, mdca, code=0)


def test_servers_with_the_same_activities_are_equal_in_every_documented_condition(result) -> None:
    assert (result["equal"], result["untested"], result["fields"]) == (True, [], [])
    tested = {(query["filter"], query["operator"]) for query in result["queries"]} - {("", "")}
    assert tested == {(row.name, name.lower()) for row in FILTERS.values() for name in row.documented}
    assert len(result["queries"]) == ORDERS + DOCUMENTED
    assert result["recordsCompared"] == COUNT
    idle = [query["name"] for query in result["queries"] if query["mdca"]["total"] == 0]
    assert idle == [], "a query that finds nothing compares nothing"


@pytest.mark.slow
def test_a_tenant_that_was_pulled_is_equal(tmp_path, mdca) -> None:
    """From an empty store to the same answers: `casbah pull`, then `casbah compare`."""
    file, folder = tmp_path / "pull.toml", tmp_path / "store"
    file.write_text(f'[mdca]\nkind = "mdca"\nurl = "{mdca.url}"\n')
    words = ["pull", "--once", "--json", "--file", str(file), "--store", str(folder)]
    pulled = CliRunner().invoke(app, words, env={"CASBAH_PULL_MDCA_SECRET": mdca.token})
    (status,) = json.loads(pulled.stdout)
    assert (status["stored"], status["refused"], status["gaps"], status["error"]) == (COUNT, 0, [], "")
    result = compared(folder, mdca, code=0)
    assert result["recordsCompared"] == COUNT
    assert result["queries"][0]["casbah"]["total"] == COUNT


@pytest.mark.slow
def test_undocumented_operators_are_compared_on_request(store, mdca) -> None:
    result = compared(store, mdca, "--undocumented", code=0)
    assert {(query["filter"], query["operator"]) for query in result["queries"]} - {("", "")} == {
        (row.name, name) for row in FILTERS.values() for name in row.operators
    }
    assert {query["operator"] for query in result["queries"]} >= set(OPERATORS)


def test_filters_without_values_are_named(tmp_path, activities) -> None:
    plain = [bare(activity) for activity in activities]
    with mimicking(plain) as mdca:
        result = compared(filled(tmp_path / "store", plain), mdca, code=0)
        text = run(tmp_path / "store", mdca, code=0)
    assert {"user.username", "policy", "location.country"} <= set(result["untested"])
    assert not {"service", "date", "created", "text", "activity.id"} & set(result["untested"])
    assert "casbah: not tested, as no values are stored: " in text.stderr


def test_values_are_sent_as_records_spell_them(result) -> None:
    sent = {query["filter"]: query["body"]["filters"] for query in result["queries"]}
    assert sent["device.type"]["device.type"]["neq"] == [None]
    kinds = sent["activity.eventActionType"]["activity.eventActionType"]["neq"]
    assert kinds
    assert all(kind.startswith("EVENT_CATEGORY_") or kind == "basic" for kind in kinds)
    assert (
        sent["entity"]["entity"]["startswith"][0] in "ann@contoso.com ben@contoso.com chloe@contoso.com dan@contoso.com"
    )


def test_an_activity_that_one_server_lacks_is_named_and_no_difference_of_filters(store, activities) -> None:
    lacking = activities[-1]
    with mimicking(activities[:-1]) as mdca:
        result = compared(store, mdca, code=1)
        text = run(store, mdca, "--quick", code=1)
    first = result["queries"][0]
    assert (first["mdca"]["total"], first["casbah"]["total"]) == (COUNT - 1, COUNT)
    assert (first["mdca"]["only"], first["casbah"]["only"]) == ([], [lacking["_id"]])
    assert {query["filter"] for query in differing(result)} == {""}
    assert "list by date, newest first: 299 in MDCA, 300 in Casbah" in text.stdout
    assert f"  only in Casbah: {lacking['_id']}" in text.stdout
    assert "8 queries, 8 of them differ" in text.stderr


def test_an_activity_that_casbah_lacks_is_named(tmp_path, mdca, activities) -> None:
    """Also where there is no total to show it, as in MDCA's scans."""
    result = compared(filled(tmp_path / "store", activities[1:]), mdca, "--quick", code=1)
    scan = next(query for query in result["queries"] if query["name"] == "scan by date, oldest first")
    assert (scan["mdca"]["total"], scan["equal"]) == (None, False)
    assert (scan["mdca"]["only"], scan["casbah"]["only"]) == ([activities[0]["_id"]], [])


def test_only_what_both_pages_cover_is_compared_by_id(store, activities) -> None:
    """One more among the newest shifts the end of the page of 100, which is no second difference."""
    with mimicking(activities[:-1]) as mdca:
        newest = compared(store, mdca, "--quick", code=1)["queries"][0]
    assert (newest["casbah"]["only"], newest["mdca"]["only"]) == ([activities[-1]["_id"]], [])
    assert newest["compared"] == 100 - TIES, "the ten at the end of the page may have others beside them"


def test_fields_that_differ_and_fields_that_casbah_adds(tmp_path, activities) -> None:
    changed = copy.deepcopy(activities)
    changed[1]["location"]["countryCode"] = "XX"
    changed[1]["mainInfo"]["eventObjects"][0]["labels"] = []
    del changed[2]["description"]
    changed[3]["ours"] = {"verb": "share"}
    changed[4]["entityData"] = [changed[4]["entityData"]["0"]]
    with mimicking(activities) as mdca:
        result = compared(filled(tmp_path / "store", changed), mdca, "--quick", code=1)
        text = run(tmp_path / "store", mdca, "--quick", code=1)
    fields = {row["path"]: (row["id"], row["mdca"], row["casbah"], row["records"]) for row in result["fields"]}
    first, second = activities[1]["_id"], activities[2]["_id"]
    assert fields == {
        "location.countryCode": (first, activities[1]["location"]["countryCode"], "XX", 1),
        "mainInfo.eventObjects.0.labels.0": (first, "label1", None, 1),
        "description": (second, activities[2]["description"], None, 1),
    }
    assert {"path": "ours.verb", "records": 1} in result["addedFields"]
    assert f'field location.countryCode: "US" in MDCA, "XX" in Casbah ({first}; 1 of 300 records)' in text.stdout
    assert differing(result) == []


def test_a_query_that_one_server_refuses_differs(store, activities) -> None:
    with mimicking(activities, mimic_list_end="50") as mdca:
        result = compared(store, mdca, "--quick", code=1)
        assert re.search(
            r"  MDCA refuses it: .*skip \+ limit is at most 50", run(store, mdca, "--quick", code=1).stdout
        )
    assert [bool(query["mdca"]["refused"]) for query in result["queries"]] == [True] * 4 + [False] * 4
    assert [query["equal"] for query in result["queries"]] == [False] * 4 + [True] * 4


def test_a_query_that_one_server_fails_at_differs(store, mdca) -> None:
    mdca.next(500)
    result = compared(store, mdca, "--quick", code=1)
    assert [query["equal"] for query in result["queries"]] == [False] + [True] * 7
    first = result["queries"][0]["mdca"]
    assert ("the server answered 500" in first["failed"], first["refused"]) == (True, "")
    mdca.next(500)
    assert re.search(r"  MDCA failed: .*the server answered 500", run(store, mdca, "--quick", code=1).stdout)


def test_a_failure_equals_nothing() -> None:
    query = next(iter(orders(Scope(0, 1, {}))))
    answers = (Refused("bad"), Failed("broken"))
    equal = {(mdca, casbah): page_difference(query, mdca, casbah).equal for mdca in answers for casbah in answers}
    assert [pair for pair in equal if equal[pair]] == [(Refused("bad"), Refused("bad"))]


@pytest.mark.slow
def test_own_conditions_narrow_every_query_and_are_asked_alone(store, activities) -> None:
    """The activity that is lacking has the user, and another app."""
    lacking = next(
        row for row in activities if row.get("user", {}).get("userName") == "ann@contoso.com" and row["appId"] != 11161
    )
    within = ("--filter", "user.username eq ann@contoso.com", "--filter", "service eq 11161")
    with mimicking([row for row in activities if row is not lacking]) as mdca:
        result = compared(store, mdca, *within, "--quick", code=1)
        full = compared(store, mdca, *within, code=1)
    assert [query["name"] for query in differing(result)] == ['user.username eq ["ann@contoso.com"]']
    assert [query["name"] for query in differing(full)] == [query["name"] for query in differing(result)]
    assert all("eq" in query["body"]["filters"]["service"] for query in full["queries"][:ORDERS])


def test_more_activities_of_one_millisecond_than_a_page_has(tmp_path) -> None:
    many = [
        row | {"created": row["timestamp"]}
        for row in records(250, ties=250, until=time.time_ns() // 1_000_000 - 2 * HOUR)
    ]
    with mimicking(many) as mdca:
        result = compared(filled(tmp_path / "store", many), mdca, "--quick", code=0)
    assert [query["compared"] for query in result["queries"]] == [0] * 4 + [250] * 4


def test_acts_in_casbah_itself_are_left_out(tmp_path, activities, mdca) -> None:
    folder = filled(tmp_path / "store", activities)
    act = ["feedback", activities[0]["_id"], "--text", "seen", "--store", str(folder)]
    assert CliRunner().invoke(app, act, env={"CASBAH_AUDIT": "changes"}).exit_code == 0
    listed = CliRunner().invoke(app, ["list", "--count", "--store", str(folder)])
    assert int(listed.stdout) > COUNT
    compared(folder, mdca, "--quick", "--settled", "0", code=0)


def test_a_throttled_request_is_sent_again_when_the_server_says(store, mdca) -> None:
    mdca.next({"status": 429, "retryAfter": 1})
    began = time.monotonic()
    compared(store, mdca, "--quick", code=0)
    assert time.monotonic() - began >= 1
    assert 429 in [request.status for request in mdca.requests]


def test_requests_are_spread_evenly() -> None:
    now, slept = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = Pace(30, clock=lambda: now, sleep=sleep)
    for _ in range(4):
        pace.wait()
    now += 60
    pace.wait()
    pace.wait()
    assert slept == [2, 2, 2, 2], "the first of all, and the first after a pause, wait for nothing"


def test_what_is_wrong_is_reported_before_anything_is_sent(store, mdca) -> None:
    asked = len(mdca.requests)
    words = ["compare", "--mdca", mdca.url, "--store", str(store)]
    own = {"CASBAH_MDCA_TOKEN": "x"}
    for more, env, message in (
        ([], {}, "set CASBAH_MDCA_TOKEN"),
        (["--filter", "user.nam eq x"], own, "unknown filter"),
        (["--filters", '{"service": 5}'], own, "expected an object"),
    ):
        refused = CliRunner().invoke(app, [*words, *more], env=env)
        assert (refused.exit_code, message in refused.stderr) == (2, True), refused.stderr
    assert len(mdca.requests) == asked
    whole = CliRunner().invoke(app, [*words, "--days", "1", "--settled", "1440"], env={"CASBAH_MDCA_TOKEN": "x"})
    assert (whole.exit_code, "leaves out all of the days" in " ".join(whole.stderr.split())) == (2, True)
    elsewhere = CliRunner().invoke(
        app, [*words[:2], f"{mdca.url}/none", *words[3:]], env={"CASBAH_MDCA_TOKEN": mdca.token}
    )
    assert elsewhere.exit_code == 2
    assert re.search(r"nothing was compared: .*404.*no Activities API at the address", elsewhere.stderr)
    refused = CliRunner().invoke(app, words, env={"CASBAH_MDCA_TOKEN": "hush" * 16})
    assert refused.exit_code == 2
    assert re.search(r"401.*token of MDCA", refused.stderr)
    assert "hush" not in refused.stderr
    assert "casbah token create" not in refused.stderr
    wrong = CliRunner().invoke(
        app, ["compare", "--mdca", "contoso", "--store", str(store)], env={"CASBAH_MDCA_TOKEN": "x"}
    )
    assert (wrong.exit_code, "expected an address such as" in " ".join(wrong.stderr.split())) == (2, True)


@pytest.mark.parametrize(
    ("totals", "equal"),
    [pytest.param(Pair(9, 10), True, id="no more"), pytest.param(Pair(8, 10), False, id="one more")],
)
def test_what_is_known_to_be_on_one_server_only_is_left_out(totals, equal) -> None:
    query = ComparedQuery({}, filter="service", operator="eq")
    page = PageDifference(query, totals, Pair("", ""), Pair("", ""), compared=10, only_casbah=["a"])
    assert page.apart_from({"a"}).equal is equal
    assert not page.apart_from({"b"}).equal


@pytest.mark.parametrize(
    ("own", "operator", "operand", "result"),
    [
        pytest.param({}, "eq", [1], {"service": {"eq": [1]}}, id="the first condition of a filter"),
        pytest.param({"service": {"neq": [2]}}, "eq", [1], {"service": {"neq": [2], "eq": [1]}}, id="another operator"),
        pytest.param({"service": {"neq": [2]}}, "neq", [1], {"service": {"neq": [2, 1]}}, id="neither of both"),
        pytest.param({"service": {"eq": [2]}}, "eq", [1], None, id="both cannot be asked at once"),
    ],
)
def test_conditions_are_combined_only_where_both_hold(own, operator, operand, result) -> None:
    assert narrowed(own, "service", operator, operand) == result


def test_a_scope_keeps_bounds_of_its_own() -> None:
    scope = Scope(1_000, 2_000, {"date": {"gte": 1_500}})
    assert scope.filters["date"] == {"gte": 1_500, "lte": 2_000}


def test_a_value_without_a_spelling_of_its_own_is_sent_as_it_is() -> None:
    assert spelled("contoso.com", {"user": {"userName": "Ann@Contoso.com"}}) == "contoso.com"
    assert spelled("ann@contoso.com", {"user": {"userName": "Ann@Contoso.com"}}) == "Ann@Contoso.com"
    assert spelled({"id": "a"}, {"entityData": {"0": {"id": {"id": "a", "saas": 1, "inst": 0}}}}) == {
        "id": "a",
        "saas": 1,
        "inst": 0,
    }
