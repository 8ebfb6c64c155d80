"""Signed notes, checkpoints and cosignatures (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).

With Ed25519, the text of a checkpoint is signed, and by a witness its time as well. With ML-DSA-44, which quantum computers do
not break, logs and witnesses sign in the same way: who signs, when, and the tree. A log says no time there.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from casbah.setting_parsers import WitnessAddress

SigningKey = Ed25519PrivateKey | MLDSA44PrivateKey
PublicKey = Ed25519PublicKey | MLDSA44PublicKey

_ED25519: Final = b"\x01"
_ML_DSA: Final = b"\x06"
_SIGNED: Final = "\u2014 "
_ID, _MOMENT = slice(4), slice(4, 12)
_NO_MOMENT: Final = bytes(8)


def checkpoint(origin: str, size: int, root: bytes, keys: Sequence[SigningKey]) -> bytes:
    """A checkpoint, signed with each of the keys."""
    text = f"{origin}\n{size}\n{base64(root)}\n"
    lines = (f"{_SIGNED}{origin} {base64(_signature(text, origin, key))}\n" for key in keys)
    return f"{text}\n{''.join(lines)}".encode()


def base64(data: bytes) -> str:
    """Bytes as text, as all formats of logs have them."""
    return b64encode(data).decode("ascii")


def origin_in(note: str) -> str:
    """The origin of the log in a checkpoint."""
    return note.partition("\n")[0]


def root_in(note: str) -> bytes:
    """The root in a checkpoint."""
    return b64decode(note.split("\n")[2])


def is_signed(note: str, keys: Sequence[PublicKey]) -> bool:
    """Whether one of the keys has signed a checkpoint."""
    text, _, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    return any(_is_valid(text + "\n", line, origin_in(note), key) for line in lines for key in keys)


def text_of(note: str) -> str:
    """What is signed of a note."""
    return note.partition("\n\n")[0] + "\n"


def size_in(note: str) -> int:
    """The size of the tree in a checkpoint."""
    return int(note.split("\n")[1])


def cosignature(lines: str, text: str, witness: WitnessAddress) -> str | None:
    """The line with a witness's valid cosignature of a checkpoint's text; None without one."""
    for line in lines.split("\n"):
        name, _, encoded = line.removeprefix(_SIGNED).partition(" ")
        if name == witness.name and line.startswith(_SIGNED) and _is_cosigned(encoded, text, witness):
            return line
    return None


def moment_of(line: str) -> int:
    """When a cosignature was made, in seconds since the epoch."""
    return int.from_bytes(b64decode(line.rpartition(" ")[2])[_MOMENT])


def verifier_key(origin: str, key: PublicKey) -> str:
    """The public key in the form that checkers of notes take."""
    return f"{origin}+{_key_id(origin, key).hex()}+{base64(_typed(key))}"


def _signature(text: str, name: str, key: SigningKey) -> bytes:
    key_id = _key_id(name, key.public_key())
    if isinstance(key, Ed25519PrivateKey):
        return key_id + key.sign(text.encode())
    return key_id + _NO_MOMENT + key.sign(_tree_message(name, _NO_MOMENT, text))


def _is_valid(text: str, line: str, name: str, key: PublicKey) -> bool:
    start = f"{_SIGNED}{name} "
    signature = b64decode(line.removeprefix(start)) if line.startswith(start) else b""
    if signature[_ID] != _key_id(name, key):
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature[_ID.stop :], text.encode())
        else:
            key.verify(signature[_MOMENT.stop :], _tree_message(name, signature[_MOMENT], text))
    except InvalidSignature:
        return False
    return True


def _is_cosigned(encoded: str, text: str, witness: WitnessAddress) -> bool:
    try:
        data = b64decode(encoded, validate=True)
        moment, signature = data[_MOMENT], data[_MOMENT.stop :]
        if witness.is_ml_dsa:
            message = _tree_message(witness.name, moment, text)
            MLDSA44PublicKey.from_public_bytes(witness.key).verify(signature, message)
        else:
            message = b"cosignature/v1\ntime %d\n%b" % (int.from_bytes(moment), text.encode())
            Ed25519PublicKey.from_public_bytes(witness.key).verify(signature, message)
    except (binascii.Error, InvalidSignature):
        return False
    return data[_ID] == witness.id


def _tree_message(signer: str, moment: bytes, text: str) -> bytes:
    """What is signed with ML-DSA-44 (tlog-cosignature, `cosigned_message`): the tree from its first entry on."""
    origin, size, root = text.split("\n")[:3]
    names = [bytes([len(name)]) + name for name in (signer.encode(), origin.encode())]
    return b"subtree/v1\n\0" + names[0] + moment + names[1] + bytes(8) + int(size).to_bytes(8) + b64decode(root)


def _key_id(name: str, key: PublicKey) -> bytes:
    return sha256(f"{name}\n".encode() + _typed(key)).digest()[_ID]


def _typed(key: PublicKey) -> bytes:
    """The public key after the type of its signatures."""
    return (_ED25519 if isinstance(key, Ed25519PublicKey) else _ML_DSA) + key.public_bytes_raw()
