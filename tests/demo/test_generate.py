import gzip
import itertools
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files

import orjson
import pytest
from tools.demo.clock import DAY
from tools.demo.generate import SHARES, made_up

from casbah.ingest.connectors import cloudtrail, google_workspace, mdca, microsoft365
from casbah.ingest.contract import Event
from casbah.ingest.enrich.agents import classified

CONNECTORS = {module.CONNECTOR.name: module.CONNECTOR for module in (cloudtrail, google_workspace, mdca, microsoft365)}
# Not on a second, so that the edges of the window are tried.
UNTIL = 1_760_000_000_123
COUNT = 6_000


@pytest.fixture(scope="module")
def made():
    return list(made_up(COUNT, until_ms=UNTIL))


@pytest.fixture(scope="module")
def drafts(made):
    return [draft for each in made for draft in CONNECTORS[each.source].drafts(_event(each.event))]


def _event(raw):
    return Event(raw, orjson.loads(raw))


def _operation(draft):
    return draft.keys["mainInfo"]["rawOperationName"]


def _share(items, wanted):
    found = [bool(wanted(item)) for item in items]
    return sum(found) / len(found)


def test_the_same_arguments_make_the_same_events(made):
    assert list(made_up(COUNT, until_ms=UNTIL)) == made


def test_two_runs_at_once_do_not_disturb_each_other():
    pairs = zip(made_up(300, until_ms=UNTIL), made_up(300, until_ms=UNTIL), strict=True)
    assert all(one == other for one, other in pairs)


def test_another_seed_makes_others(made):
    others = {each.event for each in made_up(300, seed=2, until_ms=UNTIL)}
    assert others.isdisjoint(each.event for each in made)


@pytest.mark.parametrize("count", [0, 1, 2, 499, 500, 501, 2_345])
def test_as_many_as_asked_for(count):
    assert sum(1 for _ in made_up(count, until_ms=UNTIL)) == count


@pytest.mark.parametrize("days", [1, 7, 400])
def test_all_in_the_window_and_in_order(days):
    times = [
        draft.timestamp
        for each in made_up(800, until_ms=UNTIL, days=days)
        for draft in CONNECTORS[each.source].drafts(_event(each.event))
    ]
    assert UNTIL - days * DAY <= min(times) <= max(times) < UNTIL
    seconds = [time // 1000 for time in times]
    assert seconds == sorted(seconds)


def test_each_event_is_one_activity_of_its_own_connector(made, drafts):
    for each in made:
        lowered = {key.lower(): value for key, value in orjson.loads(each.event).items()}
        recognized = [name for name, connector in CONNECTORS.items() if connector.recognizes(lowered)]
        assert recognized == [each.source]
    assert len({draft.id for draft in drafts}) == COUNT


def test_every_source_has_its_share(made):
    counts = Counter(each.source for each in made)
    for events, share in SHARES:
        assert counts.pop(events().name) / COUNT == pytest.approx(share, abs=0.04)
    assert not counts


@pytest.mark.parametrize(
    ("category", "low", "high"),
    [
        ("EVENT_CATEGORY_LOGIN", 0.06, 0.20),
        ("EVENT_CATEGORY_FAILED_LOGIN", 0.01, 0.08),
        ("EVENT_CATEGORY_DOWNLOAD_FILE", 0.03, 0.12),
        ("EVENT_CATEGORY_UPLOAD_FILE", 0.01, 0.08),
        ("EVENT_CATEGORY_DELETE_OBJECT", 0.01, 0.08),
        ("EVENT_CATEGORY_CREATE_USER", 0.001, 0.02),
        ("EVENT_CATEGORY_DELETE_USER", 0.001, 0.02),
    ],
)
def test_categories_are_neither_rare_nor_all(drafts, category, low, high):
    assert low < _share(drafts, lambda draft: draft.keys["eventTypeName"] == category) < high


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        pytest.param(lambda d: "Shar" in _operation(d) or "Link" in _operation(d), 0.02, 0.15, id="shares"),
        pytest.param(lambda d: d.keys.get("isAdminOperation"), 0.05, 0.35, id="admin"),
        pytest.param(lambda d: d.keys.get("isImpersonated"), 0.005, 0.25, id="impersonated"),
        pytest.param(lambda d: d.keys.get("device", {}).get("clientIP"), 0.8, 0.97, id="address"),
        pytest.param(
            lambda d: any(each.get("labels") for each in d.keys["mainInfo"]["eventObjects"]),
            0.01, 0.15, id="file labels",
        ),
        pytest.param(
            lambda d: classified(d.keys.get("device", {}).get("userAgent", ""))["deviceType"] in {"MOBILE", "TABLET"},
            0.02, 0.15, id="in the hand",
        ),
    ],
)  # fmt: skip
def test_shares_of_activities(drafts, what, low, high):
    assert low < _share(drafts, what) < high


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        pytest.param("location.countryCode", 0.6, 0.95, id="country"),
        pytest.param("location.organizationSearchable", 0.8, 0.99, id="organisation"),
        pytest.param("location.ipTags", 0.2, 0.7, id="address tags"),
        pytest.param("user.userTags", 0.3, 0.7, id="groups"),
        pytest.param("user.orgUnit", 0.05, 0.2, id="unit"),
        pytest.param("device.tags", 0.2, 0.6, id="device tags"),
        pytest.param("policies", 0.01, 0.08, id="policies"),
        pytest.param("alertIds", 0.001, 0.03, id="alerts"),
        pytest.param("takenActions", 0.002, 0.03, id="taken actions"),
        pytest.param("streamId", 0.99, 1.01, id="stream"),
    ],
)
def test_shares_of_what_enrichment_adds(made, path, low, high):
    def there(each):
        value = each.extra
        for key in path.split("."):
            value = value.get(key, {})
        return value

    assert low < _share(made, there) < high


def test_every_kind_of_address_and_many_countries(made):
    locations = [each.extra.get("location", {}) for each in made]
    assert {location.get("category") for location in locations} >= set(range(7))
    assert len({location.get("countryCode") for location in locations}) > 12


def test_an_address_stays_where_it_is(made):
    places = {}
    for each, location in ((each, each.extra.get("location")) for each in made):
        event = orjson.loads(each.event)
        address = event.get("ActorIpAddress") or event.get("ipAddress")
        if address:
            assert places.setdefault(address, location) == location


def test_nobody_real(made):
    domains = {
        draft_name.rpartition("@")[2]
        for each in made
        if (draft_name := orjson.loads(each.event).get("UserId", "")) and "@" in draft_name
    }
    assert {domain for domain in domains if not domain.endswith(".example")} <= {"sharepoint"}


@pytest.mark.slow
def test_a_burst_stands_in_one_second_and_the_rest_is_spread(drafts):
    seconds = Counter(draft.timestamp // 1000 for draft in drafts)
    (_, maximum), *_ = seconds.most_common(1)
    assert maximum >= 50
    assert _share(seconds.values(), lambda count: count > 5) < 0.01


def test_weekdays_are_busier_than_weekends(drafts):
    days = Counter(datetime.fromtimestamp(d.timestamp / 1000, UTC).weekday() for d in drafts)
    assert min(days[day] for day in range(5)) > 2 * max(days[5], days[6])


def test_a_few_do_much(drafts):
    users = Counter(str(draft.keys["resolvedActor"]["name"]).lower() for draft in drafts)
    assert len(users) > 250
    assert sum(count for _, count in users.most_common(20)) > 0.2 * COUNT


def test_sizes_are_those_of_real_events(made):
    sizes = sorted(len(each.event) for each in made)
    assert 1_000 < sizes[COUNT // 2] < 1_500
    assert 1_700 < sizes[COUNT * 95 // 100] < 3_000


SAMPLES = (
    ("mdca_demisto", "mdca", 3),
    ("cloudtrail_invictus", "cloudtrail", 150),
    ("cloudtrail_stratus", "cloudtrail", 20),
    ("google_workspace_invictus", "google_workspace", 60),
    ("microsoft365_panther", "microsoft365", 19),
)


@pytest.mark.parametrize(("name", "connector", "count"), SAMPLES)
def test_samples_are_read_by_their_connector(name, connector, count):
    packed = files("casbah.demo").joinpath("samples", f"{name}.ndjson.gz").read_bytes()
    lines = gzip.decompress(packed).splitlines()
    assert len(lines) == count
    drafts = [CONNECTORS[connector].drafts(_event(line)) for line in lines]
    assert all(itertools.chain.from_iterable(drafts))


def test_every_sample_says_where_it_is_from():
    folder = files("casbah.demo").joinpath("samples")
    told = folder.joinpath("README.md").read_text("utf-8")
    names = {each.name for each in folder.iterdir()} - {"README.md"}
    assert [name for name in names if f"`{name}`" not in told] == []
    assert names >= {f"{name}.ndjson.gz" for name, _, _ in SAMPLES}
