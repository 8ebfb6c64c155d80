"""Checks offline that a record is in a transparency log, unchanged. This file stands alone: copy it anywhere, read it, run it.

    python proof_checker.py x.tlog-proof record.json --key KEY [--witness KEY]...

It needs Python 3.11 and the package `cryptography` (50 or newer), and connects to nothing. The formats are those of
https://c2sp.org/tlog-proof, tlog-checkpoint, signed-note and tlog-cosignature; docs/evidence.md has the layout of entries.

A proof and a checkpoint come from the log's operator, who can sign any history. That nobody is shown another one is attested
by witnesses: name those that you trust. Without `--witness` the answer is only that the operator has signed this record.
"""

import argparse
import json
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

_MAX_BYTES: Final = 100_000
_MAX_SIZE: Final = 2**63
_SIGNATURE: Final = "\u2014 "

_LOG, _WITNESS, _ML_DSA = 1, 4, 6  # kinds of keys; the last one is of both

_EXTRA: Final = struct.Struct(">B16sI")
_ACTIVITY: Final = struct.Struct(">BQ32s")
_REPLACEMENT: Final = struct.Struct(">BQQ32s")


class NotProvenError(Exception):
    """The files do not prove that the record is in the log. The message says why."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What is proven of a record."""

    origin: str  # the name of the log
    size: int  # how many entries the signed tree has
    index: int  # which of them commits to the record
    number: int  # the sequence number of the activity
    replaces: int | None  # the index of the entry of an earlier record of the activity, if this one replaced it
    witnesses: Mapping[str, str]  # who signed the same tree, and when, in UTC


@dataclass(frozen=True, slots=True)
class _Key:
    """A verifier key of a signed note."""

    name: str
    id: bytes
    kind: int
    public: ed25519.Ed25519PublicKey | mldsa.MLDSA44PublicKey


@dataclass(frozen=True, slots=True)
class _Proof:
    """The parts of a proof, parsed and not yet checked."""

    salt: bytes
    added: int
    entry: bytes
    index: int
    path: Sequence[bytes]
    text: bytes
    origin: str
    size: int
    root: bytes
    signatures: Mapping[tuple[str, bytes], bytes]


def check(
    proof: bytes, record: bytes, keys: Sequence[str], witnesses: Sequence[str] = (), *, quorum: int = -1
) -> Proven:
    """What the proof says of the record. One of the keys must have signed, and so many of the witnesses: all unless named."""
    parsed = _parse(proof)
    number, replaces, commitment = _read_entry(parsed.entry)
    if commitment != _commitment(parsed.salt, record, parsed.added):
        raise NotProvenError("the record is not the one that was logged: its bytes, or the proof's salt, differ")
    if _root(parsed) != parsed.root:
        raise NotProvenError("the hashes of the proof do not lead to the root of the checkpoint")
    if not _signed_by(parsed, [_key(text, _LOG) for text in keys]):
        raise NotProvenError(f"the checkpoint of {parsed.origin!r} is not signed with a key that was given")
    witnessed = _witnessed_by(parsed, [_key(text, _WITNESS) for text in witnesses])
    if len(witnessed) < (needed := quorum if quorum >= 0 else len(witnesses)):
        raise NotProvenError(f"{len(witnessed)} of {len(witnesses)} witnesses signed the checkpoint, and {needed} must")
    return Proven(parsed.origin, parsed.size, parsed.index, number, replaces, witnessed)


def _parse(proof: bytes) -> _Proof:
    if len(proof) > _MAX_BYTES:
        raise NotProvenError(f"a proof has at most {_MAX_BYTES:,} bytes")
    try:
        text = proof.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotProvenError("a proof is UTF-8 text") from error
    parts = text.split("\n\n")
    if len(parts) != 3:  # noqa: PLR2004  the head, the text of the checkpoint, its signatures
        raise NotProvenError("a proof has three parts with an empty line between them")
    head, checkpoint, signatures = parts
    if not head.startswith("c2sp.org/tlog-proof@v1\n") or head.count("\n") < 2:  # noqa: PLR2004  three lines before the hashes
        raise NotProvenError("a proof begins with the lines c2sp.org/tlog-proof@v1, extra and index")
    _, extra, index, *path = head.split("\n")
    layout, salt, added, entry = _read_extra(_base64(_after("extra ", extra)))
    if layout != 1:
        raise NotProvenError(f"the extra data has layout {layout}; this program knows layout 1")
    origin, size, root = _read_checkpoint(checkpoint)
    return _Proof(
        salt=salt,
        added=added,
        entry=entry,
        index=_decimal(_after("index ", index)),
        path=[_hash(line) for line in path],
        text=f"{checkpoint}\n".encode(),
        origin=origin,
        size=size,
        root=root,
        signatures=_read_signatures(signatures),
    )


def _read_extra(extra: bytes) -> tuple[int, bytes, int, bytes]:
    if len(extra) < _EXTRA.size:
        raise NotProvenError("the extra data is too short")
    layout, salt, added = _EXTRA.unpack_from(extra)
    return layout, salt, added, extra[_EXTRA.size :]


def _read_checkpoint(checkpoint: str) -> tuple[str, int, bytes]:
    lines = checkpoint.split("\n")
    if len(lines) < 3 or not all(lines):  # noqa: PLR2004  the origin, the size, the root
        raise NotProvenError("a checkpoint begins with three lines: the origin, the size, the root")
    return lines[0], _decimal(lines[1]), _hash(lines[2])


def _read_signatures(text: str) -> Mapping[tuple[str, bytes], bytes]:
    """The signatures of a note by the names and ids of their keys."""
    if not text.endswith("\n"):
        raise NotProvenError("the last line of a proof has no end")
    signatures: dict[tuple[str, bytes], bytes] = {}
    for line in text[:-1].split("\n"):
        name, _, encoded = _after(_SIGNATURE, line).partition(" ")
        signature = _base64(encoded)
        key = name, signature[:4]
        if key in signatures:
            raise NotProvenError(f"two signatures of {name!r} have the same key")
        signatures[key] = signature[4:]
    return signatures


def _read_entry(entry: bytes) -> tuple[int, int | None, bytes]:
    """The sequence number in an entry, the index of the earlier entry if there is one, and the commitment."""
    if len(entry) == _ACTIVITY.size and entry[0] == 1:
        _, number, commitment = _ACTIVITY.unpack(entry)
        return number, None, commitment
    if len(entry) == _REPLACEMENT.size and entry[0] == 2:  # noqa: PLR2004  the kind of a replacement
        _, number, earlier, commitment = _REPLACEMENT.unpack(entry)
        return number, earlier, commitment
    raise NotProvenError("the proof is not of an entry that commits to a record")


def _commitment(salt: bytes, record: bytes, added: int) -> bytes:
    """The hash that commits to a record, of which Casbah added so many bytes after the opening brace."""
    if not record.startswith(b"{") or added >= len(record):
        raise NotProvenError("the record does not begin with a brace, or is shorter than what was added to it")
    accepted = sha256(record[:1] + record[1 + added :]).digest()
    return sha256(b"casbah record v1\n" + salt + accepted + sha256(record[1 : 1 + added]).digest()).digest()


def _root(proof: _Proof) -> bytes:
    """The root to which the proof's hashes lead from its entry (RFC 9162, section 2.1.3.2)."""
    if not proof.index < proof.size < _MAX_SIZE:
        raise NotProvenError("the index is not below the size of the tree")
    place, last = proof.index, proof.size - 1
    result = sha256(b"\x00" + proof.entry).digest()
    for sibling in proof.path:
        if last == 0:
            raise NotProvenError("the proof has too many hashes")
        if place & 1 or place == last:
            result = sha256(b"\x01" + sibling + result).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            result = sha256(b"\x01" + result + sibling).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise NotProvenError("the proof has too few hashes")
    return result


def _signed_by(proof: _Proof, keys: Sequence[_Key]) -> bool:
    """Whether one of the log's keys has signed. Its name must be the origin: a key of another log says nothing of this one."""
    moments = [_signed_at(proof, key) for key in keys if key.name == proof.origin]
    return any(moment is not None for moment in moments)


def _witnessed_by(proof: _Proof, witnesses: Sequence[_Key]) -> Mapping[str, str]:
    """The witnesses that have signed, and when. Each counts once, whatever keys it has."""
    moments = ((key.name, _signed_at(proof, key)) for key in witnesses)
    return {name: _moment(moment) for name, moment in moments if moment is not None}


def _signed_at(proof: _Proof, key: _Key) -> int | None:
    """When a key has signed, in seconds since the epoch, or 0 where that is not said; None if it has not."""
    signature = proof.signatures.get((key.name, key.id))
    if signature is None:
        return None
    moment = b"" if key.kind == _LOG else signature[:8]
    seconds = int.from_bytes(moment)
    try:
        if key.kind == _ML_DSA:
            names = [bytes([len(name)]) + name for name in (key.name.encode(), proof.origin.encode())]
            signed = b"subtree/v1\n\0" + names[0] + moment + names[1] + struct.pack(">QQ", 0, proof.size) + proof.root
        else:
            signed = (b"cosignature/v1\ntime %d\n" % seconds if key.kind == _WITNESS else b"") + proof.text
        key.public.verify(signature[len(moment) :], signed)
    except (InvalidSignature, ValueError) as error:  # A name of more than 255 bytes is a ValueError.
        raise NotProvenError(f"the signature of {key.name!r} is not valid") from error
    return seconds


def _key(text: str, kind: int) -> _Key:
    """A verifier key: its name, its id, and what it hashes, with "+" between them. Other kinds of keys are refused."""
    name, _, rest = text.strip().partition("+")
    id_, _, encoded = rest.partition("+")
    data = _base64(encoded)
    if not name or len(data) != {kind: 33, _ML_DSA: 1313}.get(data[0] if data else 0):  # the kind before the key
        raise NotProvenError(f"not a verifier key of a {'log' if kind == _LOG else 'witness'}: {text}")
    if sha256(name.encode() + b"\n" + data).digest()[:4].hex() != id_:
        raise NotProvenError(f"the id in this verifier key does not belong to its name and key: {text}")
    public = mldsa.MLDSA44PublicKey if data[0] == _ML_DSA else ed25519.Ed25519PublicKey
    return _Key(name, bytes.fromhex(id_), data[0], public.from_public_bytes(data[1:]))


def _after(prefix: str, line: str) -> str:
    if not line.startswith(prefix):
        raise NotProvenError(f"a line must begin with {prefix.strip()!r}: {line[:80]!r}")
    return line[len(prefix) :]


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and text == str(int(text))):  # noqa: PLR2004  below 2**64
        raise NotProvenError(f"not a decimal number without leading zeroes: {text[:80]!r}")
    return int(text)


def _hash(line: str) -> bytes:
    data = _base64(line)
    if len(data) != sha256().digest_size:
        raise NotProvenError(f"not a SHA-256 hash in Base64: {line[:80]!r}")
    return data


def _base64(text: str) -> bytes:
    """The bytes, if this is the one way to write them in Base64."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise NotProvenError(f"not Base64: {text[:80]!r}") from error
    if b64encode(data).decode() != text:
        raise NotProvenError(f"not Base64: {text[:80]!r}")
    return data


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError) as error:
        raise NotProvenError("a witness signed at a time that does not exist") from error


def main() -> int:
    """The exit code: 0 if the proof is valid, else 1."""
    parser = argparse.ArgumentParser(description="Check offline that a record is in a transparency log, unchanged.")
    parser.add_argument("proof", type=Path)
    parser.add_argument("record", type=Path)
    parser.add_argument("--key", action="append", required=True, help="verifier key of the log; may be repeated")
    parser.add_argument("--witness", action="append", default=[], help="verifier key of a witness; may be repeated")
    parser.add_argument("--quorum", type=int, default=-1, help="how many witnesses must have signed; default: all")
    args = parser.parse_args()
    try:
        proven = check(args.proof.read_bytes(), args.record.read_bytes(), args.key, args.witness, quorum=args.quorum)
    except (NotProvenError, OSError) as error:
        print(f"not proven: {error}", file=sys.stderr)  # noqa: T201  printing is what a command does
        return 1
    print(json.dumps(asdict(proven)))  # noqa: T201  the same
    return 0


if __name__ == "__main__":
    sys.exit(main())
