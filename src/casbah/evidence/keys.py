"""The keys that sign checkpoints: a PEM file that only the store's owner can read. Several keys while they are rotated.

A line with the public key is above each key: a flipped bit would make it another valid key, with which nobody could check.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from casbah.base.fsync import make_folder, sync_folder, sync_into
from casbah.errors import DamagedFileError
from casbah.evidence.notes import SigningKey

FILE: Final = "log-keys.pem"
_KEY = re.compile(
    rb"Public key: ([A-Za-z0-9+/=]+)\n(-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END PRIVATE KEY-----\n)"
)


class SigningAlgorithm(StrEnum):
    """How a key signs."""

    ED25519 = "ed25519"
    ML_DSA_44 = "ml-dsa-44"


_GENERATE: Final[Mapping[SigningAlgorithm, Callable[[], SigningKey]]] = {
    SigningAlgorithm.ED25519: Ed25519PrivateKey.generate,
    SigningAlgorithm.ML_DSA_44: MLDSA44PrivateKey.generate,
}


def signing_keys(folder: Path) -> Sequence[SigningKey]:
    """The keys of a store, of which every one signs. The first key is made if there is no file. Raises DamagedFileError."""
    file = folder / FILE
    if not file.exists():
        add_key(folder)
    content, place, keys = file.read_bytes(), 0, list[SigningKey]()
    while (match := _KEY.match(content, place)) and (key := _key(*match.groups())):
        keys.append(key)
        place = match.end()
    if not keys or place < len(content):
        problem = f"key {len(keys) + 1}, at byte {place}, is not a signing key in PEM (PKCS #8) below its public key"
        raise DamagedFileError(file, problem)
    return keys


def add_key(folder: Path, algorithm: SigningAlgorithm = SigningAlgorithm.ED25519) -> None:
    """Add a new key. Those before it sign as well, until they are removed from the file."""
    make_folder(folder, mode=0o700)
    file = folder / FILE
    known = file.read_bytes() if file.exists() else b""
    key = _GENERATE[algorithm]()
    public = b"Public key: " + b64encode(key.public_key().public_bytes_raw()) + b"\n"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    sync_into(draft, [known, public, private], mode=0o600)
    draft.replace(file)
    sync_folder(folder)


def _key(public: bytes, private: bytes) -> SigningKey | None:
    """The key, if it is the one that its public key says."""
    try:
        key = load_pem_private_key(private, None)
        if isinstance(key, SigningKey) and key.public_key().public_bytes_raw() == b64decode(public):
            return key
    except (ValueError, UnsupportedAlgorithm, InternalError):
        pass
    return None
