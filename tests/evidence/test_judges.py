"""Programs that nobody here wrote judge the logs that Casbah serves: `make evidence`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from casbah.proof_checker import NotProvenError, check
from evidence import judges
from evidence.served import LOG, Filled, Served, batches, entry_of, events_of
from serving.conftest import Running, serving

PROOFS, CHECKPOINTS, MUTATIONS = 10_000, 100, 10_000
SOURCES = ("okta", "cloudtrail", "microsoft365", "entra_signin", "github")
HONEST = {"same", "continued"}
REFUSALS = {400, 409, 422}


@pytest.fixture(scope="module", autouse=True)
def _judges(request):
    judges.require(request)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served") / "store", log_name="casbah.example.com", log_delay="1") as running:
        yield running


@dataclass(frozen=True)
class Acme:
    """A tenant, with proofs that were made before activities were enriched again or deleted."""

    filled: Filled
    replaced: dict[str, tuple[bytes, bytes]]
    deleted: dict[str, tuple[bytes, bytes]]


@pytest.fixture(scope="module")
def acme(server, tmp_path_factory) -> Acme:
    """Real events and made-up ones, of which some were enriched again and some deleted."""
    filled = Filled(server, "acme", tmp_path_factory.mktemp("acme") / "kept")
    for source in SOURCES:
        filled.store(events_of(source), source)
    *some, last = batches(CHECKPOINTS - len(SOURCES) - 2, 110)
    for batch in some:
        filled.store(batch)
    replaced, deleted = ([event["_id"] for event in batch[::3]] for batch in some[:2])
    before = Acme(filled, filled.proofs(replaced), filled.proofs(deleted))
    filled.label("192.0.2.0/24")
    filled.enrich({"activity.id": {"eq": replaced}})
    filled.delete({"activity.id": {"eq": deleted}})
    filled.store(last)
    return before


@pytest.fixture(scope="module")
def large(acme) -> Served:
    return acme.filled.served()


@pytest.fixture(scope="module")
def small(server, tmp_path_factory) -> Served:
    filled = Filled(server, "small", tmp_path_factory.mktemp("small") / "kept")
    for batch in batches(3, 200):
        filled.store(batch)
    return filled.served()


@pytest.fixture(scope="module")
def other(server, tmp_path_factory) -> Served:
    """The log of another tenant of the same server, which signs with the same key."""
    filled = Filled(server, "other", tmp_path_factory.mktemp("other") / "kept")
    filled.store(batches(1, 300)[0])
    return filled.served()


def judge(command: str, judged: Served, **options) -> tuple[int, dict, str]:
    return judges.judge(command, log=judged.log, key=judged.verifier, bearer=judged.bearer, **options)


def test_sumdb_verifies_every_entry_and_proofs_and_checkpoints(large):
    code, result, error = judge("verify", large, kept=large.kept, count=PROOFS)
    assert (code, error) == (0, "")
    assert result["size"] == result["entries"] >= PROOFS
    assert (result["inclusion"], result["consistency"]) == (PROOFS, CHECKPOINTS)
    activities, replacements, erasures = result["kinds"][1:4]
    assert (activities > PROOFS, replacements > 1, erasures) == (True, True, 1)
    print(result)


def test_sumdb_refuses_every_mutation(small, other):
    code, result, error = judge("mutate", small, kept=small.kept, other=other.log, signer=small.signer, count=MUTATIONS)
    assert (code, error, result["accepted"]) == (0, "", [])
    assert result["continued"] is True
    tallies = result["mutations"]
    assert len(tallies) == 7
    assert all(tally["tried"] == tally["refused"] >= MUTATIONS // 7 for tally in tallies.values())
    print(json.dumps(tallies))


@pytest.fixture(scope="module")
def witness(large):
    with judges.witness() as running:
        running.know(large.origin, large.verifier)
        yield running


def rewritten(judged: Served, how: str, folder: Path) -> Served:
    """What the owner of a log might serve and sign instead."""
    code, _, error = judge("rewrite", judged, signer=judged.signer, how=how, out=folder)
    assert code == 0, error
    return replace(judged, log=str(folder))


REWRITES = [
    pytest.param("edited", 0, id="the same size with another entry"),
    pytest.param("edited and continued", 0, id="another entry and more after it"),
    pytest.param("deleted", 0, id="without one entry and with more after it"),
    pytest.param("truncated", 0, id="truncated, and said to continue the larger"),
    pytest.param("truncated", -1, id="truncated, and said to continue itself"),
]


def test_the_witness_cosigns_and_refuses_other_histories(acme, large, witness, tmp_path):
    code, result, error = judge("submit", large, witness=witness.url, old=0)
    assert (code, error, result["status"]) == (0, "", 200)
    size = witness.size(large.origin)
    assert size == result["size"]
    for number, row in enumerate(REWRITES):
        how, off = row.values
        forged = rewritten(large, how, tmp_path / str(number))
        _, refused, _ = judge("submit", forged, witness=witness.url, old=size + off)
        print(row.id, refused["status"])
        assert refused["status"] in REFUSALS, row.id
        assert witness.size(large.origin) == size, row.id
    assert_cosigned(acme, large, witness, cosignature=result["body"])
    _, result, _ = judge("submit", rewritten(large, "continued", tmp_path / "on"), witness=witness.url, old=size)
    assert (result["status"], witness.size(large.origin)) == (200, size + 1)


def assert_cosigned(acme: Acme, large: Served, witness: judges.Witness, *, cosignature: str) -> None:
    """A proof with the cosignature of the witness is one that it has witnessed, for our own checker too."""
    (activity,) = acme.filled.client.post("/api/v1/activities/", json={"limit": 1}).json()["data"]
    ((proof, record),) = acme.filled.proofs([activity["_id"]]).values()
    proven = check(proof + cosignature.encode(), record, [large.verifier], [witness.verifier])
    assert list(proven.witnesses) == [witness.verifier.partition("+")[0]]
    with pytest.raises(NotProvenError, match="0 of 1 witnesses"):
        check(proof, record, [large.verifier], [witness.verifier])


def test_only_those_who_keep_a_checkpoint_notice_a_history_that_is_signed_again(small, tmp_path):
    """What docs/evidence.md says that a log alone does not promise."""
    forged = rewritten(small, "edited", tmp_path)
    assert judge("verify", forged, count=1)[0] == 0
    code, _, error = judge("verify", forged, count=1, kept=small.kept)
    assert code == 1
    assert "judge: " in error


def test_fsck_derives_the_root_from_what_is_served(large, tmp_path):
    key = tmp_path / "key"
    key.write_text(large.verifier)
    _, result, _ = judge("verify", large, count=1)
    output = judges.fsck(large.log, key, large.bearer)
    assert "failed" not in output
    assert re.findall(r"Successfully fsck'd log with size (\d+) and root (\S+)", output) == [
        (str(result["size"]), result["root"])
    ]


def test_sumdb_and_our_own_checker_verify_proofs(acme, large, tmp_path):
    listed = acme.filled.client.post("/api/v1/activities/", json={"limit": 250}).json()["data"]
    proofs = acme.filled.proofs([activity["_id"] for activity in listed])
    for number, (proof, record) in enumerate(proofs.values()):
        assert len(proof) <= 2_000
        check(proof, record, [large.verifier])
        (tmp_path / f"{number}.tlog-proof").write_bytes(proof)
        (tmp_path / f"{number}.entry").write_bytes(entry_of(proof))
    assert judge("proofs", large, proofs=tmp_path) == (0, {"proofs": len(listed)}, "")
    (tmp_path / "0.entry").write_bytes(entry_of(proof))
    assert judge("proofs", large, proofs=tmp_path)[0] == 1


def test_who_kept_a_record_and_its_proof_needs_neither_the_store_nor_the_present_record(acme, large):
    for name, (proof, record) in acme.replaced.items():
        assert check(proof, record, [large.verifier]).replaces is None
        now = acme.filled.proofs([name])[name]
        if now[1] != record:
            assert check(*now, [large.verifier]).replaces == check(proof, record, [large.verifier]).index
            with pytest.raises(NotProvenError):
                check(proof, now[1], [large.verifier])
    for name, (proof, record) in acme.deleted.items():
        assert check(proof, record, [large.verifier]).origin == large.origin
        assert acme.filled.client.get(f"{LOG}/proofs/{name}").status_code == 404
