"""What loading the connectors costs a server."""

from pathlib import Path

import pytest

from casbah import compose, settings
from casbah.ingest import connectors


def test_a_process_of_a_server_loads_the_connectors_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time takes a tenth of a second."""
    loads = []
    own = connectors._own
    monkeypatch.setattr(connectors, "_own", lambda: loads.append(1) or own())
    with compose.build(settings.read({}, store=str(tmp_path), audit="off")) as built:
        assert "okta" in built.services.connectors
    assert len(loads) == 1
