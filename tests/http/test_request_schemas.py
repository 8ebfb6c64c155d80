"""What the document says of queries: schema and server agree on every value, and the few places where they cannot are named."""

# ruff: noqa: RUF001  the letters that look like others are here to be mistaken for them

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah import errors
from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.query import MIN_SCAN_LIMIT, Bounds, parse, where
from casbah.http.body_schemas import BODIES
from casbah.http.request_schemas import language, ref
from samples import FLAGS, NO_WHOLES, NOW, WHOLES, WRONG, bad_filters, telling_values

SCHEMAS = {"components": {"schemas": {**language(Bounds()), **BODIES}}}
VALID_FILTERS = jsonschema_rs.Draft202012Validator({**ref("Filters"), **SCHEMAS})
VALID_QUERY = jsonschema_rs.Draft202012Validator({**ref("Query"), **SCHEMAS})


@dataclass(frozen=True)
class Gap:
    """Where the schema cannot say what the server does; `holds` tells of one operator's value."""

    why: str
    holds: Callable[[str, Any], bool]


def scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(scalars, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(scalars, value))
    else:
        yield value


def texts(value: Any) -> Iterator[str]:
    return (scalar for scalar in scalars(value) if isinstance(scalar, str))


GAPS = [
    Gap(
        "to JSON Schema 1.0 is the integer 1; ids and sources are refused as floats, as MDCA's are no numbers",
        lambda _, value: any(type(scalar) is float and scalar.is_integer() for scalar in scalars(value)),
    ),
    Gap(
        "half a surrogate pair cannot be handed to a validator; the server reads it as U+FFFD",
        lambda _, value: any("\ud800" <= sign <= "\udfff" for text in texts(value) for sign in text),
    ),
]


def accepted(filters: Any) -> bool:
    try:
        where(filters, now=NOW)
    except errors.RequestError:
        return False
    return True


def in_a_gap(filters: Any) -> bool:
    conditions = [each for each in filters.values() if isinstance(each, dict)] if isinstance(filters, dict) else []
    return any(gap.holds(operator, value) for found in conditions for operator, value in found.items() for gap in GAPS)


def disagreement(filters: Any) -> str:
    """Who is wrong about it, or nothing."""
    if in_a_gap(filters) or any(isinstance(key, str) and not key.isprintable() for key in filters):
        return ""
    schema, server = VALID_FILTERS.is_valid(filters), accepted(filters)
    return "" if schema == server else f"schema {schema}, server {server}: {str(filters)[:300]}"


def telling() -> Iterator[tuple[str, str, Any]]:
    for name, row in FILTERS.items():
        for operator in row.operators:
            yield from ((name, operator, value) for value in telling_values(name, operator))


def test_all_telling_values_are_valid():
    told = list(telling())
    assert len(told) > 28_000
    wrong = [found for name, operator, value in told if (found := disagreement({name: {operator: value}}))]
    assert wrong == []


def test_all_bad_filters_are_invalid():
    wrong = [found for filters, _ in bad_filters() if isinstance(filters, dict) and (found := disagreement(filters))]
    assert wrong == []
    assert not any(VALID_FILTERS.is_valid(each) for each in (None, [], "x", 1, True))


# One filter of each kind, and every telling value of every kind: most are of another kind than the filter's.
ONE_OF_EACH_KIND = list(
    {(row.field.kind, row.nullable, bool(row.by_role)): name for name, row in FILTERS.items()}.values()
)
SPELLED = {name: (name, name.upper(), name.title()) for name in OPERATORS}


def pool() -> list[Any]:
    """Distinct values, scalars and short lists."""
    found = {json.dumps(value): value for _, _, value in telling() if len(json.dumps(value)) < 300}
    return [*found.values(), *NO_WHOLES, *WRONG, *FLAGS]


def test_values_of_any_kind_are_valid_where_they_are_accepted(request):
    values = pool()
    pairs = [(name, operator) for name in ONE_OF_EACH_KIND for operator in FILTERS[name].operators]
    cases = [(name, operator, value) for name, operator in pairs for value in values]
    if not request.config.getoption("--every-value"):
        cases = random.Random(20_240_501).sample(cases, 10_000)
    asked = ({name: {SPELLED[operator][number % 3]: value}} for number, (name, operator, value) in enumerate(cases))
    assert [found for filters in asked if (found := disagreement(filters))] == []


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.from_regex(r"\A-?[0-9]{1,22}(\.[0-9]+)?\Z"),
    st.from_regex(r"\A([st]:[-0-9a-z]{0,3},?){1,3}\Z"),
    st.from_regex(r"\A\[?([0-9]{1,3}\.){3}[0-9]{1,3}\]?(:[0-9]+)?(/[0-9]{1,3})?\Z"),
    st.from_regex(r"\A\[?([0-9a-f]{0,4}:){1,8}([0-9a-f]{0,4}|1\.2\.3\.4)(%[a-z]+)?\]?(:[0-9]+)?(/[0-9]{1,3})?\Z"),
    st.ip_addresses().map(str),
    st.fixed_dictionaries({}, optional={key: st.one_of(st.none(), st.integers(-3, 3), st.text(max_size=3)) for key in ("start", "end", "id", "saas", "inst", "role", "adv")}),
)  # fmt: skip
VALUES = st.one_of(ODD, st.lists(ODD, max_size=4))
CONDITIONS = st.dictionaries(st.sampled_from([each for spelled in SPELLED.values() for each in spelled] + ["zzz", ""]), VALUES, max_size=2)  # fmt: skip


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from([*FILTERS, "activity.eventType", "zzz", ""]), st.one_of(CONDITIONS, ODD), max_size=2
    )
)
def test_whatever_is_valid_is_accepted_and_the_rest_refused(filters):
    assert disagreement(filters) == ""


SIZES = [
    pytest.param({"service": {"eq": [1] * 1_000}}, True, id="as many values as may be"),
    pytest.param({"service": {"eq": [1] * 1_001}}, False, id="one value more"),
    pytest.param({"user.domain": {"eq": "x" * 4_096}}, True, id="as long a value as may be"),
    pytest.param({"user.domain": {"eq": "x" * 4_097}}, False, id="one character more"),
    pytest.param({"user.domain": {"eq": "😀" * 4_096}}, True, id="characters are counted, not bytes"),
    pytest.param({"entity": {"eq": {"id": "x" * 4_097}}}, False, id="too long inside an object"),
]


@pytest.mark.parametrize("filters, good", SIZES)
def test_bounds_are_said(filters, good):
    assert (VALID_FILTERS.is_valid(filters), accepted(filters)) == (good, good)


PARAMETERS = [
    *(pytest.param({name: value}, id=f"{name} {str(value)[:24]!a} {number}") for name in ("skip", "limit", "isScan") for number, value in enumerate([*WHOLES, *NO_WHOLES, *FLAGS, *WRONG, "-0", "-00", -1, "-1", "null", "TRUE", "fAlse", "1", "yes"])),
    *(pytest.param({name: value}, id=f"{name} {value!a}") for name in ("sortField", "sortDirection") for value in ("date", "Created", "ASC", "desc", "descending", "timestamp", "", None, 1, True, ["asc"], {}, "asc ", "aſc")),
    *(pytest.param({"filters": value}, id=f"filters {value!a}") for value in (None, "", {}, [], 1, True, {"service": {}}, {"service": None})),
    pytest.param({"performAsyncTotalCount": {"a": [1]}, "limit": "1"}, id="unknown ones are ignored"),
]  # fmt: skip


@pytest.mark.parametrize("body", PARAMETERS)
def test_a_query_is_valid_where_it_is_accepted(body):
    try:
        parse(body, now=NOW)
        server = True
    except errors.RequestError:
        server = False
    if not any("\ud800" <= sign <= "\udfff" for text in texts(body) for sign in text):
        assert VALID_QUERY.is_valid(body) == server


def test_of_a_scan_the_schema_says_more_than_the_server_asks():
    body = {"isScan": True, "skip": "x"}
    assert parse(body, now=NOW).limit == MIN_SCAN_LIMIT
    assert not VALID_QUERY.is_valid(body)
