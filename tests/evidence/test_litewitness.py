"""litewitness, which nobody here wrote, as the witness of a server: `make evidence`."""

from itertools import pairwise

import pytest

from casbah.errors import LogStoppedError
from casbah.evidence import witnesses
from evidence import judges
from evidence.witnessed import copied, grow, opened, proven, put_back


@pytest.fixture(scope="module", autouse=True)
def _judges(request):
    judges.require(request, "litewitness")


@pytest.fixture(scope="module")
def witness():
    with judges.witness() as running:
        yield running


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(witnesses, "_BACKOFF", witnesses.Backoff(0.0, 0.0))


@pytest.fixture
def known(tmp_path, witness):
    """The origin of a log in this folder, which the witness knows."""
    with opened(tmp_path) as (_, logs):
        log = logs.of("acme")
        witness.know(log.origin, log.verifier_keys[0])
        return log.origin


def test_it_cosigns_the_checkpoints_of_a_log_as_it_grows(tmp_path, witness, known):
    with opened(tmp_path, witness) as (store, logs):
        for before, size in pairwise([0, 1, 2, 3, 255, 256, 257, 700]):
            log = grow(store, logs, before, size)
            assert witness.size(known) == size
        (name,) = proven(store, log, 7, witness).witnesses
        assert name == witness.verifier.partition("+")[0]
        assert len(log.proof("activity-7")) <= 2_000
        assert logs.problems == []
    with opened(tmp_path, witness) as (store, logs):
        assert grow(store, logs, 700, 701).checkpoint.count("\u2014") == 2
        assert witness.size(known) == 701


def test_it_does_not_cosign_a_log_that_it_does_not_know(tmp_path, witness):
    with opened(tmp_path, witness) as (store, logs):
        log = grow(store, logs, 0, 10)
        assert log.checkpoint == log.witnessed.signed
        assert "unknown log" in logs.problems[0]
        witness.know(log.origin, log.verifier_keys[0])
        logs.ask()
        assert proven(store, log, 7, witness)
        assert logs.problems == []


@pytest.mark.parametrize("count", [0, 4, 5, 6], ids=["truncated", "shorter", "rewritten", "rewritten and longer"])
def test_a_log_that_it_knows_another_history_of_is_stopped(tmp_path, witness, known, count):
    with opened(tmp_path, witness) as (store, logs):
        grow(store, logs, 0, 10)
    before = copied(tmp_path)
    with opened(tmp_path, witness) as (store, logs):
        grow(store, logs, 10, 15)
    put_back(tmp_path, before)
    if count:
        with opened(tmp_path) as (store, logs):
            grow(store, logs, 90, 90 + count)
    with opened(tmp_path, witness) as (store, logs):
        log = logs.of("acme")
        assert logs.stopped == 1
        assert witness.size(known) == 15
        with pytest.raises(LogStoppedError):
            grow(store, logs, 20, 21)
        assert log.size == 10 + count
    print(count, logs.problems[0])
