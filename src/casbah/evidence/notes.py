"""Signed notes, checkpoints and cosignatures with Ed25519 (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature)."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from casbah.setting_parsers import WitnessAddress

_ED25519: Final = b"\x01"
_SIGNED: Final = "\u2014 "
_MOMENT = slice(4, 12)


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


def text_of(note: str) -> str:
    """What is signed of a note."""
    return note.partition("\n\n")[0] + "\n"


def size_in(note: str) -> int:
    """The size of the tree in a checkpoint."""
    return int(note.split("\n")[1])


def cosignature(lines: str, text: str, witness: WitnessAddress) -> str | None:
    """The line with a witness's valid cosignature of a checkpoint's text; None without one."""
    public = Ed25519PublicKey.from_public_bytes(witness.key)
    for line in lines.split("\n"):
        name, _, encoded = line.removeprefix(_SIGNED).partition(" ")
        if name == witness.name and line.startswith(_SIGNED) and _is_cosigned(encoded, text, witness.id, public):
            return line
    return None


def moment_of(line: str) -> int:
    """When a cosignature was made, in seconds since the epoch."""
    return int.from_bytes(b64decode(line.rpartition(" ")[2])[_MOMENT])


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


def _is_cosigned(encoded: str, text: str, key_id: bytes, public: Ed25519PublicKey) -> bool:
    try:
        data = b64decode(encoded, validate=True)
        public.verify(
            data[_MOMENT.stop :], b"cosignature/v1\ntime %d\n%b" % (int.from_bytes(data[_MOMENT]), text.encode())
        )
    except (binascii.Error, InvalidSignature):
        return False
    return data[: _MOMENT.start] == key_id


def _signature(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    return _key_id(name, key.public_key()) + key.sign(text.encode())


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return sha256(f"{name}\n".encode() + _ED25519 + key.public_bytes_raw()).digest()[:4]


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
