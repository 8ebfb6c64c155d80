"""Each operation over a real server, by both kinds of client."""

import asyncio
import inspect
import json

import httpx
import pytest

from casbah.activity.language import FILTERS
from casbah.activity.tenant import TenantId
from casbah.client import AsyncCasbah, Casbah, NotFoundError, Page, ProtocolError, UsageError, where
from casbah.client.activities import Activities, AsyncActivities
from client.scripted import ONE_PAGE, TOKEN, URL, Script, drained, settled
from making import NOW, record

NAMES = [f"activity-{number}" for number in range(12)]


def names(records):
    return [each["_id"] for each in records]


def test_a_list_is_newest_first(play):
    async def story(activities):
        page = await settled(activities.list(limit=5))
        assert (names(page), page.has_next, page.total) == (NAMES[:5], True, 12)
        rest = await settled(activities.list(skip=5, limit=100, sort="created", direction="asc"))
        assert (len(rest.data), rest.has_next) == (7, False)

    play(story)


def test_filters_are_conditions_or_plain(play):
    async def story(activities):
        condition = where.activity.id.eq("activity-3", "activity-4")
        for filters in (condition, condition.to_dict(), {"activity.id": {"eq": ["activity-3", "activity-4"]}}):
            assert names(await settled(activities.list(filters))) == NAMES[3:5]
            assert await settled(activities.count(filters)) == 2

    play(story)


def test_fetch_gives_the_record(play):
    async def story(activities):
        assert await settled(activities.fetch("activity-7")) == record(7)
        with pytest.raises(NotFoundError, match="Not found"):
            await settled(activities.fetch("activity-700"))

    play(story)


@pytest.mark.parametrize("name", ["a/b", "é", "a%2Fb", "a b", "?x=1#y", "..", "a\n", "\ud800", "count"])
def test_an_id_of_any_letters_stays_one_segment(play, name):
    async def story(activities):
        with pytest.raises((NotFoundError, ProtocolError)):
            await settled(activities.fetch(name))

    play(story)


def test_feedback_is_appended(play, served):
    house = served[1]
    before = len(house.services.store.tenant(TenantId("default")).feedback("activity-1"))

    async def story(activities):
        record = await settled(activities.feedback("activity-1", text="ours", value="0", allow_contact=False))
        assert record == await settled(activities.fetch("activity-1"))
        await settled(activities.feedback("activity-1", kind="other", contact_email="ann@contoso.com"))
        with pytest.raises(NotFoundError):
            await settled(activities.feedback("activity-700", text="ours"))

    play(story)
    entries = house.services.store.tenant(TenantId("default")).feedback("activity-1")[before:]
    assert [json.loads(entry.what) for entry in entries] == [
        {"feedbackText": "ours", "feedbackValue": "0", "allowContact": False, "whoId": "local"},
        {"feedback": "other", "contactEmail": "ann@contoso.com", "whoId": "local"},
    ]


def test_metadata_names_every_filter(play):
    async def story(activities):
        assert {row["name"] for row in (await settled(activities.metadata()))["filters"]} == set(FILTERS)

    play(story)


def test_the_most_frequent_values_are_counted(play):
    async def story(activities):
        found = await settled(activities.facets("service", "user.domain", limit=1))
        assert found["service"] == [{"value": record(0)["appId"], "total": 12}]
        assert list(found) == ["service", "user.domain"]
        some = where.activity.id.eq("activity-3", "activity-4")
        assert (await settled(activities.facets("service", filters=some)))["service"][0]["total"] == 2

    play(story)


def test_activities_are_laid_out_in_time(play):
    async def story(activities):
        found = await settled(activities.histogram(by="service", spans=10))
        assert sum(span["total"] for span in found["spans"]) == found["total"] == 12
        assert [each["total"] for each in found["series"]] == [12]
        some = where.activity.id.eq("activity-3", "activity-4")
        assert (await settled(activities.histogram(some, width=1, sort="created")))["total"] == 2

    play(story)


def test_what_is_stored_comes_once(play):
    async def story(activities):
        first = await settled(activities.changes(limit=5))
        assert (len(names(first)), first.has_next) == (5, True)
        rest = await settled(activities.changes(cursor=first.cursor))
        assert sorted(names(first) + names(rest)) == sorted(NAMES)
        assert list((await settled(activities.changes(cursor="now", wait=0))).data) == []
        some = where.activity.id.eq("activity-3", "activity-4")
        assert sorted(names(await settled(activities.changes(some)))) == ["activity-3", "activity-4"]

    play(story)


def test_saved_queries_are_listed(play):
    async def story(activities):
        found = await settled(activities.queries())
        assert all(each["suggested"] for each in found)
        await settled(activities.list(found[0]["filters"]))

    play(story)


def test_a_scan_gives_everything_oldest_first(play):
    async def story(activities):
        assert names(await drained(activities.scan())) == NAMES[::-1]
        assert names(await drained(activities.scan(where.date.gte(NOW - 2), direction="desc"))) == NAMES[:3]
        assert [len(each) for each in await drained(activities.scan().pages())] == [12]

    play(story)


USAGE = [
    pytest.param(lambda it: it.list("x"), "filters: expected a condition", id="filters that are text"),
    pytest.param(lambda it: it.list(where.user.username), "filters: expected a condition", id="no operator chosen"),
    pytest.param(lambda it: it.list({"date": 5}), "filter 'date': expected an object", id="no object below a filter"),
    pytest.param(lambda it: it.list({"date": {"gte": {5}}}), "filters: not JSON", id="no JSON"),
    pytest.param(lambda it: it.count({"date": {"gte": float("nan")}}), "filters: not JSON", id="not a number"),
    pytest.param(lambda it: it.facets(), "facets: name filters", id="no facets"),
    pytest.param(lambda it: it.fetch(""), "expected an activity's _id", id="no id"),
    pytest.param(lambda it: it.feedback("a"), "give a text=, a value= or a kind=", id="feedback that says nothing"),
]


@pytest.mark.parametrize(("use", "message"), USAGE)
def test_what_makes_no_sense_is_not_sent(script, use, message):
    played = script()
    with pytest.raises(UsageError, match=message):
        played.run(use)
    assert played.asked == []


def test_a_request_is_as_mdca_documents_it(script):
    played = script(httpx.Response(200, json=ONE_PAGE))
    played.run(lambda it: it.list(where.service.eq(11770), skip=5))
    asked = played.asked[0]
    assert (asked.method, str(asked.url)) == ("POST", f"{URL}/api/v1/activities/")
    assert asked.headers["Authorization"] == f"Token {TOKEN}"
    assert asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.content) == {
        "filters": {"service": {"eq": [11770]}},
        "skip": 5,
        "sortField": "date",
        "sortDirection": "desc",
    }


def test_a_total_may_be_missing(script):
    played = script(httpx.Response(200, json={"data": [], "hasNext": False}))
    assert played.run(lambda it: it.list()) == Page([], has_next=False, total=None)


def test_a_bearer_token_is_asked_for_at_each_request(script):
    renewed = iter(["first", "second"])
    played = script(httpx.Response(200, json=ONE_PAGE), httpx.Response(200, json=ONE_PAGE))
    for _ in range(2):
        played.run(lambda it: it.list(), bearer=lambda: next(renewed))
    assert [asked.headers["Authorization"] for asked in played.asked] == ["Bearer first", "Bearer second"]


def test_a_bearer_token_may_be_awaited():

    async def renewed():
        await asyncio.sleep(0)
        return "awaited"

    played = Script([httpx.Response(200, json=ONE_PAGE)], awaiting=True)
    played.run(lambda it: it.list(), bearer=renewed)
    assert played.asked[0].headers["Authorization"] == "Bearer awaited"


def test_both_kinds_offer_the_same():
    for name in ("list", "scan", "fetch", "count", "feedback", "metadata"):
        blocking, awaiting = (inspect.signature(getattr(kind, name)) for kind in (Activities, AsyncActivities))
        assert list(blocking.parameters.values())[1:] == list(awaiting.parameters.values())[1:]
        assert getattr(Activities, name).__doc__


@pytest.mark.parametrize(
    ("url", "given", "message"),
    [
        pytest.param("casbah.contoso.com", {"token": "x"}, "expected an address such as", id="no scheme"),
        pytest.param("ftp://casbah", {"token": "x"}, "expected an address such as", id="another scheme"),
        pytest.param("https://casbah/?x=1", {"token": "x"}, "expected an address such as", id="a query"),
        pytest.param("https://a:secret@casbah", {"token": "x"}, "contains a user or password", id="a password"),
        pytest.param("https://casbah", {}, "pass either token", id="no credentials"),
        pytest.param("https://casbah", {"token": "x", "bearer": "y"}, "pass either token", id="both"),
        pytest.param("https://casbah", {"token": ""}, "one word of printable ASCII", id="an empty token"),
        pytest.param(
            "https://casbah", {"token": "secret\nx"}, "one word of printable ASCII", id="a token of two lines"
        ),
        pytest.param(
            "https://casbah", {"bearer": "secreté"}, "one word of printable ASCII", id="a token of odd letters"
        ),
        pytest.param("https://casbah", {"token": 5}, "got int", id="a number as token"),
    ],
)
@pytest.mark.parametrize("kind", [Casbah, AsyncCasbah])
def test_a_client_that_could_not_work_is_not_made(kind, url, given, message):
    with pytest.raises(UsageError, match=message) as caught:
        kind(url, **given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        pytest.param(" https://contoso.com/log/ ", "/log", id="a path and a last slash"),
        pytest.param("https://contoso.us3.portal.cloudappsecurity.com/api", "", id="what MDCA calls its API URL"),
        pytest.param("https://contoso.com/log/api/", "/log", id="that, below a path"),
        pytest.param("https://api", "", id="a host with this name"),
        pytest.param("https://contoso.com/myapi", "/myapi", id="a path that ends like it"),
    ],
)
def test_where_the_api_is(url, path):
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return httpx.Response(200, json=ONE_PAGE)

    with Casbah(url, token="x\n", http=httpx.MockTransport(answer)) as casbah:
        casbah.activities.list()
    host = httpx.URL(url.strip()).host
    assert asked == [f"https://{host}{path}/api/v1/activities/"]


def test_the_environment_names_server_and_token(monkeypatch):
    monkeypatch.setenv("CASBAH_URL", URL)
    monkeypatch.setenv("CASBAH_TOKEN", TOKEN)
    asked = []
    transport = httpx.MockTransport(lambda request: asked.append(request) or httpx.Response(200, json=ONE_PAGE))
    with Casbah.from_environment(http=transport) as casbah:
        casbah.activities.list()
    assert asked[0].headers["Authorization"] == f"Token {TOKEN}"
    monkeypatch.delenv("CASBAH_TOKEN")
    with pytest.raises(UsageError, match="CASBAH_TOKEN is not set"):
        AsyncCasbah.from_environment()


def test_an_http_client_of_the_users_is_left_open_and_its_credentials_unused():
    seen = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(200, json=ONE_PAGE))
    with httpx.Client(transport=transport, auth=("ann", "x"), headers={"X-Proxy": "yes"}) as http:
        with Casbah(URL, token=TOKEN, http=http) as casbah:
            casbah.activities.list()
        assert not http.is_closed
    assert seen[0].headers["Authorization"] == f"Token {TOKEN}"
    assert seen[0].headers["X-Proxy"] == "yes"
