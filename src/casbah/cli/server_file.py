"""The file in a store's folder where the server that runs on it keeps its address and a key for its owner's commands."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_FILE = "server.json"


def read(store: Path) -> Mapping[str, str]:
    """The address, key and certificate of the server that runs on a store, or ran until it was killed; empty if unknown."""
    try:
        content = json.loads((store / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: str(value) for name, value in content.items()} if isinstance(content, dict) else {}


@contextmanager
def announced(store: Path, *, url: str, key: str, certificate: Path | None = None) -> Iterator[None]:
    """Keep the address and key of this process in the store, readable by its owner only, while it serves."""
    file, draft = store / _FILE, store / f"{_FILE}.new"
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        more = {} if certificate is None else {"certificate": str(certificate.absolute())}
        json.dump({"url": url, "key": key, "pid": os.getpid(), **more}, opened)
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
