"""kill -9 in the middle of an ingest, again and again: no acknowledged batch is lost, nothing is doubled.

    python -m tools.bench.kill --times 20

Each round starts a real server on the same store, posts batches over HTTP until the server is killed at a random moment,
starts it again and looks: every activity of every acknowledged batch must be there once. In the end all batches are sent
again and the total must be exactly the number of distinct activities. Exits 1 if anything is amiss.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

BATCH = 400
_MAX_WAIT = 60
_DAY = 86_400_000
_NOW = 1_760_000_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to speak to it."""

    process: subprocess.Popen[bytes]
    http: httpx.Client


@contextmanager
def serving(store: Path) -> Iterator[Server]:
    """A server on the store, from listening until it is gone."""
    (store / "server.json").unlink(missing_ok=True)
    environment = {**os.environ, "CASBAH_STORE": str(store), "CASBAH_PORT": "0"}
    process = subprocess.Popen([sys.executable, "-m", "casbah", "serve"], env=environment, stderr=subprocess.DEVNULL)
    try:
        told = _told(store / "server.json", process)
        headers = {"Authorization": f"Token {told['key']}"}
        with httpx.Client(base_url=told["url"], headers=headers, timeout=_MAX_WAIT, trust_env=False) as http:
            yield Server(process, http)
    finally:
        process.kill()
        process.wait()


def batch(number: int) -> list[dict[str, object]]:
    """The activities of one batch; they lie in several periods, so that one batch is several commits."""
    chance = random.Random(number)
    return [
        {
            "_id": f"batch-{number}-{n}",
            "uid": f"batch-{number}-{n}",
            "timestamp": _NOW - chance.randrange(120 * _DAY),
            "appId": 11161,
            "entityData": {},
            "description": f"activity {n} of batch {number}",
        }
        for n in range(BATCH)
    ]


def post(http: httpx.Client, number: int) -> dict[str, object]:
    """Send one batch; the answer means that it is on disk."""
    body = b"\n".join(json.dumps(each).encode() for each in batch(number))
    answer = http.post("/api/ext/v1/activities?source=mdca", content=body)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def round_of(store: Path, *, first: int, chance: random.Random) -> tuple[int, list[int]]:
    """Post batches from `first` on until the server is killed; the next free number, and the acknowledged ones."""
    acknowledged: list[int] = []
    number = first
    with serving(store) as server:
        kill = threading.Timer(chance.uniform(0.05, 2.5), server.process.send_signal, [signal.SIGKILL])
        kill.start()
        try:
            while True:
                number += 1
                post(server.http, number)
                acknowledged.append(number)
        except httpx.HTTPError:
            kill.join()
    return number, acknowledged


def missing(http: httpx.Client, acknowledged: list[int]) -> list[int]:
    """The acknowledged batches that are not there whole, once each."""
    return [number for number in acknowledged if _held(http, number) != BATCH]


def _held(http: httpx.Client, number: int) -> int:
    filters = {"activity.id": {"startswith": f"batch-{number}-"}}
    answer = http.post("/api/v1/activities/count/", json={"filters": filters})
    answer.raise_for_status()
    return int(answer.json()["total"])


def _told(file: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    patience = time.monotonic() + _MAX_WAIT
    while time.monotonic() < patience and process.poll() is None:
        if file.exists():
            found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
            return found
        time.sleep(0.02)
    raise RuntimeError("the server did not start")


def run(*, times: int, seed: int, store: Path) -> list[str]:
    """What went wrong, in words; nothing if all is well."""
    chance = random.Random(seed)
    wrong: list[str] = []
    last, acknowledged = 0, list[int]()
    for each in range(1, times + 1):
        last, fresh = round_of(store, first=last, chance=chance)
        acknowledged += fresh
        with serving(store) as server:
            lost = missing(server.http, fresh)
        wrong += [f"round {each}: batch {number} was acknowledged and is not whole" for number in lost]
        print(f"round {each:2}: killed after batch {last}, {len(fresh)} acknowledged, {len(lost)} lost", flush=True)
    with serving(store) as server:
        wrong += [f"batch {number} is gone in the end" for number in missing(server.http, acknowledged)]
        for number in range(1, last + 1):
            post(server.http, number)
        total = int(server.http.post("/api/v1/activities/count/", json={}).json()["total"])
    if total != last * BATCH:
        wrong.append(f"{total} activities in the end, {last * BATCH} were sent")
    print(f"{times} kills, {len(acknowledged)} of {last} batches acknowledged, {total} activities, {len(wrong)} wrong")
    return wrong


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(times=chosen.times, seed=chosen.seed, store=Path(folder))
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
