"""Logs, proofs and cosignatures as the specifications define them, made without any code of Casbah: what checkers are tested with."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

WIDTH = 256
"""How many hashes a tile has."""

MOMENT = 1_700_000_000
"""When witnesses sign: 2023-11-14T22:13:20Z."""


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_hash(leaves[:middle]) + tree_hash(leaves[middle:])).digest()


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 6962, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if index < middle:
        return [*audit_path(leaves[:middle], index), tree_hash(leaves[middle:])]
    return [*audit_path(leaves[middle:], index - middle), tree_hash(leaves[:middle])]


@dataclass(frozen=True)
class Signer:
    """A key of a log, or with kind 4 of a witness; with kind 6 of either, for ML-DSA-44."""

    name: str
    secret: bytes
    kind: int = 1

    @property
    def key(self) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        return (
            MLDSA44PrivateKey.from_seed_bytes(self.secret)
            if self.kind == 6
            else Ed25519PrivateKey.from_private_bytes(self.secret)
        )

    @property
    def id(self) -> bytes:
        return sha256(f"{self.name}\n".encode() + self.public).digest()[:4]

    @property
    def private(self) -> str:
        """The signing key as sumdb/note writes it."""
        return f"PRIVATE+KEY+{self.name}+{self.id.hex()}+{base64(bytes([self.kind]) + self.secret)}"

    @property
    def public(self) -> bytes:
        return bytes([self.kind]) + self.key.public_key().public_bytes_raw()

    @property
    def verifier(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64(self.public)}"

    def line(self, text: str, moment: int = MOMENT) -> str:
        """The signature line of this signer under a note."""
        timed = struct.pack(">Q", moment) if self.kind in (4, 6) else b""
        return f"\u2014 {self.name} {base64(self.id + timed + self.key.sign(self._signed(text, moment)))}\n"

    def _signed(self, text: str, moment: int) -> bytes:
        if self.kind == 4:
            return f"cosignature/v1\ntime {moment}\n{text}".encode()
        if self.kind == 1:
            return text.encode()
        origin, size, root = text.split("\n")[:3]
        return struct.pack(
            f">12sB{len(self.name)}sQB{len(origin)}sQQ32s", b"subtree/v1\n", len(self.name), self.name.encode(), moment,
            len(origin), origin.encode(), 0, int(size), b64decode(root)
        )  # fmt: skip


@dataclass(frozen=True)
class Logged:
    """A record with the parts of its entry."""

    record: bytes
    added: int
    salt: bytes
    number: int
    earlier: int | None = None

    @property
    def entry(self) -> bytes:
        accepted = sha256(self.record[:1] + self.record[1 + self.added :]).digest()
        added = sha256(self.record[1 : 1 + self.added]).digest()
        commitment = sha256(b"casbah record v1\n" + self.salt + accepted + added).digest()
        if self.earlier is None:
            return struct.pack(">BQ", 1, self.number) + commitment
        return struct.pack(">BQQ", 2, self.number, self.earlier) + commitment


@dataclass(frozen=True)
class Log:
    """A log of records."""

    signer: Signer
    logged: Sequence[Logged]
    witnesses: Sequence[Signer] = field(default=())

    @property
    def leaves(self) -> list[bytes]:
        return [sha256(b"\x00" + item.entry).digest() for item in self.logged]

    def checkpoint(self, size: int | None = None) -> str:
        size = len(self.logged) if size is None else size
        text = f"{self.signer.name}\n{size}\n{base64(tree_hash(self.leaves[:size]))}\n"
        return f"{text}\n{''.join(signer.line(text) for signer in (self.signer, *self.witnesses))}"

    def proof(self, index: int, size: int | None = None) -> bytes:
        item, size = self.logged[index], len(self.logged) if size is None else size
        extra = struct.pack(">B16sI", 1, item.salt, item.added) + item.entry
        hashes = "".join(f"{base64(part)}\n" for part in audit_path(self.leaves[:size], index))
        head = f"c2sp.org/tlog-proof@v1\nextra {base64(extra)}\nindex {index}\n{hashes}\n"
        return (head + self.checkpoint(size)).encode()

    def write(self, folder: Path) -> None:
        """Write the log as https://c2sp.org/tlog-tiles has it."""
        hashes, level = self.leaves, "0"
        _write_tiles(
            folder / "tile" / "entries", [struct.pack(">H", len(item.entry)) + item.entry for item in self.logged]
        )
        while hashes:
            _write_tiles(folder / "tile" / level, hashes)
            full = len(hashes) // WIDTH
            hashes = [tree_hash(hashes[number * WIDTH :][:WIDTH]) for number in range(full)]
            level = str(int(level) + 1)
        (folder / "checkpoint").write_text(self.checkpoint())


def _write_tiles(folder: Path, parts: Sequence[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(parts), WIDTH):
        tile = parts[start : start + WIDTH]
        file = folder / f"{start // WIDTH:03}"
        if len(tile) < WIDTH:
            file = folder / f"{file.name}.p" / str(len(tile))
            file.parent.mkdir()
        file.write_bytes(b"".join(tile))
