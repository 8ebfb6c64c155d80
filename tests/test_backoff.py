"""Pauses before a retry, and what Retry-After asks for."""

import math

import pytest

from casbah.base.backoff import Backoff, http_date, retry_after

NOW = 1_760_000_000.0  # Thu, 09 Oct 2025 08:53:20 GMT


def test_pauses_double_up_to_the_longest():
    backoff = Backoff(0.5, 3.0)
    assert [backoff.maximum(failures) for failures in range(6)] == [0.0, 0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.maximum(10_000) == 3.0


@pytest.mark.parametrize("jitter, low", [(0.0, 2.0), (0.5, 1.0), (1.0, 0.0)])
def test_jitter_is_the_random_part_of_a_pause(jitter, low):
    backoff = Backoff(1.0, 60.0, jitter=jitter)
    assert backoff.pause(2, min) == low
    assert backoff.pause(2, max) == 2.0
    assert all(low <= backoff.pause(2) <= 2.0 for _ in range(100))


@pytest.mark.parametrize(
    "header, seconds",
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param(" 1.5 ", 1.5, id="a part of one"),
        pytest.param("9999999999999", 9_999_999_999_999.0, id="more than anyone waits"),
        pytest.param("9" * 400, math.inf, id="for ever"),
        pytest.param("Thu, 09 Oct 2025 08:53:30 GMT", 10.0, id="a date"),
        pytest.param("Thu, 09 Oct 2025 08:53:30 -0000", 10.0, id="a date without a zone"),
        pytest.param("Thu, 09 Oct 2025 08:53:10 GMT", -10.0, id="a date before now"),
        pytest.param("soon", None, id="neither"),
        pytest.param("", None, id="nothing"),
        pytest.param("-5", None, id="a negative number"),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after(header, now=NOW) == seconds


def test_a_date_is_in_gmt():
    assert http_date("Thu, 09 Oct 2025 08:53:20 GMT") == NOW
    assert http_date("yesterday") is None
