"""Facets and the histogram on the wire, against counting in plain Python."""

import json
import random
from collections import Counter
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.fields import FIELDS, values
from casbah.activity.language import FILTERS
from casbah.activity.matching import matches
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.http.facets import COUNTABLE, USUAL
from casbah.http.histogram import MAX_SPANS, WIDTHS
from making import NOW, arrival, query, record
from scenarios.inprocess import Asker, Reply

FACETS, HISTOGRAM, COUNT = "/api/ext/v1/facets", "/api/ext/v1/histogram", "/api/v1/activities/count"
HOUR, DAY = 3_600_000, 86_400_000
NAMED: list[Any] = [
    pytest.param({}, id="everything"),
    pytest.param({"location.country": {"eq": ["DE", "FR"]}}, id="two countries"),
    pytest.param({"date": {"gte": NOW - 20 * DAY}, "service": {"neq": [11161]}}, id="a window, and not an app"),
]


def made(count: int = 300) -> list[dict[str, Any]]:
    dice = random.Random(11)
    return [
        record(
            each,
            timestamp=NOW - dice.randrange(60 * DAY),
            appId=dice.choice([11161, 20892, 11161, 10980]),
            user={"userName": f"User-{dice.randrange(30)}@contoso.com", "userTags": [f"t{dice.randrange(5)}", "all"]},
            location={"countryCode": dice.choice(["DE", "FR", "US", "IT", "US"]), "category": dice.randrange(4)},
            mainInfo={"rawOperationName": dice.choice(["FileDownloaded", "UserLoggedIn"])},
            device={"clientIP": f"203.0.113.{dice.randrange(9)}"},
            isAdminOperation=dice.random() < 0.2,
            resolvedActor={"id": f"actor-{dice.randrange(4)}", "saasId": 11161, "instanceId": 0},
            source=dice.choice([2, 3]),
        )
        for each in range(count)
    ]


RECORDS = made()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store")))) as house:
        house.services.store.tenant(TenantId("default")).insert(map(arrival, RECORDS))
        yield Asker(house.app, house.local_key)


def asked(ask: Asker, path: str, **body: Any) -> Any:
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status == 200, reply.body
    return reply.json


def matching(filters: dict[str, Any]) -> list[dict[str, Any]]:
    predicate = query(filters).predicate
    return [each for each in RECORDS if matches(predicate, each)]


@pytest.mark.parametrize("filters", NAMED)
def test_facets_of_everything_that_can_be_counted(ask, filters):
    answer = asked(ask, FACETS, filters=filters, facets=list(COUNTABLE), limit=5)
    assert answer["total"] == len(matching(filters))
    assert [facet["filter"] for facet in answer["facets"]] == list(COUNTABLE)
    for facet in answer["facets"]:
        field = FILTERS[facet["filter"]].field
        counts = Counter(
            value
            for found in matching(filters)
            for value in filter(field.counts, values(field, Reading(found)))
            if _plain(field, value)
        )
        expected = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:5]
        assert [value["total"] for value in facet["values"]] == [total for _, total in expected], facet


def _plain(field: Any, value: Any) -> bool:
    """Of the several ways in which an entity may be asked for, the one by its id alone."""
    return field.name != "entity" or value.startswith("--")


@pytest.mark.parametrize("name", COUNTABLE)
def test_every_value_can_be_asked_for_as_it_stands(ask, name):
    (facet,) = asked(ask, FACETS, facets=[name], limit=3)["facets"]
    for found in facet["values"]:
        total = asked(ask, COUNT, filters={name: {"eq": found["value"]}})["total"]
        assert total == found["total"]


def test_there_are_values_to_ask_for(ask):
    answer = asked(ask, FACETS, facets=list(COUNTABLE))
    assert sum(bool(facet["values"]) for facet in answer["facets"]) >= 12


def test_what_is_usual_is_counted_where_nothing_is_named(ask):
    assert [facet["filter"] for facet in asked(ask, FACETS)["facets"]] == list(USUAL)


def test_values_by_their_beginning_in_any_case(ask):
    (facet,) = asked(ask, FACETS, facets=["user.username"], prefix="USER-1", limit=50)["facets"]
    assert {value["value"] for value in facet["values"]} == {
        each["user"]["userName"].lower() for each in RECORDS if each["user"]["userName"].startswith("User-1")
    }
    (facet,) = asked(ask, FACETS, facets=["entity"], prefix="actor-1")["facets"]
    assert [value["value"] for value in facet["values"]] == [{"id": "actor-1"}]


def test_facets_in_a_query_string_and_by_another_name(ask):
    reply = ask("GET", f"{FACETS}?facets=service,activity.actionType&limit=1")
    assert [facet["filter"] for facet in reply.json["facets"]] == ["service", "actionType"]
    assert [len(facet["values"]) for facet in reply.json["facets"]] == [1, 1]


@pytest.mark.parametrize("filters", NAMED)
@pytest.mark.parametrize("width", [None, HOUR * 12, DAY * 7, 123_456_789])
def test_the_histogram_counts_what_matches(ask, filters, width):
    answer = asked(ask, HISTOGRAM, filters=filters, width=width, spans=40)
    moments = sorted(each["timestamp"] for each in matching(filters))
    assert (answer["first"], answer["last"], answer["total"]) == (moments[0], moments[-1], len(moments))
    assert answer["width"] == width or (width is None and answer["width"] in WIDTHS)
    starts = [span["start"] for span in answer["spans"]]
    assert starts == sorted(starts)
    for span in answer["spans"]:
        inside = [moment for moment in moments if span["start"] <= moment < span["start"] + answer["width"]]
        assert span["total"] == len(inside) > 0
    assert sum(span["total"] for span in answer["spans"]) == answer["total"]


@pytest.mark.parametrize("by", ["service", "location.country", "user.username", "user.tags"])
def test_the_histogram_by_values(ask, by):
    answer = asked(ask, HISTOGRAM, by=by, series=2, width=DAY)
    field = FILTERS[by].field
    shown = [each["value"] for each in answer["series"]]
    assert len(shown) == 2
    rest = Counter(each["timestamp"] for each in RECORDS if not {*shown} & {*values(field, Reading(each))})
    assert answer["rest"]["total"] == rest.total()
    for series in answer["series"]:
        having = [each["timestamp"] for each in RECORDS if series["value"] in values(field, Reading(each))]
        assert series["total"] == len(having) == sum(span["total"] for span in series["spans"])
        for span in series["spans"]:
            assert span["total"] == sum(span["start"] <= each < span["start"] + DAY for each in having)


def test_the_first_and_the_last_moment_bound_it(ask):
    first, last = NOW - 30 * DAY - 7, NOW - 10 * DAY + 13
    answer = asked(ask, HISTOGRAM, first=first, last=last, width=HOUR)
    assert answer["total"] == sum(first <= each["timestamp"] <= last for each in RECORDS)
    assert (answer["first"], answer["last"]) == (first, last)


def test_one_end_alone_is_completed_by_what_matches(ask):
    newest = max(each["timestamp"] for each in RECORDS)
    answer = asked(ask, HISTOGRAM, first=NOW - DAY)
    assert (answer["first"], answer["last"]) == (NOW - DAY, newest)


@pytest.mark.parametrize(
    "first, last", [(None, None), (NOW - 30 * DAY, None), (None, NOW - 30 * DAY), (0, DAY), (NOW, 0)]
)
def test_what_is_outside_is_counted(ask, first, last):
    answer = asked(ask, HISTOGRAM, first=first, last=last, trim=True)
    moments = [each["timestamp"] for each in RECORDS]
    low = min(moments) if first is None else first
    high = max(moments) if last is None else last
    assert (answer["before"], answer["after"]) == (sum(ms < low for ms in moments), sum(ms > high for ms in moments))


def test_outliers_are_left_out_at_an_end_without_a_bound(tmp_path):
    """1% of 200 at an end are outliers, if the rest is close together; in steps, as the first span would hold all of it."""
    ordinary = [NOW + number * HOUR for number in range(200)]
    moments = [1, *ordinary, 2**43 - 2, 2**43 - 1]
    rows = [arrival(record(number, timestamp=ms)) for number, ms in enumerate(moments)]
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        house.services.store.tenant(TenantId("default")).insert(rows)
        own = Asker(house.app, house.local_key)
        trimmed = asked(own, HISTOGRAM, trim=True, spans=80)
        assert (trimmed["before"], trimmed["total"], trimmed["after"]) == (1, 200, 2)
        assert NOW - DAY < trimmed["first"] <= NOW
        bounded = asked(own, HISTOGRAM, trim=True, first=0)
        assert (bounded["first"], bounded["before"], bounded["after"]) == (0, 0, 2)
        assert bounded["last"] < NOW + 20 * 365 * DAY
        whole = asked(own, HISTOGRAM)
        assert (whole["first"], whole["last"]) == (1, 2**43 - 1)
        assert "before" not in whole


def test_where_nothing_matches_there_is_nothing_to_lay_out(ask):
    nothing = {"location.country": {"eq": ["XX"]}}
    assert asked(ask, HISTOGRAM, filters=nothing, by="service") == {
        "first": None,
        "last": None,
        "width": None,
        "total": 0,
        "spans": [],
        "by": "service",
        "series": [],
        "rest": {"total": 0, "spans": []},
    }
    assert asked(ask, HISTOGRAM, filters=nothing, first=0, last=DAY)["spans"] == []


def test_days_begin_at_midnight_and_weeks_on_monday(ask):
    days = asked(ask, HISTOGRAM, width=DAY)["spans"]
    weeks = asked(ask, HISTOGRAM, width=7 * DAY)["spans"]
    assert {day["start"] % DAY for day in days} == {0}
    assert {(week["start"] // DAY + 3) % 7 for week in weeks} == {0}


def test_the_moments_of_storing_can_be_laid_out_too(ask):
    answer = asked(ask, HISTOGRAM, sortField="created")
    assert answer["total"] == len(RECORDS)


REFUSED: list[Any] = [
    pytest.param(FACETS, {"facets": {}}, "facets: expected a list of filters", id="no list"),
    pytest.param(FACETS, {"facets": []}, "facets: expected a list of filters", id="an empty list"),
    pytest.param(FACETS, {"facets": [1]}, "facets: expected names of filters, got integer", id="a number"),
    pytest.param(FACETS, {"facets": ["user.usrname"]}, "did you mean 'user.username'", id="a slip"),
    pytest.param(FACETS, {"facets": ["activity.id"]}, "cannot be counted; those of service,", id="ids of activities"),
    pytest.param(FACETS, {"facets": ["date"]}, "cannot be counted", id="moments"),
    pytest.param(
        FACETS, {"facets": ["service"] * (len(FILTERS) + 1)}, f"at most {len(FILTERS)} filters", id="too many"
    ),
    pytest.param(FACETS, {"facets": ["service"], "prefix": 1}, "prefix: expected a string", id="no text"),
    pytest.param(FACETS, {"facets": ["service"], "prefix": "x" * 4097}, "at most 4096", id="a long prefix"),
    pytest.param(FACETS, {"facets": ["service"], "limit": -1}, "limit: expected 0 or more", id="a negative limit"),
    pytest.param(HISTOGRAM, {"by": "text"}, "the values of filter 'text' cannot be counted", id="by words"),
    pytest.param(HISTOGRAM, {"width": 0}, "width: expected 1 ms or more, got 0", id="no width"),
    pytest.param(HISTOGRAM, {"width": 1}, f"more than {MAX_SPANS} spans", id="too narrow"),
    pytest.param(HISTOGRAM, {"first": "soon"}, "first: expected an integer", id="no moment"),
    pytest.param(HISTOGRAM, {"sortField": "user"}, "sortField: expected one of date, created", id="no moments"),
    pytest.param(HISTOGRAM, {"filters": {"nope": {}}}, "unknown filter 'nope'", id="an unknown filter"),
]


@pytest.mark.parametrize("path, body, text", REFUSED)
def test_what_is_refused(ask, path, body, text):
    reply: Reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status == 400
    assert text in reply.json["detail"]


def test_countable_are_all_but_words_moments_and_ids():
    assert set(FILTERS) - set(COUNTABLE) == {"text", "date", "created", "activity.id"}
    assert FIELDS["id"] not in {row.field for row in COUNTABLE.values()}


def test_values_are_compared_with_what_was_before(ask: Asker) -> None:
    since = NOW - 10 * DAY
    answer = asked(ask, FACETS, facets=["user.username", "user.tags"], newSince=since, limit=7, spelled=True)
    for facet, row in zip(answer["facets"], (FILTERS["user.username"], FILTERS["user.tags"]), strict=True):
        recent, before = Counter(), Counter()
        for each in RECORDS:
            (recent if each["timestamp"] >= since else before).update(values(row.field, Reading(each)))
        wanted = sorted(recent, key=lambda value: (value in before, -recent[value], value))[:7]
        assert [item["value"] for item in facet["values"]] == wanted
        assert [(item["total"], item["before"]) for item in facet["values"]] == [(recent[v], before[v]) for v in wanted]
        assert facet["count"] == len(recent)
    assert {item["text"] for item in answer["facets"][0]["values"]} <= {each["user"]["userName"] for each in RECORDS}
    assert all("text" not in item for item in answer["facets"][1]["values"])
