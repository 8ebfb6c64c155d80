import pytest

from casbah.ingest import times
from casbah.ingest.contract import UnusableEventError

CALENDAR = [
    pytest.param("2022-12-11T02:57:48", 1670727468000, id="no zone is UTC"),
    pytest.param("2022-12-11 02:57:48", 1670727468000, id="a space for the T"),
    pytest.param("2022-12-11 02:57:48Z", 1670727468000, id="a space and Z"),
    pytest.param("2022-12-11 02:57:48.693", 1670727468693, id="a space and milliseconds"),
    pytest.param("2022-12-11 02:57:48.693000000", 1670727468693, id="nine digits"),
    pytest.param("2022-12-11T02:57:48.6939999Z", 1670727468693, id="seven digits, cut and not rounded"),
    pytest.param("2022-08-15T16:24:44.109Z", 1660580684109, id="Google's milliseconds"),
    pytest.param("2022-12-11T02:57:48.000+0000", 1670727468000, id="Salesforce's offset"),
    pytest.param("2022-12-11T03:57:48+01:00", 1670727468000, id="another zone"),
    pytest.param("2025-07-10 00:00:00+00", 1752105600000, id="an offset of hours, as PostgreSQL writes it"),
    pytest.param("2025-07-10T02:00:00+02", 1752105600000, id="an offset of hours, behind a T"),
    pytest.param("2025-07-09 19:00:00.5 -05", 1752105600500, id="an offset of hours, negative, behind a space"),
    pytest.param("2025-07-10t00:00:00z", 1752105600000, id="lower-case t and z"),
    pytest.param("2025-07-10t02:00:00+02:00", 1752105600000, id="lower-case t, and an offset"),
    pytest.param("2016-12-31T23:59:60Z", 1483228800000, id="a leap second"),
    pytest.param("2016-12-31T15:59:60.5-08:00", 1483228800500, id="a leap second, elsewhere, with a fraction"),
    pytest.param("2016-12-31T23:59:61Z", None, id="a 61st second"),
    pytest.param("2025-07-10T00:00:00+2", None, id="half an offset"),
    pytest.param("20250918160017.614", 1758211217614, id="an event log file's compact form"),
    pytest.param("4/28/2021, 3:05:26.000 PM", 1619622326000, id="Sentinel's export, afternoon"),
    pytest.param("4/28/2021, 12:05:26.000 AM", 1619568326000, id="Sentinel's export, after midnight"),
    pytest.param(
        "Mon Mar 02 2026 10:00:00 GMT+0100 (Central European Standard Time)", 1772442000000, id="JavaScript's"
    ),
    pytest.param("Mon Mar 02 2026 10:00:00 GMT-0330", 1772458200000, id="JavaScript's, without a name of the zone"),
    pytest.param("Mon Mar 02 2026 10:00:00", None, id="JavaScript's, without an offset"),
    pytest.param("Mon Mar 32 2026 10:00:00 GMT+0100", None, id="JavaScript's, no such day"),
    pytest.param("1969-12-31T23:59:59Z", -1000, id="before the epoch"),
    pytest.param("redacted", None, id="redacted"),
    pytest.param("...", None, id="dots"),
    pytest.param("", None, id="nothing"),
    pytest.param("2022-12-11", None, id="a date alone"),
    pytest.param("2022-13-11T02:57:48Z", None, id="a thirteenth month"),
    pytest.param("1670727468000", None, id="a number is not a calendar time"),
]


@pytest.mark.parametrize(("text", "expected"), CALENDAR)
def test_calendar(text, expected):
    assert times.calendar(text) == expected


NUMBERS = [
    pytest.param(1670727468000, 1670727468000, id="milliseconds"),
    pytest.param("1670727468000", 1670727468000, id="milliseconds as text"),
    pytest.param("1670727468000.5", 1670727468000, id="milliseconds with a fraction"),
    pytest.param(True, None, id="a boolean is no number"),
    pytest.param("soon", None, id="a word is no number"),
]


@pytest.mark.parametrize(("value", "expected"), NUMBERS)
def test_numbers(value, expected):
    assert times.milliseconds(value) == expected


REQUIRED = [
    pytest.param({}, "no usable time: eventTime is absent", id="absent"),
    pytest.param({"eventtime": None}, "no usable time: eventTime is absent", id="null"),
    pytest.param({"eventtime": "redacted"}, "no usable time: eventTime is 'redacted'", id="redacted"),
    pytest.param({"eventtime": 5}, "no usable time: eventTime is '5'", id="not text"),
]


@pytest.mark.parametrize(("fields", "reason"), REQUIRED)
def test_a_missing_time_is_named(fields, reason):
    with pytest.raises(UnusableEventError) as caught:
        times.required(fields, "eventTime", "@timestamp")
    assert str(caught.value) == reason
