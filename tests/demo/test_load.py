"""The demo data that the package ships."""

import calendar

import pytest
from tools.demo.generate import made_up

from casbah.demo.load import COUNT, DAYS, END, generated_activities, generated_events, sample_activities

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


def test_samples_are_real_activities():
    assert len(list(sample_activities())) > 200
