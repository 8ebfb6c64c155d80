"""The scrub: a server reads its own store again and again, and says what is damaged."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from casbah.activity.tenant import TenantId
from casbah.operations.scrub import Progress, Scrub
from making import arrival, record
from scenarios.server import serving

MEGABYTE = 1_000_000


def until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_it_reads_no_faster_than_its_rate() -> None:
    def read(progress: Progress) -> Sequence[str]:
        for done in range(11):
            progress(done * MEGABYTE, 10 * MEGABYTE)
        return []

    scrub = Scrub(read, rate=20 * MEGABYTE, clock=lambda: 5, pause=1_000)
    began = time.monotonic()
    scrub.begin()
    until(lambda: scrub.state.finished == 5)
    assert time.monotonic() - began >= 0.5
    assert (scrub.state.done, scrub.state.total) == (10 * MEGABYTE, 10 * MEGABYTE)
    scrub.close()


def test_it_stops_in_the_middle_of_a_reading() -> None:
    def read(progress: Progress) -> Sequence[str]:
        progress(1_000 * MEGABYTE, 2_000 * MEGABYTE)
        raise AssertionError("the scrub went on")

    scrub = Scrub(read, rate=1, clock=lambda: 5)
    scrub.begin()
    until(lambda: scrub.state.total > 0)
    scrub.close()
    assert scrub.state.finished is None


def test_a_reading_that_fails_is_logged_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    results: list[Sequence[str]] = [["a: is damaged"]]

    def read(_: Progress) -> Sequence[str]:
        if not results:
            raise OSError("the disk is gone")
        return results.pop()

    with caplog.at_level(logging.ERROR):
        scrub = Scrub(read, rate=1, clock=lambda: 5, pause=0.01)
        scrub.begin()
        until(lambda: "could not read the store" in caplog.text)
        scrub.close()
    assert "damaged: a: is damaged" in caplog.text
    assert scrub.state.damage == ("a: is damaged",)


def test_a_server_says_what_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("casbah.operations.scrub.PAUSE", 0.1)
    with serving(tmp_path, scrub="1000") as (url, application):
        application.services.store.tenant(TenantId("default")).insert([arrival(record(number)) for number in range(50)])
        scrub = application.writer.scrub
        assert scrub is not None
        scrub.begin()
        until(lambda: scrub.state.finished is not None)
        ready = httpx.get(f"{url}/readyz").json()
        assert ready["damaged"] == 0
        metrics = httpx.get(f"{url}/metrics", headers={"Authorization": f"Token {application.local_key}"}).text
        assert "casbah_scrub_damaged 0.0" in metrics
        assert "casbah_scrub_total_bytes 0.0" not in metrics


def test_damage_is_counted_where_a_server_is_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, application):
        application.services.store.tenant(TenantId("default")).insert([arrival(record(number)) for number in range(50)])
    column = max(tmp_path.glob("tenants/*/periods/*/*.store"), key=lambda file: file.stat().st_size)
    with serving(tmp_path, scrub="1000") as (url, application):
        assert httpx.get(f"{url}/readyz").is_success  # Opens the tenant, which would refuse a damaged file.
        with column.open("r+b") as file:
            file.seek(column.stat().st_size // 3)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))
        scrub = application.writer.scrub
        assert scrub is not None
        scrub.begin()
        until(lambda: scrub.state.finished is not None)
        assert httpx.get(f"{url}/readyz").json()["damaged"] >= 1
        assert any(column.name in line for line in scrub.state.damage)


def test_without_the_setting_there_is_no_scrub(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, application):
        assert application.writer.scrub is None
        assert "damaged" not in json.loads(httpx.get(f"{url}/readyz").text)
