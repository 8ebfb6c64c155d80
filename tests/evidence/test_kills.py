"""After `kill -9` at any moment the log agrees with the store, and continues what it had signed."""

import json
import os
import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from casbah.activity.tenant import TenantId
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import Logs, log_folder
from casbah.evidence.tenant_log import Signer
from casbah.store.embedded.store import EmbeddedStore
from evidence.auditor import agrees, checked, root_of
from making import NOW, arrival, query, record

TENANT = TenantId("acme")
CYCLES = 12
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def logs_of(store: EmbeddedStore, folder: Path) -> Logs:
    return Logs(
        store, lambda name: log_folder(folder, name), Signer("casbah.example.com", signing_keys(folder)), seconds=1
    )


def work(folder: Path, seed: int) -> None:
    """Store, replace, delete and sign until killed. Says what is acknowledged and what is signed."""
    dice = random.Random(seed)
    store = EmbeddedStore(folder, clock=lambda: NOW)
    tenant, log = store.tenant(TENANT), logs_of(store, folder).of("acme")
    number = seed * 100_000
    print(json.dumps({"ready": True}), flush=True)
    while True:
        match dice.choice(["store", "store", "replace", "delete"]):
            case "store":
                some = range(number, number := number + dice.choice([1, 40]))
                tenant.insert([arrival(record(each, user={"userName": f"user-{each % 5}"})) for each in some])
                print(json.dumps({"stored": [*some]}), flush=True)
            case "replace":
                some = [dice.randrange(seed * 100_000, number + 1) for _ in range(5)]
                tenant.replace([arrival(record(each, user={"userName": "user-9"})) for each in some])
            case "delete":
                name = f"user-{dice.randrange(3)}"
                tenant.delete(query({"user.username": {"eq": [name]}}).predicate)
        log.advance()
        print(json.dumps({"signed": log.checkpoint}), flush=True)


def test_the_log_agrees_with_the_store_after_kills(tmp_path):
    dice, signed, stored = random.Random(5), [], set()
    for seed in range(CYCLES):
        command = [sys.executable, __file__, str(tmp_path), str(seed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
            assert process.stdout is not None
            said = [process.stdout.readline()]
            time.sleep(dice.uniform(0, 0.8))
            process.kill()
            said += process.stdout.read().split("\n")[:-1]
        for line in map(json.loads, said):
            signed += [line["signed"]] if "signed" in line else []
            stored.update(line.get("stored", ()))
        with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store, closing(logs_of(store, tmp_path)) as logs:
            log = logs.of("acme")
            log.advance()
            entries = agrees(log, store.tenant(TENANT))
            for note in signed:
                checkpoint = checked(note, log.verifier_keys)
                assert checkpoint.origin == log.origin
                assert root_of(entries[: checkpoint.size]) == checkpoint.root, "a fork"
    assert len(signed) > CYCLES
    assert len(stored) > CYCLES


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
