"""Where `casbah ingest` stores what it reads."""

import pytest

from casbah.cli.connection import Api
from casbah.cli.sending import ToApi, ToStore
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.preparation import Preparation
from casbah.ingest.read_ahead import Encoded
from casbah.settings import Settings
from casbah.store.contract import Inserted, Inserter
from casbah.store.embedded.document import prepared
from making import arrival, record


class Inserting(Inserter):
    """Says that everything was stored."""

    def insert(self, new_activities, /):
        return Inserted(len(list(new_activities)), 0)


def test_what_was_read_for_another_destination_is_not_left_out() -> None:
    new = arrival(record(1))
    items = [prepared(new), Encoded.of(new)]
    to_store = ToStore(Inserting(), Preparation(Enrichment, prepared), Enrichment())
    with pytest.raises(TypeError, match="Encoded was not prepared for a store"):
        to_store.store(items)
    with pytest.raises(TypeError, match="Prepared was prepared for a store"):
        ToApi(Api(lambda *_, **__: None, Settings())).store(items)
    assert not to_store.store(items[:1]).duplicates
