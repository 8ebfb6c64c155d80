"""What enrichment costs: the same Microsoft 365 events into stores that add nothing, and into stores that add all there is."""

import csv
import ipaddress
import json
import random
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from tools.bench.peers.casbah import Casbah, connect, posted
from tools.demo.generate import made_up

_EVENTS = 20_000
_BATCH = 5_000
_ROUNDS = 5
_NETWORKS, _RANGES = 20_000, 200
_UNTIL = 1_760_000_000_000
_SOURCE = "/api/ext/v1/activities?source=microsoft365"


def costs(casbah: Casbah, *, seed: int, folder: Path) -> dict[str, Any]:
    """Events a second without and with enrichment, in turn, and the share of the rate that it costs."""
    events = list(islice(_microsoft365(), _EVENTS))
    bodies = [b"\n".join(events[start : start + _BATCH]) for start in range(0, len(events), _BATCH)]
    with _sources(events, seed, folder) as told:
        ways: dict[str, dict[str, str]] = {"nothing": {"CASBAH_AGENTS": "off"}, "everything": told}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(_ROUNDS):
            for name, environment in ways.items():
                rates[name].append(len(events) / _seconds(casbah, bodies, environment, ranges=name == "everything"))
    found: dict[str, Any] = {name: round(statistics.median(each)) for name, each in rates.items()}
    shares = [1 - after / before for before, after in zip(rates["nothing"], rates["everything"], strict=True)]
    return {**found, "cost": round(statistics.median(shares), 3), "costs": sorted(round(share, 3) for share in shares)}


def _seconds(casbah: Casbah, bodies: Sequence[bytes], environment: dict[str, str], *, ranges: bool) -> float:
    with casbah.empty(**environment) as store:
        connection = connect(store)
        for number in range(_RANGES if ranges else 0):
            drawn = {
                "name": f"r{number}",
                "category": number % 6 + 1,
                "subnets": [f"10.{number}.0.0/16", f"198.51.{number}.0/25"],
            }
            connection.send("POST", "/api/v1/subnet/create_rule/", json.dumps(drawn).encode())
        posted(
            connection, bodies[0][: bodies[0].index(b"\n")], path=_SOURCE
        )  # The process beside is up once it counts.
        return sum(posted(connection, body, path=_SOURCE, again=not number) for number, body in enumerate(bodies))


def _microsoft365() -> Iterator[bytes]:
    made = made_up(_EVENTS * 4, until_ms=_UNTIL)
    return (each.event for each in made if each.source == "microsoft365")


@contextmanager
def _sources(events: Sequence[bytes], seed: int, folder: Path) -> Iterator[dict[str, str]]:
    """Files that know most addresses and half of the users, and much else."""
    parsed = [orjson.loads(event) for event in events]
    addresses = {found for each in parsed for found in (each.get("ClientIP"), each.get("ClientIPAddress")) if found}
    users = sorted({each["UserId"] for each in parsed if each.get("UserId")})
    places, people = folder / "enriching.mmdb", folder / "enriching.csv"
    _writer().written(places, dict(_networks(addresses, random.Random(seed))), kind="Bench-City")
    with people.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(("user", "groups", "orgUnit"))
        rows.writerows((user, "g1;g2", "Engineering") for user in users[::2])
    try:
        yield {"CASBAH_PLACES": str(places), "CASBAH_PEOPLE": str(people)}
    finally:
        places.unlink()
        people.unlink()


def _networks(addresses: set[str], dice: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    place = {
        "country": {"iso_code": "DE"},
        "city": {"names": {"en": "Berlin"}},
        "location": {"latitude": 52.5, "longitude": 13.4},
        "isp": "Contoso Networks",
    }
    for _ in range(_NETWORKS):
        yield str(ipaddress.IPv4Network((dice.randrange(1 << 24) << 8, 24))), place
    for address in addresses:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            continue
        yield str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False)), place


def _writer() -> Any:
    """What writes small files in MaxMind's format, which is the tests'."""
    tests = str(Path(__file__).parents[2] / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    from ingest.enrich import mmdb  # noqa: PLC0415

    return mmdb
