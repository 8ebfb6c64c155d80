"""The salt of a record goes where the record goes: into snapshots, copies and what is salvaged; so commitments hold there."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from casbah.activity.tenant import TenantId
from casbah.base.key_value import FolderKeyValueStore
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import Logs, log_folder
from casbah.evidence.tenant_log import Signer
from casbah.operations.backup.copying import copied
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.integrity.salvage import salvage
from evidence.auditor import agrees, commitment, holds, parsed
from making import NOW, arrival, query, record

TENANT = TenantId("acme")
COUNT = 30


def store_of(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(folder, clock=lambda: NOW)


def logs_of(store: EmbeddedStore, folder: Path) -> Logs:
    signer = Signer("casbah.example.com", signing_keys(folder))
    return Logs(store, lambda tenant: log_folder(folder, tenant), signer, seconds=5)


def by_snapshot(folder: Path, into: Path) -> None:
    into.mkdir()
    with closing(store_of(folder)) as source:
        source.snapshot(into)


def by_copy(folder: Path, into: Path) -> None:
    with closing(store_of(folder)) as source, closing(store_of(into)) as target:
        assert sum(report.stored for _, report in copied(source, target, TENANT)) == COUNT


def by_salvage(folder: Path, into: Path) -> None:
    with ExitStack() as stack, closing(store_of(into)) as target:

        def key_values(collection: str) -> FolderKeyValueStore:
            return stack.enter_context(closing(FolderKeyValueStore(into, collection)))

        saved = salvage(folder, target, key_values, room=into, progress=lambda _: None)
    assert (saved.records, saved.lost) == (COUNT, [])


@pytest.mark.parametrize("put", [by_snapshot, by_copy, by_salvage])
def test_commitments_hold_in_a_copy(tmp_path: Path, put: Callable[[Path, Path], None]) -> None:
    folder, into = tmp_path / "store", tmp_path / "copy"
    with closing(store_of(folder)) as store, closing(logs_of(store, folder)) as logs:
        sent = [  # The store adds the time of storing.
            {key: value for key, value in record(number).items() if key != "created"} for number in range(COUNT)
        ]
        store.tenant(TENANT).insert([arrival(each) for each in sent])
        store.tenant(TENANT).replace([arrival(record(3, description="again"))])
        log = logs.of("acme")
        log.advance()
        before = {parsed(entry).commitment for entry in agrees(log, store.tenant(TENANT))}
        proofs, keys = {number: log.proof(f"activity-{number}") for number in (3, 7)}, log.verifier_keys
    put(folder, into)
    with closing(store_of(into)) as store, closing(logs_of(store, into)) as logs:
        tenant, log = store.tenant(TENANT), logs.of("acme")
        for number, proof in proofs.items():
            assert holds(proof, tenant.fetch(f"activity-{number}"), keys), "the proof from the first log"
        stored = tenant.sealed(after=0, limit=1_000).records
        assert len(stored) == COUNT
        assert {commitment(item.salt, item.record, item.added) for item in stored} <= before
        log.advance()
        assert {parsed(entry).commitment for entry in agrees(log, tenant)} <= before, "the new log commits to the same"
        tenant.delete(query({"activity.id": {"eq": ["activity-7"]}}).predicate)
        assert tenant.sealed_record("activity-7") is None
        agrees(log, tenant)
