"""`casbah serve` and the signals that end it: what is answered until then, and how long."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from casbah.cli.connection import running

Served = tuple[subprocess.Popen[bytes], httpx.Client]


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    environment = {**os.environ, "CASBAH_STORE": str(tmp_path), "CASBAH_PORT": "0", "CASBAH_DRAIN": request.param}
    process = subprocess.Popen([sys.executable, "-m", "casbah", "serve"], env=environment, stderr=subprocess.DEVNULL)
    try:
        patience = time.monotonic() + 60
        while (found := running(tmp_path)) is None and time.monotonic() < patience:
            time.sleep(0.05)
        assert found is not None
        headers = {"Authorization": f"Token {found['key']}"}
        with httpx.Client(base_url=found["url"], headers=headers, trust_env=False, timeout=20) as http:
            yield process, http
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("served", ["8s"], indirect=True)
def test_told_to_stop_it_says_so_first_and_answers_meanwhile(served: Served) -> None:
    process, http = served
    assert http.get("/readyz").status_code == 200
    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    while (ready := http.get("/readyz")).status_code == 200:
        pass
    assert (ready.status_code, ready.headers["connection"]) == (503, "close")
    listed = http.post("/api/v1/activities/", json={})
    assert (listed.status_code, listed.headers["connection"]) == (200, "close")
    assert process.wait(30) == 0
    assert time.monotonic() - told > 7.5, "it stayed for as long as it was told to"


@pytest.mark.slow
@pytest.mark.parametrize("served", ["1h"], indirect=True)
@pytest.mark.parametrize("first, second", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
def test_a_second_signal_ends_the_waiting(served: Served, first: signal.Signals, second: signal.Signals) -> None:
    process, http = served
    process.send_signal(first)
    while http.get("/readyz").status_code == 200:
        pass
    process.send_signal(second)
    assert process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.parametrize("served", ["1h"], indirect=True)
def test_an_interrupt_does_not_wait(served: Served) -> None:
    process, _ = served
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.parametrize("served", ["off"], indirect=True)
def test_without_a_time_for_it_it_stops_at_once(served: Served) -> None:
    process, _ = served
    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    assert process.wait(30) == 0
    assert time.monotonic() - told < 20
