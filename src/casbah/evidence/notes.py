"""Signed notes and checkpoints with Ed25519 (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519: Final = b"\x01"


def checkpoint(origin: str, size: int, root: bytes, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """A checkpoint, signed with each of the keys."""
    text = f"{origin}\n{size}\n{_base64(root)}\n"
    lines = (f"\u2014 {origin} {_base64(_signature(text, origin, key))}\n" for key in keys)
    return f"{text}\n{''.join(lines)}".encode()


def root_in(note: str) -> bytes:
    """The root in a checkpoint."""
    return b64decode(note.split("\n")[2])


def verifier_key(origin: str, key: Ed25519PublicKey) -> str:
    """The public key in the form that checkers of notes take."""
    public = _ED25519 + key.public_bytes_raw()
    return f"{origin}+{_key_id(origin, key).hex()}+{_base64(public)}"


def _signature(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    return _key_id(name, key.public_key()) + key.sign(text.encode())


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return sha256(f"{name}\n".encode() + _ED25519 + key.public_bytes_raw()).digest()[:4]


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
