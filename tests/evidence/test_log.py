"""The log agrees with the store, whatever happens to the store; an auditor recomputes it (`auditor.py`)."""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from casbah.activity.tenant import TenantId
from casbah.base import fsync
from casbah.errors import ActivityNotFoundError, DamagedFileError, RouteNotFoundError
from casbah.evidence import log_files, tenant_log
from casbah.evidence.keys import FILE, SigningAlgorithm, add_key, signing_keys
from casbah.evidence.logs import Logs, end_before_deleting, log_folder
from casbah.evidence.tenant_log import Signer, TenantLog
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.sealed import SealedRecord, SealedRecords
from evidence.auditor import Checkpoint, agrees, checked, holds, parsed, root_of
from making import NOW, arrival, copies_of, query, record

TENANT = TenantId("acme")


@contextmanager
def opened(folder: Path, *, name: str = "casbah.example.com") -> Iterator[tuple[EmbeddedStore, Logs]]:
    signer = Signer(name, signing_keys(folder))
    with (
        closing(EmbeddedStore(folder, clock=lambda: NOW)) as store,
        closing(Logs(store, lambda tenant: log_folder(folder, tenant), signer, seconds=5)) as logs,
    ):
        yield store, logs


def store_some(store: EmbeddedStore, first: int, last: int) -> None:
    store.tenant(TENANT).insert([arrival(by(number)) for number in range(first, last)])


def by(number: int, **keys):
    return record(number, user={"userName": f"user-{number % 7}"}, **keys)


def delete(store: EmbeddedStore, user: str) -> int:
    return store.tenant(TENANT).delete(query({"user.username": {"eq": [user]}}).predicate)


def test_every_record_has_an_entry_and_a_proof(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 700)
        log = logs.of("acme")
        log.advance()
        assert len(agrees(log, store.tenant(TENANT))) == 700
        for number in (0, 255, 256, 699):
            proof = log.proof(f"activity-{number}")
            stored = store.tenant(TENANT).fetch(f"activity-{number}")
            assert holds(proof, stored, log.verifier_keys)
            assert not holds(proof, stored.replace(b"11161", b"11162"), log.verifier_keys)
            assert len(proof) < 2_000
        with pytest.raises(ActivityNotFoundError):
            log.proof("none")


def test_a_replaced_record_has_a_new_entry_and_its_old_proof_holds(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 10)
        log = logs.of("acme")
        earlier, stored = log.proof("activity-3"), store.tenant(TENANT).fetch("activity-3")
        store.tenant(TENANT).replace([arrival(by(3, description="enriched"))])
        later, replaced = log.proof("activity-3"), store.tenant(TENANT).fetch("activity-3")
        assert holds(earlier, stored, log.verifier_keys)
        assert holds(later, replaced, log.verifier_keys)
        assert not holds(earlier, replaced, log.verifier_keys)
        entries = agrees(log, store.tenant(TENANT))
        assert (len(entries), parsed(entries[-1]).kind, parsed(entries[-1]).earlier) == (11, 2, 3)


def test_a_record_that_is_replaced_while_its_proof_is_made_is_no_damage(tmp_path, monkeypatch):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 10)
        log, tenant = logs.of("acme"), store.tenant(TENANT)
        log.advance()
        read, times = type(tenant).sealed_record, []

        def replaced_meanwhile(self, activity_id):
            times.append(activity_id)
            if len(times) == 1:  # After the log was brought up to date.
                tenant.replace([arrival(by(3, description="enriched"))])
            record = read(self, activity_id)
            if len(times) == 2:  # After the record was read.
                tenant.replace([arrival(by(3, description="enriched again"))])
                log.advance()
            return record

        monkeypatch.setattr(type(tenant), "sealed_record", replaced_meanwhile)
        proof = log.proof("activity-3")
        stored = tenant.fetch("activity-3")
        assert b"enriched again" in stored
        assert holds(proof, stored, log.verifier_keys)


def test_a_fuller_copy_replaces_too(tmp_path):
    partial, full = copies_of("a", NOW)
    with opened(tmp_path) as (store, logs):
        store.tenant(TENANT).insert([partial])
        logs.of("acme").advance()
        store.tenant(TENANT).insert([full])
        logs.of("acme").advance()
        assert [parsed(entry).kind for entry in agrees(logs.of("acme"), store.tenant(TENANT))] == [1, 2]


def test_an_erasure_names_what_is_gone_and_leaves_other_proofs_valid(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 600)
        log = logs.of("acme")
        proofs = {number: log.proof(f"activity-{number}") for number in (1, 2, 3)}
        store_some(store, 600, 650)  # Not in the log yet when they are deleted.
        assert delete(store, "user-1") == 93
        while store.tenant(TENANT).compact():
            pass
        entries = agrees(log, store.tenant(TENANT))
        assert set(parsed(entries[-1]).erased) == {number for number in range(650) if number % 7 == 1}
        for number in (2, 3):
            assert holds(proofs[number], store.tenant(TENANT).fetch(f"activity-{number}"), log.verifier_keys)
        log.advance()
        assert len(entries) == 651, "compaction adds nothing"
        with pytest.raises(ActivityNotFoundError):
            log.proof("activity-1")


def test_if_the_log_cannot_be_written_nothing_is_deleted(tmp_path, monkeypatch):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 20)
        logs.of("acme").advance()
        monkeypatch.setattr(tenant_log.TenantLog, "erase", _fails)
        with pytest.raises(OSError, match="full"):
            delete(store, "user-1")
        assert store.tenant(TENANT).fetch("activity-1") is not None


def _fails(*_: object) -> None:
    raise OSError("full")


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_changes(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(tenant_log, "_AT_ONCE", 40)
    dice, seen, next_number = random.Random(seed), list[tuple[Checkpoint, str]](), 0
    for _ in range(4):
        with opened(tmp_path) as (store, logs):
            tenant, log = store.tenant(TENANT), logs.of("acme")
            for _ in range(dice.randint(3, 12)):
                match dice.choice(["store", "store", "replace", "delete", "compact", "advance"]):
                    case "store":
                        count = dice.choice([1, 30, 300])
                        store_some(store, next_number, next_number + count)
                        next_number += count
                    case "replace":
                        some = [dice.randrange(next_number + 1) for _ in range(dice.choice([1, 50]))]
                        tenant.replace([arrival(by(number, description=str(dice.random()))) for number in some])
                    case "delete":
                        delete(store, f"user-{dice.randrange(7)}")
                    case "compact":
                        tenant.compact()
                    case "advance":
                        log.advance()
            log.advance()
            entries = agrees(log, tenant)
            seen.append((checked(log.checkpoint, log.verifier_keys), log.origin))
            assert len({origin for _, origin in seen}) == 1
            for checkpoint, _ in seen:
                assert root_of(entries[: checkpoint.size]) == checkpoint.root, "history was rewritten"


class Canned:
    """As many records as are wanted, none of which is stored."""

    def __init__(self) -> None:
        self.last = 0

    def high_water_mark(self) -> int:
        return self.last

    def sealed(self, *, after: int, limit: int) -> SealedRecords:
        numbers = range(after + 1, min(after + limit, self.last) + 1)
        return SealedRecords([self._record(number) for number in numbers], numbers[-1] if numbers else self.last)

    def replaced(self, *, after: int, limit: int) -> SealedRecords:  # noqa: ARG002  the contract
        return SealedRecords([], self.last)

    def sealed_record(self, activity_id: str, /) -> SealedRecord | None:
        return self._record(int(activity_id))

    def _record(self, number: int) -> SealedRecord:
        return SealedRecord(number, number, number.to_bytes(16), 0, b'{"_id":"%d"}' % number)


def test_a_tree_of_many_tiles(tmp_path):
    tenant = Canned()
    log = TenantLog(tmp_path / "log", "acme", tenant, Signer("casbah.example.com", signing_keys(tmp_path)))
    for tenant.last in (22_000, 65_536, 65_537, 131_300):
        log.advance()
    entries = agrees(log, tenant)
    assert len(log.tile(1, 1, 256)) == 8_192
    assert log.tile(2, 0, 1) == root_of(entries[:65_536])
    with pytest.raises(RouteNotFoundError):
        log.tile(2, 0, 3)
    for number in (1, 65_536, 65_537, 131_300):
        assert holds(log.proof(str(number)), b'{"_id":"%d"}' % number, log.verifier_keys)
    log.close()


@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_the_keys_are_private_and_can_be_rotated(tmp_path, algorithm):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 3)
        (old,) = logs.of("acme").verifier_keys
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    add_key(tmp_path, algorithm)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    with opened(tmp_path) as (_, logs):
        log = logs.of("acme")
        assert len(log.verifier_keys) == 2
        assert log.verifier_keys[0] == old
        assert log.checkpoint.count("\u2014") == 2
        checked(log.checkpoint, log.verifier_keys)
    (tmp_path / FILE).write_text("".join((tmp_path / FILE).read_text().splitlines(keepends=True)[4:]))
    with opened(tmp_path) as (_, logs):
        assert logs.of("acme").verifier_keys == log.verifier_keys[1:]
        checked(logs.of("acme").checkpoint, logs.of("acme").verifier_keys)


def test_a_key_from_a_backup_continues_the_log(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 3)
        logs.of("acme").advance()
        before = logs.of("acme").verifier_keys
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).write_bytes(content)
    with opened(tmp_path) as (_, logs):
        assert logs.of("acme").verifier_keys == before
        assert logs.of("acme").size == 3


def test_if_the_key_is_lost_a_new_log_with_a_new_key_names_the_old_one(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 3)
        log = logs.of("acme")
        before, proof, old = log.checkpoint, log.proof("activity-1"), log.verifier_keys
    (tmp_path / FILE).unlink()
    with opened(tmp_path) as (store, logs):
        log = logs.of("acme")
        assert log.origin != old[0].split("+")[0]
        entries = agrees(log, store.tenant(TENANT))
        assert entries[0] == b"\x04" + before.encode()
        assert len(entries) == 4
        stored = store.tenant(TENANT).fetch("activity-1")
        assert holds(proof, stored, old), "the proof of the log before"
        assert holds(log.proof("activity-1"), stored, log.verifier_keys)
    with opened(tmp_path) as (_, logs):
        assert logs.of("acme").origin == log.origin


def test_no_flipped_bit_makes_another_key(tmp_path):
    add_key(tmp_path)
    right, content = [key.private_bytes_raw() for key in signing_keys(tmp_path)], (tmp_path / FILE).read_bytes()
    errors: list[str] = []
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / FILE).write_bytes(flipped)
        try:
            assert [key.private_bytes_raw() for key in signing_keys(tmp_path)] == right
        except DamagedFileError as error:
            errors.append(str(error))
    assert all("log-keys.pem is damaged: key " in error for error in errors)
    assert len(errors) > len(content) * 8 - 40, "only the last bits of Base64 may mean nothing"


def test_another_name_of_the_server_begins_a_log_that_continues(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 3)
        before = logs.of("acme").checkpoint
    with opened(tmp_path, name="other.example.com") as (store, logs):
        entries = agrees(logs.of("acme"), store.tenant(TENANT))
        assert logs.of("acme").origin.startswith("other.example.com/acme/")
        assert entries[0] == b"\x04" + before.encode()
        assert len(entries) == 4


def test_a_deletion_without_a_log_ends_the_log(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 20)
        before = logs.of("acme").checkpoint
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        end_before_deleting(store, lambda tenant: log_folder(tmp_path, tenant))
        delete(store, "user-1")
    with opened(tmp_path) as (store, logs):
        entries = agrees(logs.of("acme"), store.tenant(TENANT))
        assert entries[0] == b"\x04" + before.encode()


def test_a_state_that_may_be_on_disk_is_not_overwritten(tmp_path, monkeypatch):
    """The state was renamed into place, and syncing its folder failed: after a kill it is there, so other entries may not be."""
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 3)
        log = logs.of("acme")
        log.advance()
        store_some(store, 3, 6)
        monkeypatch.setattr(fsync, "sync_folder", _fails)
        with pytest.raises(OSError, match="full"):
            log.advance()
        assert checked(log.checkpoint, log.verifier_keys).size == 3
        monkeypatch.undo()
        store.tenant(TENANT).replace([arrival(by(4, description="enriched"))])
        monkeypatch.setattr(log_files, "write_json", _fails)
        with pytest.raises(OSError, match="full"):
            log.advance()
        monkeypatch.undo()
    with opened(tmp_path) as (store, logs):
        log = logs.of("acme")
        log.advance()
        assert [parsed(entry).kind for entry in agrees(log, store.tenant(TENANT))] == [1] * 6 + [2]


@pytest.mark.parametrize("name", ["entries", "bundles", "row0", "row1", "replaced", "state.json"])
def test_a_file_cut_short_is_an_error(tmp_path, name):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 300)
        logs.of("acme").advance()
        store.tenant(TENANT).replace([arrival(by(3, description="enriched"))])
        logs.of("acme").advance()
    (file,) = tmp_path.glob(f"tenants/acme/log/*/{name}")
    file.write_bytes(file.read_bytes()[:-1])
    with opened(tmp_path) as (_, logs), pytest.raises(DamagedFileError):
        logs.of("acme")


@pytest.mark.parametrize(("name", "at"), [("row0", 256 * 32), ("row0", 299 * 32), ("row1", 0)])
def test_a_log_is_not_continued_from_other_hashes_than_were_signed(tmp_path, name, at):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 300)
        log = logs.of("acme")
        log.advance()
        before = log.checkpoint
        (file,) = tmp_path.glob(f"tenants/acme/log/*/{name}")
        content = bytearray(file.read_bytes())
        content[at] ^= 1
        file.write_bytes(content)
        store_some(store, 300, 301)
        with pytest.raises(DamagedFileError, match="root that was signed"):
            log.advance()
        with pytest.raises(DamagedFileError, match="root that was signed"):
            delete(store, "user-1")
        assert log.checkpoint == before
    with opened(tmp_path) as (_, logs), pytest.raises(DamagedFileError, match="root that was signed"):
        logs.of("acme")


@pytest.mark.parametrize("at", [0, 7, 8, 13, 15, 16, 23])
def test_a_flipped_bit_among_replacements_is_an_error_that_names_the_row(tmp_path, at):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 300)
        logs.of("acme").advance()
        store.tenant(TENANT).replace([arrival(by(3, description="enriched"))])
        logs.of("acme").advance()
    (file,) = tmp_path.glob("tenants/acme/log/*/replaced")
    content = bytearray(file.read_bytes())
    content[at] ^= 2
    file.write_bytes(content)
    with opened(tmp_path) as (_, logs), pytest.raises(DamagedFileError, match=r"replaced is damaged: row 0 does not"):
        logs.of("acme").proof("activity-3")


def test_an_entry_that_is_damaged_is_not_named_by_an_erasure(tmp_path):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 300)
        logs.of("acme").advance()
        (file,) = tmp_path.glob("tenants/acme/log/*/entries")
        content = bytearray(file.read_bytes())
        content[8 * 43 + 10] ^= 1  # Of entry 8: it seems to be of the activity of entry 9, or of that before.
        file.write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"entries is damaged: entry 8 does not match its hash in row0"):
            delete(store, "user-1")
        assert store.tenant(TENANT).fetch("activity-8") is not None


@pytest.mark.parametrize("name", ["entries", "row0"])
def test_a_flipped_bit_is_no_proof(tmp_path, name):
    with opened(tmp_path) as (store, logs):
        store_some(store, 0, 300)
        logs.of("acme").advance()
    (file,) = tmp_path.glob(f"tenants/acme/log/*/{name}")
    content = bytearray(file.read_bytes())
    content[33] ^= 4
    file.write_bytes(content)
    with opened(tmp_path) as (_, logs), pytest.raises(DamagedFileError):
        logs.of("acme").proof("activity-0")
