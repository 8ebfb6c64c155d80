"""So many requests in any span of so many seconds, by a clock that the test sets."""

from threading import Thread

import pytest

from casbah.base.key_value import MemoryKeyValueStore
from casbah.errors import ThrottledError
from casbah.identity.throttle import Throttle
from casbah.setting_parsers import Rate


class Clock:
    """Milliseconds that the test sets."""

    now = 1_000_000

    def __call__(self) -> int:
        return self.now


def admitted(throttle: Throttle, clock: Clock, tenant: str, moments: list[int]) -> list[int]:
    """For each moment (ms from the start): 0 if the request passes, else the seconds it is told to wait."""
    found = []
    for moment in moments:
        clock.now = 1_000_000 + moment
        try:
            throttle.admit(tenant)
            found.append(0)
        except ThrottledError as slow:
            found.append(int(slow.headers["Retry-After"]))
    return found


ROWS = [
    pytest.param(Rate(2, 60), [0, 0, 0], [0, 0, 60], id="the rate, then the whole span to wait"),
    pytest.param(Rate(2, 60), [0, 30_000, 45_000], [0, 0, 15], id="the oldest request says how long"),
    pytest.param(Rate(2, 60), [0, 30_000, 59_999, 60_000], [0, 0, 1, 0], id="the span ends to the ms"),
    pytest.param(Rate(2, 60), [0, 0, 59_001, 59_999], [0, 0, 1, 1], id="never told to wait no time at all"),
    pytest.param(Rate(2, 60), [0, 0, 1, 2, 3, 60_000, 60_000, 60_001], [0, 0, 60, 60, 60, 0, 0, 60], id="refused requests do not count"),
    pytest.param(Rate(1, 1), [0, 999, 1_000, 1_999, 2_000], [0, 1, 0, 1, 0], id="one a second"),
    pytest.param(Rate(30, 60), [number * 2_000 for number in range(100)], [0] * 100, id="MDCA's rate, kept"),
    pytest.param(Rate(1, 86_400), [0, 1], [0, 86_400], id="one a day"),
    pytest.param(None, [0] * 1_000, [0] * 1_000, id="off"),
]  # fmt: skip


@pytest.mark.parametrize("rate, moments, waits", ROWS)
def test_requests_pass_or_wait(rate, moments, waits):
    clock = Clock()
    assert admitted(Throttle(rate, MemoryKeyValueStore(), clock=clock), clock, "t", moments) == waits


def test_waiting_as_told_is_enough():
    clock = Clock()
    throttle = Throttle(Rate(3, 60), MemoryKeyValueStore(), clock=clock)
    moment = 0
    for _ in range(50):
        wait = admitted(throttle, clock, "t", [moment])[0]
        moment += wait * 1_000
        if wait:
            assert admitted(throttle, clock, "t", [moment]) == [0]


def test_tenants_are_counted_apart():
    clock = Clock()
    throttle = Throttle(Rate(1, 60), MemoryKeyValueStore(), clock=clock)
    assert [admitted(throttle, clock, tenant, [0, 0]) for tenant in ("a", "b")] == [[0, 60], [0, 60]]


STEPS = [
    pytest.param([0, -3_600_000, -3_600_000], [0, 0, 60], id="back by an hour"),
    pytest.param([-30_000, 3_600_000, 0, 0], [0, 0, 0, 60], id="on by an hour and back"),
    pytest.param([0, -1, -1], [0, 0, 60], id="back by a ms"),
]


@pytest.mark.parametrize("moments, waits", STEPS)
def test_a_clock_that_is_set_lets_nobody_wait_longer_than_the_span(moments, waits):
    clock = Clock()
    assert admitted(Throttle(Rate(1, 60), MemoryKeyValueStore(), clock=clock), clock, "t", moments) == waits


def test_many_threads_pass_exactly_the_rate():
    throttle = Throttle(Rate(100, 60), MemoryKeyValueStore(), clock=Clock())
    passed: list[int] = []

    def work() -> None:
        for _ in range(50):
            try:
                throttle.admit("t")
                passed.append(1)
            except ThrottledError:
                pass

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 100
