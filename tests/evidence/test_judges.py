"""Programs that nobody here wrote judge the logs that Casbah serves: `make evidence`."""

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence import judges
from evidence.proofs import Log, Logged, Signer

PROOFS, CHECKPOINTS, MUTATIONS = 10_000, 100, 10_000
ENTRIES = 10_100
HONEST = {"same", "continued"}
REFUSALS = {400, 409, 422}


@dataclass(frozen=True)
class Judged:
    """A log, what an auditor keeps of it, and the key with which its owner signs."""

    log: str
    verifier: str
    kept: Path
    signer: Path
    bearer: str = ""

    @property
    def origin(self) -> str:
        return self.verifier.partition("+")[0]


@pytest.fixture(scope="module", autouse=True)
def _judges(request):
    if not request.config.getoption("--evidence"):
        pytest.skip("make evidence")
    assert not judges.lacking()
    judges.build()


def model(folder: Path, tenant: str, size: int, checkpoints: int) -> Judged:
    """A log that the tests make."""
    secret, chosen = random.Random("one key").randbytes(32), random.Random(tenant)
    entries = [Logged(b'{"n":%d}' % number, 0, chosen.randbytes(16), number + 1) for number in range(size)]
    log = Log(Signer(f"casbah.example.com/{tenant}/00000001", secret), entries)
    log.write(folder / "log")
    (folder / "kept").mkdir()
    for number in range(1, checkpoints + 1):
        kept = number * size // checkpoints
        (folder / "kept" / str(kept)).write_text(log.checkpoint(kept))
    (folder / "signer").write_text(log.signer.private)
    return Judged(str(folder / "log"), log.signer.verifier, folder / "kept", folder / "signer")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Judged:
    return model(tmp_path_factory.mktemp("large"), "large", ENTRIES, CHECKPOINTS)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Judged:
    return model(tmp_path_factory.mktemp("small"), "small", 600, 3)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Judged:
    """The log of another tenant of the same server, which signs with the same key."""
    return model(tmp_path_factory.mktemp("other"), "other", 300, 1)


def judge(command: str, judged: Judged, **options) -> tuple[int, dict, str]:
    return judges.judge(command, log=judged.log, key=judged.verifier, bearer=judged.bearer, **options)


def test_sumdb_verifies_every_entry_and_proofs_and_checkpoints(large):
    code, result, error = judge("verify", large, kept=large.kept, count=PROOFS)
    assert (code, error) == (0, "")
    assert result["size"] == result["entries"] >= ENTRIES
    assert (result["inclusion"], result["consistency"]) == (PROOFS, CHECKPOINTS)
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


def rewritten(judged: Judged, how: str, folder: Path) -> Judged:
    """What the owner of a log might serve and sign instead."""
    code, _, error = judge("rewrite", judged, signer=judged.signer, how=how, out=folder)
    assert code == 0, error
    return Judged(str(folder), judged.verifier, judged.kept, judged.signer)


REWRITES = [
    pytest.param("edited", 0, id="the same size with another entry"),
    pytest.param("edited and continued", 0, id="another entry and more after it"),
    pytest.param("deleted", 0, id="without one entry and with more after it"),
    pytest.param("truncated", 0, id="truncated, and said to continue the larger"),
    pytest.param("truncated", -1, id="truncated, and said to continue itself"),
]


def test_the_witness_cosigns_and_refuses_other_histories(large, witness, tmp_path):
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
    _, result, _ = judge("submit", rewritten(large, "continued", tmp_path / "on"), witness=witness.url, old=size)
    assert (result["status"], witness.size(large.origin)) == (200, size + 1)


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
    url = large.log if large.log.startswith("http") else f"file://{large.log}"
    output = judges.fsck(url, key, large.bearer)
    assert "failed" not in output
    assert re.findall(r"Successfully fsck'd log with size (\d+) and root (\S+)", output) == [
        (str(result["size"]), result["root"])
    ]
