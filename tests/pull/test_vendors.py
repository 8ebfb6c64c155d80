"""Every puller against a fake of its API on a bad day, killed at any request: in the end all there was is stored, once.

CASBAH_PULL_RUNS says how many days each puller lives through (15 by default); a failing one names its seed.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import RSAKey

from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.ingest_body import items
from casbah.ingest.pull import credentials
from casbah.ingest.pull.checkpoints import Checkpoints
from casbah.ingest.pull.contract import IngestCounts, PullError
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import Tools
from casbah.ingest.pull.puller import Puller
from casbah.ingest.pull.registry import KINDS, open_fetcher
from pull.vendors import MINUTE, VENDORS, KilledError, Vendor, Weather, World

RUNS = int(os.environ.get("CASBAH_PULL_RUNS", "15"))
KNOWN = connectors()
ENTRIES = {
    "okta": PullEntry(kind="okta", url="https://contoso.okta.example"),
    "github": PullEntry(kind="github", organisation="contoso"),
    "slack": PullEntry(kind="slack"),
    "entra_signins": PullEntry(kind="entra_signins", tenant="directory", client_id="client"),
    "entra_audits": PullEntry(kind="entra_audits", tenant="directory", client_id="client"),
    "office365": PullEntry(kind="office365", tenant="directory", client_id="client"),
    "google_workspace": PullEntry(
        kind="google_workspace", subject="admin@contoso.example", applications=["admin", "login"]
    ),
    "mdca": PullEntry(kind="mdca", url="https://contoso.example"),
}


@pytest.fixture(scope="session")
def account() -> str:
    """The key file of a service account, made for the test."""
    key = RSAKey.generate_key(2048).as_pem(private=True).decode()
    return json.dumps({"client_email": "casbah@contoso.example", "private_key": key})


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a private key takes 50 ms, and every process of these days reads it."""
    monkeypatch.setattr(credentials.RSAKey, "import_key", cache(RSAKey.import_key))


class Stored:
    """What a store would have: events under the ids that the connectors give them."""

    def __init__(self, dice: random.Random, kills: float) -> None:
        self.ids: set[str] = set()
        self.refused: list[str] = []
        self._dice = dice
        self.kills = kills

    def __call__(self, events: Sequence[bytes], connector: str) -> IngestCounts:
        if self._dice.random() < self.kills:
            raise KilledError
        new = duplicates = 0
        for _, item in items(b"\n".join(events), connector, connectors=KNOWN, limits=InputLimits()):
            if isinstance(item, Refusal):
                self.refused.append(item.reason)
            elif item.id in self.ids:
                duplicates += 1
            else:
                self.ids.add(item.id)
                new += 1
        if self._dice.random() < self.kills:  # On disk, but nobody was told.
            raise KilledError
        return IngestCounts(new, duplicates, len(self.refused))


def lived(name: str, seed: int, folder: Path, secret: str, **weather: float) -> tuple[Vendor, Stored, Counter[str]]:
    """A day of a puller; what was stored, and what befell it."""
    dice = random.Random(seed)
    overlap = KINDS[name].overlap
    world = World(dice, late=int(overlap * 0.8), count=60, span=90 * MINUTE, skew=dice.randrange(-60_000, 60_001))
    vendor = VENDORS[name](world)
    sky = Weather(world, vendor.answer, **weather)
    stored, befell = Stored(dice, weather.get("kills", 0.0)), Counter[str]()
    quiet = max(event.shown for event in world.events) + overlap + 30 * MINUTE

    def round_of() -> None:
        """A process of its own."""
        kept = Checkpoints(folder)
        client = httpx.Client(transport=httpx.MockTransport(sky))
        tools = Tools(client, world.clock, world.sleep, random.Random(dice.random()), lambda *_, **__: None)
        try:
            Puller(
                name,
                open_fetcher(ENTRIES[name], Secret(secret), tools),
                sink=stored,
                checkpoints=kept,
                clock=world.clock,
            ).once()
        except KilledError:
            befell["killed"] += 1
        except PullError as error:
            befell[type(error).__name__] += 1
        finally:
            client.close()
            kept.close()

    while world.now < quiet:
        round_of()
        world.now += dice.randrange(1, 20 * MINUTE)
    sky.kills = sky.fails = stored.kills = 0.0
    sky.storm = 0
    for _ in range(3):
        round_of()
        world.now += 2 * MINUTE
    befell["requests"] = sky.seen
    return vendor, stored, befell


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_whatever_befalls_a_puller_all_is_stored_once(name: str, tmp_path: Path, account: str) -> None:
    secret = account if name == "google_workspace" else "secret"
    befell: Counter[str] = Counter()
    for seed in range(RUNS):
        folder = tmp_path / str(seed)
        vendor, stored, told = lived(name, seed, folder, secret, kills=0.03, fails=0.25)
        befell += told
        assert stored.refused == [], f"seed {seed}"
        truth = {event.number for event in vendor.world.events}
        assert len(stored.ids) == len(truth), f"seed {seed}: {len(stored.ids)} stored of {len(truth)}"
    assert befell["killed"] > RUNS / 2, f"it was hardly killed: {befell}"
    assert befell["requests"] > 20 * RUNS
