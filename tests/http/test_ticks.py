"""The ticks of an axis: round moments of the calendar, in order, within the chart, and not too many."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from casbah.http.ticks import ticks

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def ms(*parts: int, zone: ZoneInfo | None = None) -> int:
    return int(datetime(*parts, tzinfo=zone or UTC).timestamp() * 1_000)  # type: ignore[misc,arg-type]


CHARTS = [
    pytest.param(ms(2026, 1, 31, 23, 59, 50), 20 * SECOND, ["23:59:50", "23:59:55", "Feb 1", "00:00:05", "00:00:10"], id="seconds"),
    pytest.param(ms(2026, 1, 31, 23, 40), 40 * MINUTE, ["23:45", "Feb 1", "00:15"], id="minutes"),
    pytest.param(ms(2026, 2, 28, 10), DAY, ["12:00", "18:00", "Mar 1", "06:00"], id="a day"),
    pytest.param(ms(2026, 2, 27), 4 * DAY, ["Feb 27", "Feb 28", "Mar 1", "Mar 2", "Mar 3"], id="days"),
    pytest.param(ms(2026, 1, 30), 28 * DAY, ["Jan 30", "Feb 6", "Feb 13", "Feb 20", "Feb 27"], id="weeks"),
    pytest.param(ms(2025, 11, 20), 120 * DAY, ["Dec", "Jan 2026", "Feb", "Mar"], id="months"),
    pytest.param(ms(2024, 5, 20), 700 * DAY, ["Jul", "Jan 2025", "Jul", "Jan 2026"], id="half years"),
    pytest.param(0, 20_000 * DAY, ["1970", "1980", "1990", "2000", "2010", "2020"], id="decades"),
]  # fmt: skip


@pytest.mark.parametrize("first, length, texts", CHARTS)
def test_ticks_are_round(first: int, length: int, texts: list[str]) -> None:
    shown = ticks(first, first + length, 6, UTC)
    assert [tick.text for tick in shown] == texts
    assert [tick.at for tick in shown] == sorted(tick.at for tick in shown)


@pytest.mark.parametrize("length", [1, SECOND, 7 * MINUTE, 5 * HOUR, 3 * DAY, 50 * DAY, 999 * DAY, 2**43 + 2**43])
@pytest.mark.parametrize("first", [-(2**43), 0, ms(2026, 3, 28, 22, 17, 3), ms(2024, 2, 29)])
@pytest.mark.parametrize("most", [2, 9])
def test_ticks_are_within_the_chart_and_few(first: int, length: int, most: int) -> None:
    shown = ticks(first, first + length, most, BERLIN)
    assert all(first <= tick.at <= first + length for tick in shown)
    assert len(shown) <= most + 1 or length > 100 * most * 365 * DAY


def test_ticks_follow_the_clock_of_the_zone() -> None:
    """In the night of March 29, 2026 clocks in Berlin go from 02:00 to 03:00."""
    first = ms(2026, 3, 28, 12, zone=BERLIN)
    shown = ticks(first, first + DAY, 4, BERLIN)
    assert [tick.text for tick in shown] == ["12:00", "18:00", "Mar 29", "06:00", "12:00"]
    assert [tick.at - first for tick in shown] == [0, 6 * HOUR, 12 * HOUR, 17 * HOUR, 23 * HOUR]
