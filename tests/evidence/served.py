"""Logs of a real server: filled over HTTP, read over HTTP."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from casbah.testing.records import records
from evidence.proofs import Signer
from serving.conftest import Running

LOG = "/api/ext/v1/log"
SAMPLES = Path(__file__).parents[1] / "connectors"
_SECONDS = 120


@dataclass(frozen=True)
class Served:
    """A log, what an auditor keeps of it, and the key with which its owner signs."""

    log: str
    verifier: str
    kept: Path
    signer: Path
    bearer: str

    @property
    def origin(self) -> str:
        return self.verifier.partition("+")[0]


class Filled:
    """A tenant whose log grows batch by batch. Every checkpoint that is seen is kept in a folder."""

    def __init__(self, server: Running, tenant: str, kept: Path) -> None:
        self.token = server.tenant(tenant, scopes=["Investigation.manage", "Ingest.write", "Activities.delete"])
        self._server, self._kept = server, kept
        self.client = server.client(self.token)
        kept.mkdir()

    def store(self, events: Sequence[Any], source: str = "mdca") -> int:
        """Store events, and wait until the log has them. Returns its size."""
        body = b"\n".join(json.dumps(event).encode() for event in events)
        return self.grow(self._post("activities", content=body, params={"source": source})["stored"])

    def delete(self, filters: dict[str, Any]) -> int:
        """Delete activities for ever. Returns the log's size with the entry that says so."""
        assert self._post("activities/delete", json={"filters": filters, "dryRun": False})["deleted"]
        return self.grow(1)

    def enrich(self, filters: dict[str, Any]) -> int:
        """Enrich activities again. Returns the log's size with an entry for each that changed."""
        return self.grow(self._post("activities/enrich", json={"filters": filters})["changed"])

    def label(self, network: str) -> None:
        """Name an IP range, which activities get when they are enriched again."""
        body = {"name": "Office", "category": 1, "subnets": [network]}
        answer = self.client.post("/api/v1/subnet/create_rule/", json=body)
        assert answer.status_code == 200, answer.text

    def grow(self, count: int) -> int:
        """Wait until the log has at least so many entries more than in the last checkpoint that was kept."""
        known = max((int(path.name) for path in self._kept.iterdir()), default=0)
        end = time.monotonic() + _SECONDS
        while (size := int((text := self.get(f"{LOG}/checkpoint").text).split("\n")[1])) < known + count:
            assert time.monotonic() < end, f"the log has {size} entries, and {known + count} are due"
            time.sleep(0.05)
        (self._kept / str(size)).write_text(text)
        return size

    def get(self, path: str) -> httpx.Response:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer

    def served(self) -> Served:
        verifier = self.get(f"{LOG}/keys").text.split()[-1]
        signer = self._kept.with_name(f"{self._kept.name}.signer")
        key = load_pem_private_key((self._server.store / "log-keys.pem").read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        signer.write_text(Signer(verifier.partition("+")[0], key.private_bytes_raw()).private)
        return Served(f"{self._server.url}{LOG}", verifier, self._kept, signer, self.token)

    def proofs(self, ids: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
        """The proofs and the records of activities."""
        return {
            name: (self.get(f"{LOG}/proofs/{name}").content, self.get(f"/api/v1/activities/{name}/").content)
            for name in ids
        }

    def _post(self, path: str, **options: Any) -> Any:
        answer = self.client.post(f"/api/ext/v1/{path}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


def entry_of(proof: bytes) -> bytes:
    """The entry in the extra data of a proof."""
    return base64.b64decode(proof.split(b"\n")[1].removeprefix(b"extra "))[21:]


def events_of(source: str) -> list[Any]:
    """Events of a source, as the tests of its connector have them."""
    lines = (SAMPLES / source / "events.ndjson").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def batches(count: int, size: int) -> list[list[dict[str, Any]]]:
    """Batches of sample activities."""
    events = records(count * size)
    return [events[number * size :][:size] for number in range(count)]
