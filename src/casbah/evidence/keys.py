"""The keys that sign checkpoints: a PEM file that only the store's owner can read. Several keys while they are rotated."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from casbah.base.fsync import make_folder, sync_folder, sync_into
from casbah.errors import DamagedFileError

FILE: Final = "log-keys.pem"
_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n?", re.DOTALL)


def signing_keys(folder: Path) -> Sequence[Ed25519PrivateKey]:
    """The keys of a store, of which every one signs. The first key is made if there is no file. Raises DamagedFileError."""
    file = folder / FILE
    if not file.exists():
        add_key(folder)
    keys = [load_pem_private_key(text, None) for text in _PEM.findall(file.read_bytes())]
    ed25519 = [key for key in keys if isinstance(key, Ed25519PrivateKey)]
    if not ed25519 or len(ed25519) < len(keys):
        raise DamagedFileError(file, "it is not a list of Ed25519 keys in PEM (PKCS #8)")
    return ed25519


def add_key(folder: Path) -> None:
    """Add a new key. Those before it sign as well, until they are removed from the file."""
    make_folder(folder, mode=0o700)
    file = folder / FILE
    known = file.read_bytes() if file.exists() else b""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    sync_into(draft, [known, key], mode=0o600)
    draft.replace(file)
    sync_folder(folder)
