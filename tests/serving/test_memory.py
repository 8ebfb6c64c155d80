"""What the bodies of all requests under way take in memory."""

import gzip
import io
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from casbah.base.shared import SharedNumbers
from casbah.http.memory import MemoryBudget
from making import record
from serving.conftest import INGEST, Running, until

BODIES, SIZE = 8, 249_000_000
MAX_ADDED = 200 << 20


def resident(running: Running) -> int:
    """Bytes that the server's processes have in memory, shared ones counted in each."""
    pids = [running.process.pid, *running.children]
    fields = [Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split("VmRSS:")[1].split()[0] for pid in pids]
    return sum(int(field) << 10 for field in fields)


def test_small_bodies_that_expand_enormously_take_little_memory(opened: Any) -> None:
    running = opened(workers="2")
    body = gzip.compress(b"x" * SIZE)
    peak, done = resident(running), threading.Event()
    before = peak

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, resident(running))

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(BODIES) as pool:
        clients = [running.client() for _ in range(BODIES)]
        statuses = list(pool.map(lambda client: client.post(INGEST, content=body).status_code, clients))
    done.set()
    watching.join()
    assert set(statuses) == {422}
    assert peak - before < MAX_ADDED


def zipped(*parts: bytes) -> bytes:
    archive = io.BytesIO()
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made,
        made.open("inner", "w", force_zip64=True) as member,
    ):
        for part in parts:
            member.write(part)
    return archive.getvalue()


def memory_to_ingest(folder: Path, contents: bytes) -> int:
    """Bytes that the command has in memory at most."""
    (folder / "export.zip").write_bytes(contents)
    command = [sys.executable, "-m", "casbah", "ingest", str(folder / "export.zip"), "--store", str(folder / "store")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 1, "refused"
    return usage.ru_maxrss << 10


def test_a_nested_archive_that_expands_enormously_takes_little_memory(tmp_path: Path) -> None:
    letters = b"x" * (1 << 20)
    line = zipped(zipped(zipped(b'{"value": [{"a": "', *[letters] * 500)))
    assert len(line) < 1_000
    assert memory_to_ingest(tmp_path, line) - memory_to_ingest(tmp_path, zipped(b"x")) < MAX_ADDED


def test_past_the_budget_a_body_is_refused_until_another_is_done(opened: Any) -> None:
    running = opened(workers="2", max_ingest_body="1000000", bodies_memory="1000000")
    half = b"x" * 900_000
    head = f"POST {INGEST} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {running.key}\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.sendall(head.encode() + half)
        client, body = running.client(), b" " * 200_000

        def refused() -> bool:
            answer = client.post(INGEST, content=body)
            return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in answer.headers

        until(refused)
        assert client.post(INGEST, json=record(1)).json()["stored"] == 1, "a small one has room"
    until(lambda: client.post(INGEST, content=body).status_code == httpx.codes.OK)


def test_what_a_process_had_reserved_that_died_is_free_again() -> None:
    reserved = SharedNumbers(2)
    first, second = (MemoryBudget(100, reserved, place) for place in (0, 1))
    assert first.reserve(60)
    assert not second.reserve(41)
    assert second.reserve(40)
    first = MemoryBudget(100, reserved, 0)
    assert first.reserve(60)
    first.release(60)
    second.release(40)
    assert second.reserve(100)


def test_threads_together_reserve_no_more_than_there_is() -> None:
    budget = MemoryBudget(1_000, SharedNumbers(1), 0)
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: budget.reserve(10) or time.sleep(0), range(200)))
    assert granted.count(True) == 100
