"""A house without a server."""

from contextlib import ExitStack

import pytest

from casbah import compose, settings
from scenarios.inprocess import Asker


@pytest.fixture
def opened(tmp_path):
    """Opens a house with the settings given; an Asker with the owner's key."""
    with ExitStack() as stack:

        def open_one(**given):
            house = stack.enter_context(compose.build(settings.read({}, store=str(tmp_path / "store"), **given)))
            return Asker(house.app, house.local_key)

        yield open_one


@pytest.fixture
def house(tmp_path):
    """With the default settings."""
    with compose.build(settings.read({}, store=str(tmp_path))) as built:
        yield built


@pytest.fixture
def ask(opened):
    return opened()


@pytest.fixture
def shipper(ask):
    """Asks with a token that may do nothing but ingest."""
    made = ask("POST", "/api/ext/v1/tokens", b'{"name": "shipper", "scopes": ["Ingest.write"]}')
    return Asker(ask.app, made.json["token"])
