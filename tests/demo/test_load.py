"""The demo data that the package ships."""

import calendar

import pytest
from tools.demo.generate import made_up

from casbah.activity.tenant import TenantId
from casbah.base.key_value import MemoryKeyValueStore
from casbah.demo.load import COUNT, DAYS, END, generated_activities, generated_events, sample_activities, story_events
from casbah.demo.names import NAMES, give_names
from casbah.ingest.enrich.given_names import NAMEABLE, GivenNames

DAY = 86_400_000
UNTIL = calendar.timegm(END.timetuple()) * 1_000


@pytest.mark.slow
def test_the_file_holds_what_the_generator_makes():
    """`make demo-data` writes it again."""
    assert list(generated_events(COUNT, until_ms=UNTIL)) == list(made_up(COUNT, until_ms=UNTIL, days=DAYS))


@pytest.mark.parametrize("days", [-400, 0, 27, 10_000])
def test_events_move_by_whole_days(days):
    until = UNTIL + days * DAY
    there = [activity.timestamp + days * DAY for activity in generated_activities(300, until_ms=UNTIL)]
    moved = [activity.timestamp for activity in generated_activities(300, until_ms=until)]
    assert moved == there
    assert until - DAYS * DAY <= min(moved) < until - (DAYS - 2) * DAY
    assert until - 2 * DAY < max(moved) < until


@pytest.mark.parametrize("count", [0, 1, 7, 1_999])
def test_as_many_as_asked_for_and_each_once(count):
    assert len({activity.id for activity in generated_activities(count, until_ms=UNTIL)}) == count


def test_more_than_there_are_is_all_of_them():
    assert sum(1 for _ in generated_events(COUNT + 1, until_ms=UNTIL)) == COUNT


NAMED = {
    "user.tags": ("user", "userTags"),
    "ip.tags": ("location", "ipTags"),
    "device.tags": ("device", "tags"),
}


@pytest.mark.parametrize("name", NAMED)
def test_every_id_of_the_company_has_a_name(name):
    part, key = NAMED[name]
    events = (*generated_events(2_000, until_ms=UNTIL), *story_events(until_ms=UNTIL))
    used = {value for event in events for value in event.extra.get(part, {}).get(key, ())}
    assert {value for value in used if value.startswith("0000ca5b")} == set(NAMES[name])


def test_policies_have_names():
    used = {value for event in generated_events(COUNT, until_ms=UNTIL) for value in event.extra.get("policies", ())}
    assert used == set(NAMES["policy"])


def test_names_are_given_to_what_can_have_one():
    names = GivenNames(MemoryKeyValueStore(), clock=lambda: 5)
    give_names(names, TenantId("one"), now=7)
    assert names.by_filter(TenantId("one")) == NAMES
    assert set(NAMES) <= set(NAMEABLE)


def test_samples_are_real_activities():
    assert len(list(sample_activities())) > 200
