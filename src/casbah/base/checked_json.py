"""JSON files with a digest of their own, so that a changed bit is an error and never another content."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from casbah.base.fsync import write_file
from casbah.errors import DamagedFileError

_DIGEST = "digest"
_BYTES = 16


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its digest, whole or not at all; it is on disk on return."""
    write_file(file, json.dumps({**content, _DIGEST: _digest_of(content)}, indent=1).encode())


def read_json(file: Path) -> dict[str, Any]:
    """The object in a file, without its digest. Raises DamagedFileError, or FileNotFoundError."""
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
        digest = content.pop(_DIGEST)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedFileError(file, "it is not JSON with a digest") from None
    if digest != _digest_of(content):
        raise DamagedFileError(file, "its content does not match its digest")
    return content


def _digest_of(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=_BYTES).hexdigest()
