"""The OpenAPI document: it is one, its examples run, its errors are those that come, and the page shows it all."""

import itertools
import json
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from time import sleep
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from casbah import compose, errors
from casbah import settings as casbah_settings
from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.query import Bounds
from casbah.activity.tenant import Principal, TenantId
from casbah.demo.load import sample_activities
from casbah.http import api_docs
from casbah.http.examples import A_QUERY, A_RANGE, A_RECORD, A_REJECT, A_RULE, A_SNAPSHOT, A_TOKEN, AN_EXPORT, EXAMPLES
from casbah.http.openapi_errors import EXAMPLES as ERROR_EXAMPLES
from casbah.http.routes import PUBLIC, ROUTES
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.enrich.ranges import RangeDefinition
from casbah.operations.retention.rules import RetentionRule
from casbah.operations.saved.queries import QueryDefinition
from casbah.outputs.export.exports import READY, ExportRequest
from samples import NOW
from scenarios.inprocess import Asker, Reply

JSON, NDJSON = "application/json", "application/x-ndjson"
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
LIST, TOKENS, MIMIC = "/api/v1/activities", "/api/ext/v1/tokens", "/api/ext/v1/mimic/answers"
DOCUMENT = api_docs.cached_document(Bounds(), tuple(connectors()))


def validator(schema: dict) -> Any:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def named(name: str) -> dict:
    return {"$ref": f"#/components/schemas/{name}"}


def operations() -> Iterator[tuple[str, str, dict, list]]:
    """Path, method, operation, and the parameters that all methods of its path share."""
    for path, item in DOCUMENT["paths"].items():
        for method in ("get", "post", "delete"):
            if method in item:
                yield path, method.upper(), item[method], item.get("parameters", [])


# --- The document itself ------------------------------------------------------------------------------------------------


def test_it_is_openapi_3_1():
    wrong = [
        f"{iter_error.instance_path}: {iter_error.message}" for iter_error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)
    ]
    assert wrong == []


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_json_schema(name):
    jsonschema_rs.meta.validate(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENT["components"]["schemas"][name]}
    )


def test_every_reference_leads_somewhere_and_every_part_is_led_to():
    led_to = {each["$ref"] for each in objects(DOCUMENT) if "$ref" in each}
    parts = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "examples", "headers")
        for name in DOCUMENT["components"][kind]
    }
    assert led_to == parts


def objects(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        yield from itertools.chain.from_iterable(map(objects, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(objects, value))


def test_every_route_is_in_it():
    routes = {(route.path, method) for route in (*ROUTES, *PUBLIC, *api_docs.PAGES) for method in route.methods}
    assert {(path, method) for path, method, _, _ in operations()} == routes


def test_every_operation_has_a_name_of_its_own_that_is_an_identifier():
    names = [operation["operationId"] for _, _, operation, _ in operations()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


PUBLISHED = """
    add_rule alive apply_rules begin begin_export change_query come_back count_activities count_alerts create_range create_token
    delete_activities delete_export delete_query delete_range end_session enrich_again expect_answers
    expect_arrivals fetch_activity fetch_entity fetch_export forget give_feedback histogram ingest keep_trail list_activities
    list_activity_types list_alerts list_entities list_locations list_user_tags
    list_changes list_choices list_exports list_facets list_feedback list_metadata list_queries list_range_metadata
    list_ranges list_rejects list_rules list_sessions list_sources list_tokens make_snapshot manual_page metrics
    openapi_document ready remove_reject remove_rule remove_snapshot replay_rejects revoke_token save_query
    group_activities show_export show_trail sign_in sign_out tail threat_scores update_range ways whoami
"""
"""Operations that clients and audit trails know by name. New ones may be added; these stay."""


def test_published_operations_keep_their_names():
    assert set(PUBLISHED.split()) <= {route.operation for route in (*ROUTES, *PUBLIC, *api_docs.PAGES)}


def test_links_lead_to_operations_that_take_what_they_bring():
    takes = {
        operation["operationId"]: {each["name"] for each in (*operation.get("parameters", []), *shared)}
        for _, _, operation, shared in operations()
    }
    links = [link for each in objects(DOCUMENT["paths"]) if "links" in each for link in each["links"].values()]
    assert len(links) >= 6
    assert all(set(link.get("parameters", {})) <= takes[link["operationId"]] for link in links)


def test_whatever_is_asked_is_shown():
    bare = [
        f"{operation['operationId']} {kind}"
        for _, _, operation, _ in operations()
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if not content["examples"]
    ]
    assert bare == []


def test_every_filter_and_every_operator_of_it_is_there():
    schemas = DOCUMENT["components"]["schemas"]
    for name, row in FILTERS.items():
        conditions = schemas[schemas["Filters"]["properties"][name]["$ref"].rpartition("/")[2]]
        assert list(conditions["properties"]) == list(row.operators)


# --- Examples run ---------------------------------------------------------------------------------------------------------


LOCAL_PRINCIPAL = Principal("local", "local", administers=True)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@contextmanager
def seeded(folder, clock=None, *, samples=True, **given):
    """A house with the token that examples name, and with the sample data; an Asker with the owner's key."""
    chosen = casbah_settings.read({}, store=str(folder), **given)
    with compose.build(chosen, **({"clock": clock} if clock else {})) as house:
        if samples:
            house.services.store.tenant(TenantId("default")).insert(list(sample_activities()))
        house.services.tokens.create(A_TOKEN, tenant="default")
        guests = RangeDefinition(name="Guests", category=6, networks=("203.0.113.0/24",))
        house.services.ranges.add(guests, TenantId("default"), range_id=A_RANGE)
        mine = QueryDefinition("Mine", {"service": {"eq": [11161]}})
        with patch("secrets.token_hex", return_value=A_QUERY):
            house.writer.queries.add(mine, LOCAL_PRINCIPAL, TenantId("default"))
        entry = A_REJECT.partition(".")[0]
        refused = [Refusal("body", 1, "not JSON", b"{broken")]
        house.services.rejects.keep(refused, source=None, sender="shipper", tenant_id=TenantId("default"), entry=entry)
        (folder / "snapshots" / A_SNAPSHOT).mkdir(parents=True)
        rule = RetentionRule(A_RULE, "A rule", "delete", {}, 400, "local", NOW)
        house.writer.retention.add(rule, TenantId("default"))
        wanted = ExportRequest({}, "date", "desc", "csv", ("time", "user"), None)
        with patch("secrets.token_hex", return_value=AN_EXPORT):
            house.writer.exports.begin(wanted, LOCAL_PRINCIPAL, TenantId("default"))
        while house.writer.exports.one(AN_EXPORT, LOCAL_PRINCIPAL, TenantId("default")).state != READY:
            sleep(0.01)
        if samples:
            office = RangeDefinition(name="Berlin office", category=1, networks=("192.0.2.0/24",))
            house.services.ranges.add(office, TenantId("default"))
        yield house, Asker(house.app, house.local_key)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with seeded(tmp_path_factory.mktemp("house")) as (_, asker):
        yield asker


@pytest.fixture(scope="module")
def ask_mimic(tmp_path_factory):
    with seeded(tmp_path_factory.mktemp("mimic"), samples=False, mimic_slow="1ms") as (_, asker):
        yield asker


@pytest.fixture(scope="module")
def ask_log(tmp_path_factory):
    with seeded(tmp_path_factory.mktemp("log"), log_name="casbah.example.com") as (house, asker):
        house.writer.logs.of("default").advance()
        yield asker


@pytest.fixture
def ask_alone(tmp_path):
    """For requests that change what others need."""
    with seeded(tmp_path, samples=False) as (_, asker):
        yield asker


def filled(path: str, shared: list) -> str:
    for each in shared:
        path = path.replace(f"{{{each['name']}}}", quote(each["examples"]["sample"]["value"], safe=""))
    return path


def required(operation: dict) -> str:
    """The query string with the parameters that the operation requires, as their examples say."""
    samples = {
        each["name"]: each["examples"]["sample"]["value"]
        for each in operation.get("parameters", [])
        if each.get("required")
    }
    return f"?{urlencode(samples)}" if samples else ""


def encoded(kind: str, value: Any) -> tuple[bytes, str]:
    """A body and its label; objects in forms are JSON, as the document's `encoding` says."""
    if kind == JSON:
        return json.dumps(value).encode(), kind
    if kind == NDJSON:
        return value.encode(), kind
    fields = {name: each if isinstance(each, str) else json.dumps(each) for name, each in value.items()}
    if kind == FORM:
        return urlencode(fields).encode(), kind
    parts = (
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    )
    return "".join((*parts, "--XX--\r\n")).encode(), f"{kind}; boundary=XX"


@dataclass(frozen=True)
class Shown:
    """An example of an operation as a request."""

    operation: dict
    method: str
    path: str
    body: bytes = b""
    label: str = ""


def shown() -> Iterator[Any]:
    """Every example of every operation; an operation without a body is asked without anything, too."""
    for path, method, operation, shared in operations():
        name, target = operation["operationId"], filled(path, shared) + required(operation)
        if "requestBody" not in operation:
            yield pytest.param(Shown(operation, method, target), id=name)
        for each in operation.get("parameters", []):
            for title, example in each.get("content", {}).get(JSON, {}).get("examples", {}).items():
                query = urlencode({each["name"]: json.dumps(example["value"])})
                yield pytest.param(Shown(operation, method, f"{target}?{query}"), id=f"{name} {title}")
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            for title, example in content["examples"].items():
                made = encoded(kind, example["value"])
                yield pytest.param(Shown(operation, method, target, *made), id=f"{name} {kind} {title}")


# They take away what others need, or need what only a browser or an issuer says.
APART_FROM_OTHERS = (
    "revoke_token",
    "end_session",
    "forget",
    "delete_query",
    "delete_export",
    "remove_reject",
    "tail",
    "tail of-an-app",
    "sign_in application/json token",
    "begin",
    "come_back",
)


@pytest.mark.slow
@pytest.mark.parametrize("example", [each for each in shown() if each.id not in APART_FROM_OTHERS])
def test_every_example_is_answered_as_documented(ask, ask_mimic, ask_log, ask_alone, example):
    tagged = {"mimic": ask_mimic, "log": ask_log}
    asker = tagged.get(example.operation["tags"][0], ask_alone if "/subnet" in example.path else ask)
    label = {"content-type": example.label} if example.label else {}
    reply = asker(example.method, example.path, example.body, headers=label)
    assert reply.status == int(next(iter(example.operation["responses"]))), reply.body
    check(example.operation, reply)


def check(operation: dict, reply: Reply) -> None:
    """Status, headers and body are as the document says."""
    response = resolved(operation["responses"][str(reply.status)])
    for name, header in response.get("headers", {}).items():
        if resolved(header).get("required"):
            assert name.lower() in reply.headers
    kinds = response.get("content", {})
    label = reply.headers["content-type"].partition(";")[0] if kinds else None
    assert label is None or label in kinds
    if label == JSON:
        assert [iter_error.message for iter_error in validator(kinds[label]["schema"]).iter_errors(reply.json)] == []


def resolved(part: dict) -> dict:
    found = part
    for key in part["$ref"].removeprefix("#/").split("/") if "$ref" in part else ():
        found = DOCUMENT[key] if found is part else found[key]
    return found


@pytest.mark.parametrize(
    "operation, path",
    [
        ("revoke_token", f"/api/ext/v1/tokens/{A_TOKEN}"),
        ("delete_query", f"/api/ext/v1/queries/{A_QUERY}"),
        ("remove_snapshot", f"/api/ext/v1/snapshots/{A_SNAPSHOT}"),
        ("remove_rule", f"/api/ext/v1/retention/{A_RULE}"),
        ("delete_export", f"/api/ext/v1/exports/{AN_EXPORT}"),
        ("remove_reject", f"/api/ext/v1/rejects/{A_REJECT}"),
        ("forget", "/api/ext/v1/mimic"),
    ],
)
def test_what_takes_something_away_is_answered_as_documented(tmp_path, operation, path):
    with seeded(tmp_path, mimic_slow="1ms", samples=False) as (_, asker):
        reply = asker("DELETE", path)
    assert reply.status == 200
    check(documented(operation), reply)


@pytest.mark.parametrize("kind", [JSON, FORM, MULTIPART])
@pytest.mark.parametrize("asks", ["Query", "Filtered", "Feedback"])
def test_every_example_is_valid(asks, kind):
    valid = validator(named(asks if kind == JSON else f"{asks}Form"))
    assert [each.name for each in EXAMPLES[asks] if not valid.is_valid(each.value)] == []


def test_examples_find_something(ask):
    found = [
        ask("POST", "/api/v1/activities", json.dumps(each.value).encode()).json["total"] for each in EXAMPLES["Query"]
    ]
    assert sum(total > 0 for total in found) >= 6


def test_a_scan_goes_on_as_its_link_says(tmp_path):
    lines = "\n".join(json.dumps({"_id": f"a{number}", "timestamp": number, "appId": 1}) for number in range(600))
    operation = documented("list_activities")
    link = operation["responses"]["200"]["links"]["next"]
    with seeded(tmp_path, samples=False) as (_, asker):
        asker("POST", "/api/ext/v1/activities?source=mdca", lines.encode())
        first = asker("POST", LIST, b'{"isScan": true}')
        body = {**link["requestBody"], "filters": first.json["nextQueryFilters"]}
        last = asker("POST", LIST, json.dumps(body).encode())
    assert link["requestBody"]["filters"] == "$response.body#/nextQueryFilters"
    for reply in (first, last):
        check(operation, reply)
    assert len({each["_id"] for each in first.json["data"] + last.json["data"]}) == 600


# --- Errors come as documented --------------------------------------------------------------------------------------------

RANGES, ENTITIES, SESSION = "/api/v1/subnet", "/api/v1/entities", "/api/ext/v1/session"
OURS = {"origin": "http://casbah.example", "host": "casbah.example"}


def drawn(**keys: Any) -> bytes:
    return json.dumps({"name": "VPN", "category": 4, "subnets": ["10.0.0.0/8"], **keys}).encode()


MANY = json.dumps({"filters": {"service": {"eq": [1] * 1_001}}}).encode()


@dataclass(frozen=True)
class Provoked:
    """An error of an operation, and the request that provokes it. It is an example of the document, by name, or another of its class."""

    error: str | errors.CasbahError
    operation: str
    asked: tuple
    key: str | None = "owner"
    mimics: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


PROVOKED = [
    Provoked("no credentials", "list_activities", ("POST", LIST), key=None),
    Provoked("unknown or revoked token", "list_activities", ("POST", LIST), key="0" * 80),
    Provoked("scope missing", "list_tokens", ("GET", TOKENS), key="reader"),
    Provoked("another site's page", "list_activities", ("POST", LIST), key=None, headers={"cookie": "casbah_session=x"}),
    Provoked("scope missing", "create_token", ("POST", TOKENS, b'{"name": "x"}'), key="reader"),
    Provoked("another site's page", "create_token", ("POST", TOKENS, b'{"name": "x"}'), key=None, headers={"cookie": "casbah_session=x"}),
    Provoked("more than one has", "create_token", ("POST", TOKENS, b'{"name": "x", "scopes": ["Activities.delete"]}'), key="doorkeeper"),
    Provoked("another site's page", "sign_in", ("POST", SESSION, b'{"token": "x"}'), key=None),
    Provoked("unknown or revoked token", "sign_in", ("POST", SESSION, b'{"token": "x"}'), key=None, headers=OURS),
    Provoked(errors.MalformedBodyError("token: expected a token, got null"), "sign_in", ("POST", SESSION, b"{}"), key=None, headers=OURS),
    Provoked("unknown or another tenant's", "fetch_activity", ("GET", f"{LIST}/nowhere")),
    Provoked("no log", "show_checkpoint", ("GET", "/api/ext/v1/log/checkpoint")),
    Provoked("not mimicking", "expect_answers", ("POST", MIMIC, b'{"answers": [{}]}')),
    Provoked("another method", "list_activities", ("PUT", LIST)),
    Provoked("body too large", "list_activities", ("POST", LIST, b" " * 1_048_577)),
    Provoked("unknown filter", "list_activities", ("POST", LIST, b'{"filters": {"user.domian": {}}}')),
    Provoked("operator of another kind", "list_activities", ("POST", LIST, b'{"filters": {"text": {"neq": "x"}}}')),
    Provoked("value of the wrong type", "list_activities", ("POST", LIST, b'{"filters": {"service": {"eq": "x"}}}')),
    Provoked(errors.MalformedBodyError("filters: expected an object {filter: {operator: value}}, got list"), "list_activities", ("POST", LIST, b'{"filters": []}')),
    Provoked("parameter of the wrong type", "list_activities_by_get", ("GET", f"{LIST}?limit=many")),
    Provoked("too many values", "list_activities", ("POST", LIST, MANY)),
    Provoked("no JSON", "list_activities", ("POST", LIST, b"{'limit': 1}")),
    Provoked("unknown filter", "count_activities", ("POST", f"{LIST}/count", b'{"filters": {"user.domian": {}}}')),
    Provoked(errors.MalformedBodyError('facets: expected a list of filters such as ["user.username"], got boolean True'), "list_facets", ("POST", "/api/ext/v1/facets", b'{"facets": true}')),
    Provoked("search that is not closed", "search_activities", ("POST", "/api/ext/v1/search", b'{"q": "("}')),
    Provoked("no values one by one", "group_activities_by_get", ("GET", "/api/ext/v1/search/groups?by=text")),
    Provoked("no values one by one", "list_facets_by_get", ("GET", "/api/ext/v1/facets?facets=text")),
    Provoked(errors.MalformedBodyError("name: expected a name, got null"), "save_query", ("POST", "/api/ext/v1/queries", b"{}")),
    Provoked("unknown filter", "list_changes", ("POST", "/api/ext/v1/changes", b'{"filters": {"user.domian": {}}}')),
    Provoked(errors.MalformedBodyError("cursor: expected an answer's cursor, or now, got string 'yesterday'"), "list_changes", ("POST", "/api/ext/v1/changes", b'{"cursor": "yesterday"}')),
    Provoked(errors.MalformedBodyError("columns: there is no 'usr'; did you mean 'user'?"), "begin_export", ("POST", "/api/ext/v1/exports", b'{"columns": ["usr"]}')),
    Provoked(errors.MalformedBodyError("format: expected one of csv, ndjson, cef, parquet, arrow, got string 'xlsx'"), "begin_export", ("POST", "/api/ext/v1/exports", b'{"format": "xlsx"}')),
    Provoked("unknown filter", "delete_activities", ("POST", "/api/ext/v1/activities/delete", b'{"filters": {"user.domian": {}}}')),
    Provoked("unknown parameter", "delete_activities", ("POST", "/api/ext/v1/activities/delete", b'{"filter": {}}')),
    Provoked("no filter", "delete_activities", ("POST", "/api/ext/v1/activities/delete", b"{}")),
    Provoked(errors.EmptyFilterError("filter 'service', operator 'neq': expected values that restrict something, got an empty list"), "delete_activities", ("POST", "/api/ext/v1/activities/delete", b'{"filters": {"service": {"neq": []}}}')),
    Provoked(errors.MalformedBodyError("dryRun: expected true or false, got string 'false'"), "delete_activities", ("POST", "/api/ext/v1/activities/delete", b'{"everything": true, "dryRun": "false"}')),
    Provoked("no filter", "enrich_again", ("POST", "/api/ext/v1/activities/enrich", b"{}")),
    Provoked("unknown filter", "enrich_again", ("POST", "/api/ext/v1/activities/enrich", b'{"filters": {"user.domian": {}}}')),
    Provoked(errors.UnknownParameterError("dryRun", []), "remove_rule", ("DELETE", f"/api/ext/v1/retention/{A_RULE}?dryRun=true")),
    Provoked(errors.MalformedBodyError('ids: expected a list of ids, or "everything": true, got null'), "replay_rejects", ("POST", "/api/ext/v1/rejects/replay", b"{}")),
    Provoked("brotli", "ingest", ("POST", "/api/ext/v1/activities", b"{}"), headers={"content-encoding": "br"}),
    Provoked(errors.MalformedBodyError("dryRun: expected true or false, got string 'perhaps'"), "apply_rules", ("POST", "/api/ext/v1/retention/apply", b'{"dryRun": "perhaps"}')),
    Provoked(errors.MalformedBodyError("name: expected a name, got null"), "add_rule", ("POST", "/api/ext/v1/retention", b"{}")),
    Provoked("no filter", "add_rule", ("POST", "/api/ext/v1/retention", b'{"name": "x", "days": 1}')),
    Provoked(errors.LimitExceededError("days: expected 1 to 9999, got 0"), "add_rule", ("POST", "/api/ext/v1/retention", b'{"name": "x", "everything": true}')),
    Provoked("of acts", "add_rule", ("POST", "/api/ext/v1/retention", b'{"name": "x", "days": 1, "filters": {"service": {"eq": 900013}}}')),
    Provoked(errors.LimitExceededError("days: expected 1 to 9999, got 0"), "keep_trail", ("POST", "/api/ext/v1/retention/trail", b'{"days": 0}')),
    Provoked(errors.MalformedBodyError("action: expected delete or hold, got string 'keep'"), "add_rule", ("POST", "/api/ext/v1/retention", b'{"name": "x", "action": "keep"}')),
    Provoked("unknown filter", "save_query", ("POST", "/api/ext/v1/queries", b'{"name": "x", "filters": {"user.domian": {}}}')),
    Provoked(errors.MalformedBodyError("feedback needs at least one of feedback, feedbackValue, feedbackText"), "give_feedback", ("POST", f"{LIST}/{A_RECORD}/feedback", b"{}")),
    Provoked(errors.MalformedBodyError("allowContact: expected true or false, got string 'perhaps'"), "give_feedback", ("POST", f"{LIST}/{A_RECORD}/feedback", b'{"feedback": "x", "allowContact": "perhaps"}')),
    Provoked("broken gzip", "ingest", ("POST", "/api/ext/v1/activities", b"\x1f\x8b")),
    Provoked("no answer in activities", "list_entities", ("POST", ENTITIES, b'{"filters": {"isAdmin": {"eq": true}}}')),
    Provoked(errors.UnknownFilterError("ap", ["app"]), "list_entities", ("POST", ENTITIES, b'{"filters": {"ap": {"eq": 1}}}')),
    Provoked(errors.MalformedBodyError("filters: user groups take no filters; leave `filters` out, or send an empty object"), "list_user_tags", ("POST", "/api/v1/user_tags", b'{"filters": {"ap": {}}}')),
    Provoked(errors.MalformedBodyError("username: expected an entity's key in base64, or a name, got null"), "list_locations", ("GET", "/api/v1/activities_locations/by_user")),
    Provoked("unknown or another tenant's", "fetch_entity", ("GET", f"{ENTITIES}/nobody")),
    Provoked(errors.UnknownFilterError("categori", ["category"]), "list_ranges", ("POST", RANGES, b'{"filters": {"categori": {"eq": 1}}}')),
    Provoked(errors.BadRangeError("subnets: '10.0.0.0/33' is neither an address nor a network such as 192.0.2.0/24"), "create_range", ("POST", f"{RANGES}/create_rule", drawn(subnets=["10.0.0.0/33"]))),
    Provoked(errors.BadRangeError("category: expected 1 (corporate), 2 (administrative), 3 (risky), 4 (VPN), 5 (cloud provider) or 6 (other), got integer 7"), "create_range", ("POST", f"{RANGES}/create_rule", drawn(category=7))),
    Provoked("range's name taken", "create_range", ("POST", f"{RANGES}/create_rule", drawn(name="Berlin office"))),
    Provoked(errors.BadRangeError("subnets: 192.0.2.0/24 is in the range 'Berlin office' already, and cannot be in 'VPN' too"), "create_range", ("POST", f"{RANGES}/create_rule", drawn(subnets=["192.0.2.0/24"]))),
    Provoked(errors.MalformedBodyError("name: expected a string, got null"), "create_token", ("POST", TOKENS, b"{}")),
    Provoked(errors.UnknownParameterError("scope", ["name", "tenant", "scopes", "expires"]), "create_token", ("POST", TOKENS, b'{"name": "x", "scope": []}')),
    Provoked("reserved name", "create_token", ("POST", TOKENS, b'{"name": "local"}')),
    Provoked(errors.BadNameError("expected visible characters and spaces, got U+202E"), "create_token", ("POST", TOKENS, b'{"name": "a\\u202eb"}')),
    Provoked("name taken", "create_token", ("POST", TOKENS, b'{"name": "dashboard"}')),
    Provoked(errors.MalformedBodyError("setting scopes: expected some of Investigation.read, Investigation.manage, Ingest.write, Admin.manage, Activities.delete, Holds.manage, Tokens.manage, got 'Everything.do'"), "create_token", ("POST", TOKENS, b'{"name": "x", "scopes": ["Everything.do"]}')),
    Provoked(errors.MalformedBodyError("answers: expected a list of 1 to 1000 objects, got null"), "expect_answers", ("POST", MIMIC, b"{}"), mimics=True),
]  # fmt: skip

# Those for which a house must be in a state of its own or has more sources; `tests/scenarios` sees every error over a socket.
APART = {
    "too fast",
    "shutting down",
    "leaving",
    "no room",
    "read-only",
    "cluster away",
    "on a cluster",
    "busy",
    "long search",
    "no tokens",
    "no keys",
    "log stopped",
    "unknown source",
}
ERRORS = {example.name: example.error for example in ERROR_EXAMPLES}


def documented(operation_id: str) -> dict:
    return next(operation for _, _, operation, _ in operations() if operation["operationId"] == operation_id)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.operation}: {row.error}") for row in PROVOKED])
def test_every_error_comes_as_documented(ask, ask_mimic, row):
    asker = ask_mimic if row.mimics else ask
    if row.key != "owner":
        asker = Asker(ask.app, key_of(ask, ALONE[row.key]) if row.key in ALONE else row.key)
    error = ERRORS[row.error] if isinstance(row.error, str) else row.error
    operation = documented(row.operation)
    reply = asker(*row.asked, headers=row.headers)
    assert reply.status == error.status
    assert reply.json == {"detail": str(error)}
    assert {name.lower() for name in error.headers} <= set(reply.headers)
    check(operation, reply)
    examples = {example.name for example in ERROR_EXAMPLES if type(example.error) is type(error)}
    assert examples
    assert examples <= set(resolved(operation["responses"][str(reply.status)])["content"][JSON]["examples"])


ALONE = {"reader": "Investigation.read", "doorkeeper": "Tokens.manage"}
"""Tokens of one scope each."""


def key_of(asker: Asker, scope: str) -> str:
    """The key of a new token that has that scope and no other."""
    wanted = {"name": secrets.token_hex(8), "scopes": [scope]}
    return asker("POST", TOKENS, json.dumps(wanted).encode()).json["token"]


def test_every_documented_error_is_provoked():
    assert {row.error for row in PROVOKED if isinstance(row.error, str)} | APART == set(ERRORS)


def on_the_wire(error: type[errors.CasbahError]) -> Iterator[type[errors.CasbahError]]:
    for kind in error.__subclasses__():
        if kind.__module__.startswith(f"{errors.__name__}."):
            yield kind
            yield from on_the_wire(kind)


def test_every_error_is_documented():
    kinds = {*on_the_wire(errors.RequestError), *on_the_wire(errors.UnavailableError)}
    shown = tuple(type(error) for error in ERRORS.values())
    # What a trusted proxy must send is between the server and its operator.
    assert {kind for kind in kinds if not issubclass(kind, shown)} == {errors.ForwardedHeaderError}


@pytest.mark.parametrize(
    "name", ["Unauthenticated", "Forbidden", "NotFound", "MethodNotAllowed", "Conflict", "TooLarge", "Throttled"]
)
def test_another_text_is_not_as_documented(name):
    content = DOCUMENT["components"]["responses"][name]["content"][JSON]
    texts = [resolved(example)["value"]["detail"] for example in content["examples"].values()]
    valid = validator(content["schema"])
    assert all(valid.is_valid({"detail": text}) for text in texts)
    assert not any(valid.is_valid({"detail": f"{text} x"}) or valid.is_valid({"detail": text[1:]}) for text in texts)


def test_a_throttled_answer_is_as_documented(tmp_path):
    clock = Clock()
    with seeded(tmp_path, clock, throttle="1/minute", samples=False) as (house, _):
        key, _ = house.services.tokens.create("x", tenant="default")
        asker = Asker(house.app, key)
        good = asker("POST", LIST)
        clock.now += 48_000
        refused = asker("POST", LIST)
    assert (good.status, refused.status) == (200, 429)
    assert refused.json == {"detail": str(ERRORS["too fast"])}
    for reply in (good, refused):
        check(documented("list_activities"), reply)
        assert {"ratelimit", "ratelimit-policy"} <= set(reply.headers)


def test_an_answer_while_the_store_closes_is_as_documented(tmp_path):
    with seeded(tmp_path, samples=False) as (house, asker):
        house.services.store.close()
        guarded, public = asker("POST", LIST), asker("GET", "/readyz")
    check(documented("list_activities"), guarded)
    check(documented("ready"), public)
    assert guarded.json == public.json == {"detail": str(ERRORS["shutting down"])}


# --- Served ---------------------------------------------------------------------------------------------------------------


def test_it_is_served_as_made_and_follows_the_settings(tmp_path):
    with seeded(tmp_path, max_values="3", max_value_length="64", max_filters="2", samples=False) as (_, asker):
        served = asker("GET", "/openapi.json").json
        said = asker("POST", LIST, b'{"filters": {"service": {"eq": [1, 2, 3, 4]}}}')
    schemas = served["components"]["schemas"]
    assert served["info"] == DOCUMENT["info"]
    assert schemas["WholeValues"]["anyOf"][1]["maxItems"] == 3
    assert schemas["Text"]["maxLength"] == 64
    assert schemas["Filters"]["maxProperties"] == 2
    assert said.status == 400


def test_it_is_made_once():
    assert api_docs.cached_document(Bounds(), ("mdca",)) is api_docs.cached_document(Bounds(), ("mdca",))


def test_the_page_shows_every_operation_and_needs_nothing_from_elsewhere(ask):
    reply = ask("GET", "/docs")
    text = reply.body.decode()
    assert reply.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert not re.search(r"<script|<link|<img|\bsrc=|@import|\bon[a-z]+=", text)
    assert text.count("<details>") == len(list(operations()))
    assert all(f"<code>{name}</code>" in text for name in (*FILTERS, *OPERATORS))


COMMANDS = [unescape(each) for each in re.findall(r"<pre>(curl .*?)</pre>", api_docs.page_of(DOCUMENT), re.DOTALL)]


@pytest.mark.parametrize(
    "command",
    [
        each
        for each in COMMANDS
        if "-X DELETE" not in each and "0000" not in each and "session/" not in each and "/tail" not in each
    ],
)
def test_every_command_of_the_page_works(ask, ask_mimic, ask_log, ask_alone, command):
    words = shlex.split(command)
    options = dict(itertools.pairwise(words))
    assert words[:2] == ["curl", "-s"]
    assert options.get("-H", "Authorization: Token $TOKEN") == "Authorization: Token $TOKEN"
    path = next(word for word in words if word.startswith("http://")).removeprefix("http://127.0.0.1:8765")
    if "-G" in words:
        path += "?" + urlencode([tuple(options["--data-urlencode"].split("=", 1))])
    body = options.get("--data-binary", "").encode()
    unique = "/subnet" in path or "/tokens" in path  # The name of the example may be taken by then.
    asker = ask_mimic if "/mimic" in path else ask_log if "/log/" in path else ask_alone if unique else ask
    reply = asker(options.get("-X", "POST" if body else "GET"), path, body, headers={"content-type": FORM})
    assert reply.status in (200, 201), reply.body
