"""The example in docs/evidence.md is what the package computes, so that checkers can be built from the document alone."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casbah.evidence import entries, merkle, notes

DOCUMENT = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text("utf-8")
RECORD = b'{"_id":"a1","uid":"a1","created":1700000000000,"timestamp":1699999999000,"description":"Log on"}'
ADDED = b'"_id":"a1","uid":"a1","created":1700000000000,'
ORIGIN = "casbah.example.com/acme/5f3a9c01"
SALT, KEY = bytes(range(16)), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
COMMITMENT = entries.commitment(SALT, RECORD, len(ADDED))
ENTRIES = (
    entries.activity(1, bytes(32)),
    entries.activity(2, COMMITMENT),
    entries.replaced(1, 0, b"\xff" * 32),
    *entries.erased([0, 2]),
)
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]


def rows(row: int, start: int, end: int) -> list[bytes]:
    return LEAVES[start:end] if not row else []


ROOT = merkle.root(rows, len(LEAVES))
EXTRA = entries.opening(SALT, len(ADDED), ENTRIES[1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("record", RECORD.decode()),
        ("added", f"{len(ADDED)} bytes: {ADDED.decode()}"),
        ("accepted", RECORD.replace(ADDED, b"").decode()),
        ("salt", SALT.hex()),
        ("H(accepted)", sha256(RECORD.replace(ADDED, b"")).hexdigest()),
        ("H(added)", sha256(ADDED).hexdigest()),
        ("commitment", COMMITMENT.hex()),
        *((f"entry {index}", entry.hex()) for index, entry in enumerate(ENTRIES)),
        *((f"leaf hash {index}", leaf.hex()) for index, leaf in enumerate(LEAVES)),
        ("root", ROOT.hex()),
        ("verifier key", notes.verifier_key(ORIGIN, KEY.public_key())),
        ("extra", EXTRA.hex()),
    ],
)
def test_the_values_of_the_example(name, value):
    assert re.search(rf"^{re.escape(name)} +{re.escape(value)}$", DOCUMENT, re.MULTILINE), value


def test_the_proof_of_the_example():
    hashes = (b64encode(item).decode() + "\n" for item in merkle.inclusion(rows, 1, len(LEAVES)))
    checkpoint = notes.checkpoint(ORIGIN, len(LEAVES), ROOT, [KEY]).decode()
    head = f"c2sp.org/tlog-proof@v1\nextra {b64encode(EXTRA).decode()}\nindex 1\n"
    assert f"```text\n{head}{''.join(hashes)}\n{checkpoint}```\n" in DOCUMENT
