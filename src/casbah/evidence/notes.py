"""Signed notes and checkpoints with Ed25519 (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
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


def is_signed(note: str, keys: Sequence[Ed25519PublicKey]) -> bool:
    """Whether one of the keys has signed a checkpoint."""
    text, _, signatures = note.rpartition("\n\n")
    origin = text.split("\n")[0]
    lines = signatures.split("\n")
    return any(_is_valid(text + "\n", line, origin, key) for line in lines for key in keys)


def verifier_key(origin: str, key: Ed25519PublicKey) -> str:
    """The public key in the form that checkers of notes take."""
    public = _ED25519 + key.public_bytes_raw()
    return f"{origin}+{_key_id(origin, key).hex()}+{_base64(public)}"


def _is_valid(text: str, line: str, name: str, key: Ed25519PublicKey) -> bool:
    start = f"\u2014 {name} "
    signature = b64decode(line.removeprefix(start)) if line.startswith(start) else b""
    if signature[:4] != _key_id(name, key):
        return False
    try:
        key.verify(signature[4:], text.encode())
    except InvalidSignature:
        return False
    return True


def _signature(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    return _key_id(name, key.public_key()) + key.sign(text.encode())


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return sha256(f"{name}\n".encode() + _ED25519 + key.public_bytes_raw()).digest()[:4]


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
