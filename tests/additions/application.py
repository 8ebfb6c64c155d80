"""The application of a proof: a new store in a temporary folder, and a token with every permission."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.identity.permissions import SCOPES
from making import arrival
from scenarios.inprocess import Asker, Reply

TENANT = TenantId("contoso")


@contextmanager
def application(*records: Mapping[str, Any]) -> Iterator[tuple[Asker, compose.Application]]:
    """A requester, and its application, which holds these records."""
    with TemporaryDirectory() as folder, compose.build(settings.read({}, store=str(Path(folder)))) as built:
        if records:
            built.services.store.tenant(TENANT).insert(map(arrival, records))
        key, _ = built.services.tokens.create("ada", tenant=TENANT.name, scopes=SCOPES)
        yield Asker(built.app, key), built


def post(ask: Asker, path: str, **body: Any) -> Reply:
    return ask("POST", path, json.dumps(body).encode())
