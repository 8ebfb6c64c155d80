"""What the client says is what the server hears: encoding, then decoding, is the identity.

The bytes that the client sends are read by the server's own parser, and must mean what a body written by hand means. The
values come from the kinds in the server's table, so a new filter or operator is under test as soon as it has a row.
"""

import calendar
import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, positive
from casbah.activity.query import is_scan, parse
from casbah.activity.value import Takes
from casbah.client import Casbah, where
from casbah.client.condition import Condition, Filter
from casbah.http.request_body import parameters
from client.scripted import ONE_PAGE, URL
from making import NOW

PAIRS = [(name, operator) for name, row in FILTERS.items() for operator in row.operators]
QUICK = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def all_filters():
    """Every filter of `where`, by the wire's name."""
    groups = [group for name, group in vars(where).items() if not name.startswith("_") and not isinstance(group, type)]
    members = [getattr(group, name) for group in groups for name in dir(group)] + groups
    return {member._name: member for member in members if isinstance(member, Filter)}


BY_NAME = all_filters()

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
WHOLES = st.integers(-(2**63), 2**63 - 1)
IDS = TEXTS | WHOLES
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=ZONES) | st.integers(0, 2**43)  # noqa: DTZ001
NETWORKS = st.ip_addresses() | st.ip_addresses(v=4).map(str) | st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "::1"])
ENTITIES = st.fixed_dictionaries({"id": IDS}, optional={"saas": WHOLES, "inst": WHOLES})
STREAMS = st.text(min_size=1, max_size=8).filter(lambda text: "," not in text)

VALUES = {
    Kind.INT: WHOLES,
    Kind.BOOL: st.booleans(),
    Kind.ENUMERATION: TEXTS,
    Kind.ID: IDS,
    Kind.TEXT: TEXTS,
    Kind.PATH: TEXTS,
    Kind.URL: TEXTS,
    Kind.IP: NETWORKS,
    Kind.MS: MOMENTS,
    Kind.WORDS: TEXTS,
    Kind.ENTITY: IDS | ENTITIES,
    Kind.SOURCE: st.integers(0, 7) | st.sampled_from(["2", "t:3"]) | STREAMS.map(lambda text: f"s:{text}"),
}


def on_the_wire(value):
    """A value as one would write it by hand."""
    if isinstance(value, datetime):
        return calendar.timegm(value.utctimetuple()) * 1_000 + value.microsecond // 1_000
    if isinstance(value, tuple):
        start, end = map(on_the_wire, value)
        return {"start": start, "end": end}
    return value if isinstance(value, bool | int | float | str | dict | None) else str(value)


@st.composite
def said(draw, name, operator):
    """A condition as the client says it, and what it means, written by hand."""
    row, takes = FILTERS[name], positive(OPERATORS[operator]).takes
    values = VALUES[row.field.kind]
    method = getattr(BY_NAME[name], operator)
    if takes is Takes.FLAGS:
        flag = draw(st.booleans())
        return method(value=flag), flag
    if takes is Takes.NUMBERS:
        value = draw(values)
        return method(value), on_the_wire(value)
    if takes is Takes.DAYS:
        days = draw(st.integers(-9, 9) | st.floats(-1e6, 1e6))
        return method(days), days
    if takes is Takes.RANGES:
        return draw(spans(method, values))
    if takes is Takes.TEXTS and row.field.kind in (Kind.IP, Kind.ENUMERATION):
        values = TEXTS
    return draw(listed(row, method, values))


@st.composite
def spans(draw, method, values):
    ends = st.tuples(values, values) | st.tuples(values, st.none()) | st.tuples(st.none(), values)
    several, (start, end) = draw(st.lists(ends, max_size=2)), draw(ends)
    return method(*several, start=start, end=end), [on_the_wire(each) for each in [*several, (start, end)]]


@st.composite
def listed(draw, row, method, values):
    found = draw(st.lists(values | st.none() if row.nullable else values, min_size=1, max_size=3))
    by_hand = [on_the_wire(value) for value in found]
    if row.by_role and draw(st.booleans()):
        role = draw(st.sampled_from([1, 2, 3]))
        return method(*found, role=role), [{"role": role}, *by_hand]
    if row.field.kind is Kind.ENTITY and draw(st.booleans()):
        entity = draw(ENTITIES)
        return method(*found, **entity), [*by_hand, entity]
    if row.field.kind is Kind.SOURCE and draw(st.booleans()):
        number, stream = draw(st.integers(0, 7)), draw(STREAMS)
        return method(*found, type=number, stream=stream), [*by_hand, f"s:{stream},t:{number}"]
    return method(*found), by_hand


def heard(filters, **given):
    """The query that the server's parser reads from the bytes that the client sends, and whether it is a scan."""
    sent = []
    transport = httpx.MockTransport(lambda request: sent.append(request) or httpx.Response(200, json=ONE_PAGE))
    with Casbah(URL, token="x", http=transport) as casbah:
        casbah.activities.list(filters, **given)
    body = parameters(sent[0].content, sent[0].headers["content-type"])
    return parse(body, now=NOW), is_scan(body)


def meant(filters, **given):
    body = {"filters": filters, **given}
    return parse(body, now=NOW), is_scan(body)


def test_the_client_knows_every_filter_and_no_other():
    assert BY_NAME.keys() == FILTERS.keys()


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_has_the_operators_that_it_takes_as_methods_and_no_others(name):
    methods = {method for method in dir(BY_NAME[name]) if not method.startswith("_")}
    assert methods == set(FILTERS[name].operators)
    assert all(getattr(BY_NAME[name], method).__doc__ for method in methods)


@pytest.mark.parametrize(("name", "operator"), PAIRS, ids=[f"{name} {operator}" for name, operator in PAIRS])
@QUICK
@given(data=st.data())
def test_a_condition_is_heard_as_it_is_meant(name, operator, data):
    condition, by_hand = data.draw(said(name, operator))
    assert heard(condition) == meant({name: {operator: by_hand}})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), pairs=st.lists(st.sampled_from(PAIRS), unique=True, max_size=4))
def test_several_conditions_and_a_page_are_heard_as_they_are_meant(data, pairs):
    filters, by_hand = Condition({}), {}
    for name, operator in pairs:
        condition, value = data.draw(said(name, operator))
        filters &= condition
        by_hand.setdefault(name, {})[operator] = value
    page = data.draw(st.fixed_dictionaries({"skip": st.integers(0, 2**40)}, optional={"limit": st.integers(1, 250)}))
    sort, direction = data.draw(st.sampled_from(["date", "created"])), data.draw(st.sampled_from(["asc", "desc"]))
    expected = meant(by_hand, **page, sortField=sort, sortDirection=direction)
    assert heard(filters, **page, sort=sort, direction=direction) == expected
    assert heard(filters.to_dict(), **page, sort=sort, direction=direction) == expected
    assert json.loads(json.dumps(filters.to_dict())) == filters.to_dict() == filters


def test_the_examples_of_the_documents():
    assert (
        where.user.username.startswith("ann")
        & where.service.eq(11770, 20893)
        & where.date.gte_ndays(7)
        & where.ip.address.neq("10.0.0.0/8")
        & where.device.type.eq(None)
        & where.created.range(start=datetime(2025, 1, 1, tzinfo=UTC))
        & where.entity.eq(id="a", saas=11161)
        & where.user.tags.eq("g", role=1)
        & where.source.eq(2, type=3, stream="x")
    ).to_dict() == {
        "user.username": {"startswith": ["ann"]},
        "service": {"eq": [11770, 20893]},
        "date": {"gte_ndays": 7},
        "ip.address": {"neq": ["10.0.0.0/8"]},
        "device.type": {"eq": [None]},
        "created": {"range": [{"start": 1735689600000}]},
        "entity": {"eq": [{"id": "a", "saas": 11161}]},
        "user.tags": {"eq": ["g", {"role": 1}]},
        "source": {"eq": [2, "s:x,t:3"]},
    }
