"""The walk of a client that knows `requests` alone, over activities of which many share a moment.

`pytest tests/walk --walk 50000 -s` walks as many and shows the table.
"""

import ast
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scenarios.server import serving

SCRIPT = Path(__file__).parent / "walk.py"
BATCH = 5_000
NOW = 1_760_000_000_000

# So many share one ms: below the least page of a scan, above it, and above its largest.
TIES = (300, 700, 5_200)


def timestamps(count: int) -> list[int]:
    """Moments of `count` activities: the ties, as far as they fit in half of it, and else one to nine in a ms."""
    dice = random.Random(count)
    found = [NOW + 7 * place for place, size in enumerate(TIES) if sum(TIES[: place + 1]) <= count / 2 for _ in range(size)]  # fmt: skip
    while len(found) < count:
        found += [NOW + dice.randrange(-5 * count, 5 * count)] * min(dice.choice((1, 1, 2, 9)), count - len(found))
    dice.shuffle(found)
    return found


@contextmanager
def served(folder: Path, count: int, **settings: str) -> Iterator[tuple[str, str]]:
    """A server that holds `count` activities, and a token that may read them; what stores them arrives in three parts."""
    made = [{"_id": f"w{number}", "uid": f"w{number}", "timestamp": moment, "appId": number % 7} for number, moment in enumerate(timestamps(count))]  # fmt: skip
    with serving(folder, **settings) as (url, house), requests.Session() as session:
        session.headers["Authorization"] = f"Token {house.local_key}"
        parts = (made[: count // 3], made[count // 3 : count // 2], made[count // 2 :])
        for batch in (part[start : start + BATCH] for part in parts for start in range(0, len(part), BATCH)):
            body = "\n".join(json.dumps(each) for each in batch)
            stored = session.post(f"{url}/api/ext/v1/activities?source=mdca", body, timeout=300).json()
            assert stored == {"stored": len(batch), "duplicates": 0, "refused": []}
        wanted = {"name": "walker", "scopes": ["Investigation.read"]}
        yield url, session.post(f"{url}/api/ext/v1/tokens", json=wanted, timeout=30).json()["token"]


def walked(url: str, token: str, *more: str) -> list[dict]:
    """What the script says, run as its users run it; its table goes where pytest shows it with -s."""
    command = (sys.executable, SCRIPT, "--url", url, "--token", token, "--json", *more)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    found = json.loads(done.stdout)
    assert [each for each in found if each["problems"]] == []
    assert done.returncode == 0
    return found


def test_every_way_finds_every_activity_once(tmp_path, request):
    count = request.config.getoption("walk")
    with served(tmp_path, count) as (url, token):
        found = walked(url, token, "--expect", str(count))
    assert len(found) == 8
    assert {(each["records"], each["distinct"]) for each in found} == {(count, count)}
    assert all(each["requests"] > 4 for each in found)


def test_a_throttled_walk_waits_and_loses_nothing(tmp_path):
    with served(tmp_path, 700, throttle="10/second") as (url, token):
        found = walked(url, token, "--expect", "700")
    assert sum(each["waits"] for each in found) > 0


def test_the_walk_sees_what_is_wrong(tmp_path):
    """It would be no test if it said yes to everything."""
    with served(tmp_path, 10) as (url, token):
        command = (sys.executable, SCRIPT, "--url", url, "--token", token, "--expect", "11")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("11 records expected")) == (1, 8)


def test_the_script_knows_nothing_of_the_product():
    imported = {name.split(".")[0] for node in ast.walk(ast.parse(SCRIPT.read_text("utf-8"))) for name in _names(node)}
    assert imported - sys.stdlib_module_names == {"requests"}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("count", [10, 4_000, 50_000])
def test_the_activities_are_as_many_as_asked_and_share_moments(count):
    found = timestamps(count)
    maximum = max(found.count(NOW + 7 * place) for place in range(len(TIES)))
    assert len(found) == count
    assert maximum >= max((size for place, size in enumerate(TIES) if sum(TIES[: place + 1]) <= count / 2), default=0)
