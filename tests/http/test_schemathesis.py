"""schemathesis against the application: what the document says holds for whatever it comes up with.

In the suite the filters are narrowed to a few and the examples are few; `--schemathesis N` asks of all of them, with N examples
an operation (some minutes). All of the built-in checks are on. Where one assumes what the specification does not say,
TOLERATED names the operations, the check, and why.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.engine import StopReason, events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.transport.serialization import serialize_binary

from casbah import compose, settings
from casbah.activity.query import Bounds
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.demo.load import sample_activities
from casbah.http import api_docs, changes
from casbah.ingest.connectors import connectors

SEED = 3
FEW = 6
PHASES = ("examples", "coverage", "fuzzing", "stateful")
MIMIC = ("expect_answers", "expect_arrivals", "forget")
ENDLESS = ("tail",)
FILTERED = (
    "search_activities", "list_sentences", "group_activities", "complete_search", "list_facets", "histogram", "list_changes",
)  # fmt: skip
ZONED = (
    *FILTERED, *(f"{name}_by_get" for name in FILTERED), "explain_search", "explain_search_by_get", "show_period", "show_period_by_get",
    "begin_export", "save_query", "change_query", "ingest",
)  # fmt: skip
BY_GET = (
    *(f"{name}_by_get" for name in (*FILTERED, "list_alerts", "count_alerts")),
    "list_activities_by_get",
    "count_activities_by_get",
    "explain_search_by_get",
    "show_period_by_get",
)
EVENTS = ("ingest", "expect_arrivals")
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

# Small bounds, which the document follows: by default each of thousands of bodies would hold a thousand values of 4,096 characters.
BOUNDS = {"max_values": "3", "max_value_length": "64", "bad_keys": "off"}
"""And no client is throttled: how many bad keys are tried in a minute depends on the speed of the machine."""
NARROW = ("text",)


@dataclass(frozen=True)
class Tolerated:
    """Failures of a check that are none of ours, of some operations or of all; `holds` is told the case and the text of the answer."""

    why: str
    failure: type[Failure]
    operations: Sequence[str] | None
    holds: Callable[[Any, str], bool] = lambda *_: True


TOLERATED = [
    Tolerated(
        "ingest reads any bytes, and refuses line by line within a 200 (wire.md 1)",
        AcceptedNegativeData,
        EVENTS,
    ),
    Tolerated(
        "any bytes may be events, and where none of them is one the answer is 422 with the reasons, or 400 where they are to come later",
        RejectedPositiveData,
        EVENTS,
        lambda _, text: '"refused":[' in text or "cannot be stored" in text or "refused" in text,
    ),
    Tolerated(
        "which sources there are depends on the settings",
        RejectedPositiveData,
        ("replay_rejects",),
        lambda _, text: "unknown source" in text,
    ),
    Tolerated(
        "skip is ignored in a scan (wire.md 5), so it may be anything",
        AcceptedNegativeData,
        ("list_activities", "list_activities_by_get"),
        lambda case, _: scans(case),
    ),
    Tolerated(
        "to JSON Schema 1.0 is the integer 1; ids, feedback and moments of tokens are not taken as floats",
        RejectedPositiveData,
        (
            "list_activities",
            "list_activities_by_get",
            "count_activities",
            "count_activities_by_get",
            "give_feedback",
            "create_token",
        ),
        lambda _, text: whole_float(text),
    ),
    Tolerated(
        "names and networks of IP ranges, ids of tags and names of countries are good or not by what is there",
        RejectedPositiveData,
        ("create_range", "update_range"),
        lambda _, text: any(
            each in text
            for each in ("there is an IP range", "in the range", "no tag with the id", "expected a country")
        ),
    ),
    Tolerated(
        "how many spans a width makes depends on what is there",
        RejectedPositiveData,
        ("histogram", "histogram_by_get"),
        lambda _, text: "makes more than 1000 spans" in text,
    ),
    Tolerated(
        "that a condition restricts something, and that a rule is not of acts, the schema does not say",
        RejectedPositiveData,
        ("delete_activities", "add_rule", "enrich_again"),
        lambda _, text: "restrict something" in text or "got an empty object" in text or "Casbah's own acts" in text,
    ),
    Tolerated(
        "which names of time zones there are, a schema does not say",
        RejectedPositiveData,
        ZONED,
        lambda _, text: '"zone: expected the name of a time zone' in text,
    ),
    Tolerated(
        "whether a value that is named is an integer or text depends on the filter",
        RejectedPositiveData,
        ("give_name",),
        lambda _, text: '"value: expected a' in text,
    ),
    Tolerated(
        "a body of white space is an empty one",
        AcceptedNegativeData,
        None,
        lambda case, _: isinstance(case.body, bytes) and not case.body.strip(),
    ),
    Tolerated(
        "of a parameter that is repeated the last one counts",
        AcceptedNegativeData,
        BY_GET,
        lambda case, _: any(isinstance(value, list) for value in (case.query or {}).values()),
    ),
    Tolerated(
        "a place in the search is at most its length, which a schema cannot say",
        RejectedPositiveData,
        ("complete_search", "complete_search_by_get"),
        lambda _, text: '"cursor: expected a place in q' in text,
    ),
    Tolerated(
        "how many exports there are, a schema does not say",
        RejectedPositiveData,
        ("begin_export",),
        lambda _, text: "exports already" in text,
    ),
    Tolerated(
        "names of tokens are visible text, differ from each other and are not reserved, which a schema cannot say",
        RejectedPositiveData,
        ("create_token",),
        lambda _, text: '"name: expected ' in text or "is reserved for Casbah" in text,
    ),
    Tolerated(
        "a token expires in the future, which a schema cannot say",
        RejectedPositiveData,
        ("create_token",),
        lambda _, text: "expires: expected a moment in the future" in text,
    ),
]


def whole_float(text: str) -> bool:
    found = re.search(r"got number (-?[0-9.e+-]+)\"", text)
    return found is not None and float(found[1]).is_integer()


def scans(case: Any) -> bool:
    given = [part for part in (case.query, case.body) if isinstance(part, dict)]
    return any(str(part.get("isScan")).lower() == "true" for part in given)


@dataclass
class Tally:
    """What came of a run."""

    operations: set[str] = field(default_factory=set)
    cases: Counter = field(default_factory=Counter)
    checks: Counter = field(default_factory=Counter)
    statuses: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    tolerated: Counter = field(default_factory=Counter)

    def note(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.ScenarioFinished):
            self.add(event)
        elif isinstance(event, events.NonFatalError):
            self.failures.append(f"{event.phase}: {event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.EngineFinished):
            assert event.stop_reason is StopReason.COMPLETED

    def stands(self, failure: Failure, case: Any, response: Any) -> bool:
        """Whether a failure is one."""
        name = case.operation.definition.raw["operationId"]
        for row in TOLERATED:
            chosen = row.operations is None or name in row.operations
            if chosen and isinstance(failure, row.failure) and row.holds(case, response.text):
                self.tolerated[row.why] += 1
                return False
        return True

    def add(self, scenario: events.ScenarioFinished) -> None:
        recorder = scenario.recorder
        self.cases[scenario.phase.value] += len(recorder.cases)
        self.operations |= {node.value.operation.label for node in recorder.cases.values()}
        self.statuses.update(
            interaction.response.status_code for interaction in recorder.interactions.values() if interaction.response
        )
        for case_id, checks in recorder.checks.items():
            self.checks.update(check.name for check in checks)
            asked = recorder.interactions.get(case_id)
            self.failures += [
                f"{scenario.phase.value} {recorder.label} {check.name}: {told(check.failure_info.failure, asked)}"
                for check in checks
                if check.failure_info
            ]

    def __str__(self) -> str:
        phases = ", ".join(f"{name} {count}" for name, count in self.cases.items())
        return (
            f"{len(self.operations)} operations, {self.cases.total()} cases ({phases}), {self.checks.total()} checks, "
            f"{len(self.failures)} failures; statuses {dict(sorted(self.statuses.items()))}; tolerated {dict(self.tolerated)}"
        )


def told(failure: Failure, asked: Any) -> str:
    request = f"{asked.request.method} {asked.request.uri} {(asked.request.body or b'')[:500]!r}" if asked else ""
    answer = f"{asked.response.status_code} {asked.response.content[:500]!r}" if asked and asked.response else ""
    return f"{failure.message[:600]}\n  asked {request}\n  answered {answer}"


def narrowed(document: dict, filters: Sequence[str]) -> dict:
    """The document with these filters alone, and the examples that can do with them."""
    narrow = deepcopy(document)
    known = narrow["components"]["schemas"]["Filters"]["properties"]
    grouped = narrow["components"]["schemas"]["GroupedFilters"]["properties"]
    for properties in (known, grouped):
        for name in properties.keys() - set(filters) - {"not"}:  # Of groups one will do.
            del properties[name]
    for media in medias(narrow):
        shown = media.get("examples", {})
        media["examples"] = {name: each for name, each in shown.items() if asked_of(each["value"]) <= known.keys()}
    used = {part["$ref"] for part in parts(narrow) if "$ref" in part}
    schemas = narrow["components"]["schemas"]
    for name in [
        name for name in schemas if name.endswith("Conditions") and f"#/components/schemas/{name}" not in used
    ]:
        del schemas[name]
    return narrow


def medias(document: dict) -> list[dict]:
    found = [each for path in document["paths"].values() for each in path.values() if isinstance(each, dict)]
    bodies = [media for each in found for media in each.get("requestBody", {}).get("content", {}).values()]
    queries = [each["content"][JSON] for part in found for each in part.get("parameters", []) if "content" in each]
    return bodies + queries


def asked_of(example: Any) -> set[str]:
    """The filters that an example asks, be it a body or the filters themselves."""
    filters = example.get("filters", example) if isinstance(example, dict) else {}
    return {name for name, each in filters.items() if isinstance(each, dict)}


def parts(value: Any) -> list[dict]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [*([value] if isinstance(value, dict) else []), *(part for each in inner for part in parts(each))]


def run(
    house: Application, document: dict, config: dict, *, only: Sequence[str] = (), but: Sequence[str] = ()
) -> Tally:
    """Everything that schemathesis has, on the operations that are chosen."""
    basic = {"seed": SEED, "continue-on-failure": True, "headers": {"Authorization": f"Token {house.local_key}"}}
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({**basic, **config}))
    schema.app = house.app
    tally = Tally()

    @schema.hook
    def filter_failure(context, failure, case, response):  # noqa: ARG001  schemathesis names the parameters
        return tally.stands(failure, case, response)

    schema = schema.include(operation_id=list(only)) if only else schema
    schema = schema.exclude(operation_id=list(but)) if but else schema
    for event in from_schema(schema).execute():
        tally.note(event)
    return tally


def drawing(count: int, *, but_coverage: Sequence[str] = ()) -> dict:
    """The configuration of a run with so many examples, which leaves coverage of some operations out."""
    without = [{"include-operation-id": name, "phases": {"coverage": {"enabled": False}}} for name in but_coverage]
    return {
        "generation": {"max-examples": count, "deterministic": True, "database": "none"},
        "suppress-health-check": ["all"],
        "phases": {name: {"enabled": True} for name in PHASES},
        **({"operations": without} if without else {}),
    }


def before_call(context, case, kwargs):  # noqa: ARG001  schemathesis names the parameters
    """Objects in urlencoded forms are JSON by the document's `encoding`, which schemathesis 4.32 heeds in multipart alone."""
    filters = case.body.get("filters") if isinstance(case.body, dict) and case.media_type == FORM else None
    if isinstance(filters, dict | list):
        case.body = {**case.body, "filters": json.dumps(filters)}


@pytest.fixture(scope="module", autouse=True)
def encodings():
    """How bodies go out of which schemathesis knows too little; lines of events go as they are."""
    schemathesis.serializer("application/x-ndjson")(lambda _, value: {"data": serialize_binary(value)})
    schemathesis.hook(before_call)
    yield
    GLOBAL_HOOK_DISPATCHER.unregister(before_call)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(changes, "MAX_WAIT", 0)


@pytest.fixture
def house(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path), **BOUNDS)) as opened:
        opened.services.store.tenant(TenantId("default")).insert(list(islice(sample_activities(), 12)))
        yield opened


def document_of(house: Application) -> dict:
    return api_docs.cached_document(house.services.bounds, tuple(house.services.connectors))


def test_what_the_document_says_holds(house):
    # Counting reads the filters that listing reads, and other routes those that searching reads: their coverage once is enough.
    read_alike = ("count_activities", "count_activities_by_get", *(f"{name}_by_get" for name in FILTERED))
    config = drawing(FEW, but_coverage=read_alike)
    tally = run(house, narrowed(document_of(house), NARROW), config, but=(*MIMIC, *ENDLESS))
    assert tally.failures == []
    assert set(tally.cases) >= set(PHASES)
    assert len(tally.operations) >= len(list(operations())) - len(MIMIC) - len(ENDLESS)
    assert not [status for status in tally.statuses if status >= 500]


def test_what_the_document_says_of_mimicking_holds(tmp_path):
    config = drawing(FEW)
    config["phases"]["stateful"] = {"enabled": False}  # no links among these
    with compose.build(settings.read({}, store=str(tmp_path), mimic_slow="1ms", **BOUNDS)) as house:
        tally = run(house, narrowed(document_of(house), NARROW), config, only=MIMIC)
    assert tally.failures == []
    assert tally.statuses[200] > 0


@pytest.mark.timeout(0)
def test_everything_that_the_document_says_holds(house, request, capsys):
    count = request.config.getoption("--schemathesis")
    if not count:
        pytest.skip("some minutes: --schemathesis N")
    tally = run(house, document_of(house), drawing(count), but=(*MIMIC, *ENDLESS))
    with capsys.disabled():
        print(f"\nschemathesis: {tally}")
    assert tally.failures == []
    assert not [status for status in tally.statuses if status >= 500]


def operations() -> list[str]:
    paths = api_docs.cached_document(Bounds(), tuple(connectors()))["paths"].values()
    return [
        each["operationId"]
        for path in paths
        for each in path.values()
        if isinstance(each, dict) and "operationId" in each
    ]


def test_tolerance_is_of_operations_that_are_there():
    assert {name for row in TOLERATED for name in row.operations or ()} <= set(operations())
