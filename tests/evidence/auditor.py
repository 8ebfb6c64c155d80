"""What an auditor recomputes from a log and a store, with nothing of the package's own trees and notes."""

from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey


class Entry(NamedTuple):
    kind: int
    number: int
    earlier: int
    commitment: bytes
    erased: tuple[int, ...]


def parsed(entry: bytes) -> Entry:
    kind = entry[0]
    if kind == 1:
        assert len(entry) == 41
        return Entry(kind, int.from_bytes(entry[1:9]), -1, entry[9:], ())
    if kind == 2:
        assert len(entry) == 49
        return Entry(kind, int.from_bytes(entry[1:9]), int.from_bytes(entry[9:17]), entry[17:], ())
    if kind == 3:
        numbers = [int.from_bytes(entry[place : place + 8]) for place in range(1, len(entry), 8)]
        spans = zip(numbers[::2], numbers[1::2], strict=True)
        return Entry(kind, 0, -1, b"", tuple(index for first, count in spans for index in range(first, first + count)))
    assert kind == 4
    return Entry(kind, 0, -1, entry[1:], ())


def root_of(entries: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, without recursion: subtrees of equal height are joined as they appear."""
    stack: list[tuple[int, bytes]] = []
    for entry in entries:
        height, top = 0, sha256(b"\x00" + entry).digest()
        while stack and stack[-1][0] == height:
            top, height = sha256(b"\x01" + stack.pop()[1] + top).digest(), height + 1
        stack.append((height, top))
    if not stack:
        return sha256().digest()
    result = stack.pop()[1]
    while stack:
        result = sha256(b"\x01" + stack.pop()[1] + result).digest()
    return result


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


def checked(note: str, verifier_keys: Sequence[str]) -> Checkpoint:
    """A checkpoint, every signature of which must be by one of the keys."""
    text, _, signatures = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    known: dict[tuple[str, bytes], Ed25519PublicKey | MLDSA44PublicKey] = {}
    for line in verifier_keys:
        name, key_id, key = line.split("+", 2)
        raw = b64decode(key)
        assert raw[0] in (1, 6)
        assert sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == key_id
        known[name, bytes.fromhex(key_id)] = (MLDSA44PublicKey if raw[0] == 6 else Ed25519PublicKey).from_public_bytes(
            raw[1:]
        )
    for line in signatures.removesuffix("\n").split("\n"):
        dash, name, signature = line.split(" ")
        data = b64decode(signature)
        assert dash == "\u2014"
        assert name == origin
        key = known[name, data[:4]]
        if isinstance(key, Ed25519PublicKey):
            key.verify(data[4:], f"{text}\n".encode())
        else:  # tlog-cosignature, `cosigned_message`, without a time
            tree = b"\0" * 8 + int(size).to_bytes(8) + b64decode(root)
            named = bytes([len(origin)]) + origin.encode()
            key.verify(data[12:], b"subtree/v1\n\0" + named + data[4:12] + named + tree)
            assert data[4:12] == b"\0" * 8
    return Checkpoint(origin, int(size), b64decode(root))


def commitment(salt: bytes, record: bytes, added: int) -> bytes:
    start = record.index(b"{") + 1
    accepted, extra = record[:start] + record[start + added :], record[start : start + added]
    return sha256(b"casbah record v1\n" + salt + sha256(accepted).digest() + sha256(extra).digest()).digest()


def holds(proof: str, record: bytes, verifier_keys: Sequence[str]) -> bool:
    """Whether a proof holds for a record, step by step as docs/evidence.md says."""
    head, _, note = proof.partition("\n\n")
    first, extra, index_line, *hashes = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    opening = b64decode(extra.removeprefix("extra "))
    salt, added, entry = opening[1:17], int.from_bytes(opening[17:21]), opening[21:]
    if opening[0] != 1 or entry[-32:] != commitment(salt, record, added):
        return False
    parsed(entry)
    checkpoint = checked(note, verifier_keys)
    path = _path(int(index_line.removeprefix("index ")), checkpoint.size, list(map(b64decode, hashes)))
    result = sha256(b"\x00" + entry).digest()
    for sibling, is_left in path:
        result = sha256(b"\x01" + (sibling + result if is_left else result + sibling)).digest()
    return result == checkpoint.root


def _path(index: int, size: int, hashes: list[bytes]) -> list[tuple[bytes, bool]]:
    """The siblings from the leaf up, and whether each is on the left."""
    if size == 1:
        assert not hashes
        return []
    middle = 1
    while middle * 2 < size:
        middle *= 2
    *below, last = hashes
    if index < middle:
        return [*_path(index, middle, below), (last, False)]
    return [*_path(index - middle, size - middle, below), (last, True)]


def agrees(log: Any, tenant: Any) -> list[bytes]:
    """Check that a log agrees with its tenant's records, and return its entries.

    Every record has an entry that commits to it; every other entry of an activity was replaced, or an erasure names it.
    """
    checkpoint = checked(log.checkpoint, log.verifier_keys)
    entries = entries_of(log, checkpoint.size)
    assert root_of(entries) == checkpoint.root
    last: dict[int, int] = {}
    gone: set[int] = set()
    largest = 0
    for index, entry in enumerate(map(parsed, entries)):
        if entry.kind == 2:
            assert last[entry.number] == entry.earlier
            last[entry.number] = index
        elif entry.kind == 1:
            assert entry.number > largest, "out of order"
            last[entry.number], largest = index, entry.number
        elif entry.kind == 3:
            gone.update(entry.erased)
    stored = {item.number: item for item in tenant.sealed(after=0, limit=1_000_000).records}
    assert stored.keys() <= last.keys(), "a record without an entry"
    for number, index in last.items():
        if number in stored:
            item = stored[number]
            assert parsed(entries[index]).commitment == commitment(item.salt, item.record, item.added)
        else:
            assert index in gone, "an entry without a record"
    return entries


def entries_of(log: Any, size: int) -> list[bytes]:
    """All entries, read as bundles."""
    entries: list[bytes] = []
    for number in range(-(-size // 256)):
        width = min(256, size - number * 256)
        data, place = log.bundle(number, width), 0
        hashes = log.tile(0, number, width)
        for at in range(width):
            length = int.from_bytes(data[place : place + 2])
            entries.append(data[place + 2 : place + 2 + length])
            place += 2 + length
            assert sha256(b"\x00" + entries[-1]).digest() == hashes[at * 32 : at * 32 + 32]
        assert place == len(data)
    return entries
