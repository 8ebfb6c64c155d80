"""Witnesses cosign the checkpoints of a log, and a log that they know another history of is stopped."""

import json
import logging
import random
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from casbah import settings
from casbah.errors import BadSettingError, CannotRenewError, DamagedFileError, LogStoppedError
from casbah.evidence import conflict, notes, witnessed_log, witnessed_trees, witnesses
from casbah.evidence.witnessed_trees import WitnessedTree, WitnessedTrees
from casbah.identity.permissions import TENANT_HEADER
from casbah.operations.backup.snapshots import Snapshots
from casbah.proof_checker import NotProvenError, check
from casbah.services import kept_logs
from casbah.store.contract import CheckState
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.integrity.verification import verify
from command_line import app
from evidence import proofs
from evidence.auditor import entries_of
from evidence.witness import FakeWitness, witness
from evidence.witnessed import TENANT, copied, grow, opened, proven, put_back
from making import NOW, arrival, record
from scenarios.server import serving

DAY = 86_400


@pytest.fixture
def three() -> Iterator[list[FakeWitness]]:
    with ExitStack() as stack:
        yield [stack.enter_context(witness(number)) for number in (1, 2, 3)]


@pytest.fixture
def one(three) -> FakeWitness:
    return three[0]


def test_checkpoints_and_proofs_have_the_cosignatures(tmp_path, three):
    with opened(tmp_path, *three) as (store, logs):
        log = grow(store, logs, 0, 300)
        text = log.witnessed.signed.partition("\n\n")[0] + "\n"
        assert log.checkpoint == log.witnessed.signed + "".join(item.line(text) for item in three)
        result = proven(store, log, 7, *three)
        assert result.witnesses == {item.signer.name: "2023-11-14T22:13:20Z" for item in three}
        assert len(log.proof("activity-7")) <= 2_000
        for size in (301, 512, 513, 1_000):
            log = grow(store, logs, log.size, size)
            assert {tree[0] for item in three for tree in item.trees.values()} == {size}
        assert [item.problem for item in logs.witnesses] == ["", "", ""]


def test_a_witness_may_sign_with_ml_dsa(tmp_path):
    with witness(4, kind=6) as item, opened(tmp_path, item) as (store, logs):
        log = grow(store, logs, 0, 30)
        assert proven(store, log, 7, item).witnesses == {item.signer.name: "2023-11-14T22:13:20Z"}
        assert [state.problem for state in logs.witnesses] == [""]


def test_a_proof_of_ten_million_entries_with_three_witnesses_has_at_most_2_kb(three):
    """Its path has one hash per level; the rest is that of a real proof."""
    with_path = 24 * 45
    text = "casbah.example.com/acme/5f3a9c01\n10000000\n" + "A" * 43 + "=\n"
    log = proofs.Signer("casbah.example.com/acme/5f3a9c01", bytes(32))
    head = "c2sp.org/tlog-proof@v1\nextra " + "A" * 96 + "\nindex 9999999\n"
    assert (
        len(head)
        + with_path
        + len(text)
        + 2
        + len(log.line(text).encode())
        + sum(len(item.line(text).encode()) for item in three)
        <= 2_048
    )


def test_a_proof_says_since_when_its_entry_is_witnessed(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        grow(store, logs, 0, 10)
        one.now += DAY
        grow(store, logs, 10, 20)
        one.now += 60
        grow(store, logs, 20, 30)
        one.now += DAY
        log = grow(store, logs, 30, 40)
        since = [proven(store, log, number, one).witnesses[one.signer.name] for number in (5, 15, 25, 35)]
        assert since == [
            "2023-11-14T22:13:20Z",
            "2023-11-15T22:13:20Z",
            "2023-11-15T22:14:20Z",
            "2023-11-16T22:14:20Z",
        ]
    one.now += DAY
    with opened(tmp_path, one) as (store, logs):
        log = grow(store, logs, 40, 50)
        assert [proven(store, log, number, one).witnesses[one.signer.name] for number in (5, 15, 25, 35)] == since
    assert verify(tmp_path).damage == []


def test_at_most_one_tree_in_ten_minutes_is_kept(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        for number in range(60):
            one.now += 60
            log = grow(store, logs, number, number + 1)
        file = next(tmp_path.rglob(witnessed_trees.FILE))
        assert len(file.read_bytes().splitlines()) == 7
        first = 1_700_000_060
        for number in range(60):
            since = min(log.witnessed.checkpoint_of(number).splitlines()[5:], key=moment)
            assert 0 <= moment(since) - (first + number * 60) <= 600


def moment(line: str) -> int:
    return int.from_bytes(b64decode(line.rpartition(" ")[2])[4:12])


def test_a_witness_that_is_down_delays_nothing_and_is_asked_again_later(tmp_path, three, monkeypatch):
    down, *others = three
    down.broken = 503
    monkeypatch.setattr(witnesses, "_BACKOFF", witnesses.Backoff(30.0, 30.0, jitter=0.0))
    with opened(tmp_path, *three) as (store, logs):
        log = grow(store, logs, 0, 10)
        log = grow(store, logs, 10, 20)
        assert len(down.requests) == 1, "it is left out for a while"
        assert proven(store, log, 7, *others)
        with pytest.raises(NotProvenError, match="2 of 3 witnesses"):
            proven(store, log, 7, *three)
        (state, *rest) = logs.witnesses
        assert (state.name, state.size, state.problem) == (down.signer.name, 0, "it answered 503")
        assert state.age > 0
        assert [(item.size, item.age, item.problem) for item in rest] == [(20, 0.0, "")] * 2
        (problem,) = logs.problems
        assert re.fullmatch(rf"witness {down.signer.name} is [0-9,]+ s behind: it answered 503", problem)


def test_a_witness_that_is_back_cosigns_what_was_signed_last(tmp_path, three, monkeypatch):
    down = three[0]
    down.broken = 500
    monkeypatch.setattr(witnesses, "_BACKOFF", witnesses.Backoff(0.0, 0.0))
    with opened(tmp_path, *three) as (store, logs):
        log = grow(store, logs, 0, 10)
        down.broken = 0
        logs.ask()
        assert proven(store, log, 7, *three)
        assert logs.problems == []


def test_a_slow_witness_delays_no_signature(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        log = logs.of("acme")
        one.open.clear()
        logs.begin()
        try:
            store.tenant(TENANT).insert([arrival(record(1))])
            until(lambda: len(one.requests) == 1)
            store.tenant(TENANT).insert([arrival(record(2))])
            log.advance()
            assert (log.size, one.trees) == (2, {}), "it has not answered yet"
        finally:
            one.open.set()
        until(lambda: one.trees.get(log.origin, (0,))[0] == 2)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_the_checkpoint_of_a_moment_ago_is_served_until_the_next_one_is_cosigned(tmp_path, one, monkeypatch):
    monkeypatch.setattr(witnessed_log, "_FRESH_SECONDS", 1_000.0)
    with opened(tmp_path, one) as (store, logs):
        log = grow(store, logs, 0, 10)
        cosigned = log.checkpoint
        store.tenant(TENANT).insert([arrival(record(10))])
        log.advance()
        assert (log.checkpoint, notes.size_in(log.witnessed.signed)) == (cosigned, 11)
        monkeypatch.setattr(witnessed_log, "_FRESH_SECONDS", 0.0)
        assert log.checkpoint == log.witnessed.signed
        monkeypatch.setattr(witnessed_log, "_FRESH_SECONDS", 1_000.0)
        assert log.checkpoint == log.witnessed.signed, "a served log never shrinks"
        logs.ask()
        assert log.checkpoint.count("\u2014") == 2


def test_a_log_is_stopped_until_no_witness_is_in_conflict_with_it(older, three):
    one, second, _ = three
    second.trees.update(one.trees)
    with opened(older, one, second) as (_, logs):
        assert len(logs.of("acme").witnessed.conflicts) == 2
    one.trees.clear()
    with opened(older, one, second) as (store, logs):
        assert [item.witness for item in logs.of("acme").witnessed.conflicts] == [second.signer.name]
        with pytest.raises(LogStoppedError):
            grow(store, logs, 20, 21)
    with opened(older, one) as (store, logs):
        assert grow(store, logs, 20, 21).size == 11


def test_a_proof_of_what_was_stored_just_now_has_the_cosignatures(tmp_path, three):
    given = {"log_name": "casbah.example.com", "log_witnesses": ",".join(item.setting for item in three)}
    with serving(tmp_path, **given) as (url, application):
        application.services.store.tenant(TENANT).insert([arrival(record(1))])
        headers = {"Authorization": f"Token {application.local_key}", TENANT_HEADER: "acme"}
        with httpx.Client(base_url=url, headers=headers) as client:
            keys = client.get("/api/ext/v1/log/keys").text.splitlines()
            proof = client.get("/api/ext/v1/log/proofs/activity-1").raise_for_status().content
            stored = client.get("/api/v1/activities/activity-1/").content
            assert len(check(proof, stored, keys, [item.verifier for item in three]).witnesses) == 3
            export = client.post("/api/ext/v1/exports", json={"format": "ndjson"}).json()["id"]
            until(lambda: client.get(f"/api/ext/v1/exports/{export}").json()["state"] == "ready")
            proven = client.post(f"/api/ext/v1/log/exports/{export}").raise_for_status().json()
            result = check(proven["proof"].encode(), proven["record"].encode(), keys, [item.verifier for item in three])
            assert len(result.witnesses) == 3


def test_a_quorum_that_is_not_reached_is_no_witnessed_tree(tmp_path, three, monkeypatch):
    monkeypatch.setattr(witnesses, "_BACKOFF", witnesses.Backoff(0.0, 0.0))
    for item in three[1:]:
        item.broken = 404
    with opened(tmp_path, *three, quorum=2) as (store, logs):
        log = grow(store, logs, 0, 10)
        assert log.checkpoint == log.witnessed.signed
        three[1].broken = 0
        logs.ask()
        assert proven(store, log, 7, *three[:2])


def test_what_no_witness_has_signed_is_ignored(tmp_path, one):
    other = FakeWitness(proofs.Signer(one.signer.name, bytes(32), kind=4))
    one.line = lambda text: "\u2014 nobody AAAA\nnonsense\n" + other.line(text)  # type: ignore[method-assign]
    with opened(tmp_path, one) as (store, logs):
        log = grow(store, logs, 0, 10)
        assert log.checkpoint == log.witnessed.signed
        assert logs.witnesses[0].problem == "its answer has no valid cosignature"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:1", id="nothing listens there"),
        pytest.param("https://127.0.0.1:1", id="nor with TLS"),
        pytest.param("http://\u0300.example", id="a name that is not valid"),
    ],
)
def test_a_witness_that_cannot_be_reached_is_down(tmp_path, one, url):
    with opened(tmp_path, FakeWitness(one.signer, url)) as (store, logs):
        assert grow(store, logs, 0, 10).size == 10
        assert logs.witnesses[0].problem


def test_a_server_that_starts_again_learns_what_the_witness_knows(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        grow(store, logs, 0, 10)
    with opened(tmp_path) as (store, logs):
        grow(store, logs, 10, 20)
    with opened(tmp_path, one) as (store, logs):
        log = logs.of("acme")
        assert one.trees[log.origin][0] == 20
        assert proven(store, log, 15, one)


@pytest.fixture
def older(tmp_path, one) -> Path:
    """A store that was put back as it was before the witness cosigned five entries more."""
    with opened(tmp_path, one) as (store, logs):
        grow(store, logs, 0, 10)
    before = copied(tmp_path)
    with opened(tmp_path, one) as (store, logs):
        grow(store, logs, 10, 15)
    put_back(tmp_path, before)
    return tmp_path


def test_a_log_of_an_older_copy_signs_nothing(older, one, caplog):
    with caplog.at_level(logging.ERROR), opened(older, one) as (store, logs):
        store.tenant(TENANT).insert([arrival(record(number)) for number in range(10, 30)])
        log = logs.of("acme")
        with pytest.raises(LogStoppedError):
            log.advance()
        with pytest.raises(LogStoppedError):
            log.erase([1])
        assert log.size == 10
        reason = "it has cosigned a tree of 15 entries, and the log has 10"
        assert (logs.stopped, logs.problems[0]) == (
            1,
            f"a log is stopped: witness {one.signer.name} knows another history: {reason}; {conflict.NEXT_STEP}",
        )
        assert f"the log {log.origin} is stopped: witness {one.signer.name}" in caplog.text
        assert proven(store, log, 7, one), "of what the log has, there are proofs"
        with pytest.raises(LogStoppedError):
            log.proof("activity-25")
        (damage,) = verify(older).damage
        assert damage.file.startswith("tenants/acme/log/")
        assert reason in damage.problem
        assert "casbah log renew" in damage.problem


def test_a_stopped_log_is_still_stopped_when_the_witness_is_down(older, one, caplog):
    with opened(older, one) as (_, logs):
        logs.of("acme")
    one.broken = 500
    caplog.clear()
    with opened(older, one) as (store, logs), pytest.raises(LogStoppedError):
        grow(store, logs, 10, 20)
    assert "is stopped: witness" in caplog.text, "a server that starts again says so again"


def test_a_log_is_continued_once_the_witness_agrees_or_is_no_longer_asked(older, one, three):
    with opened(older, one) as (_, logs):
        known = one.trees[logs.of("acme").origin]
        assert logs.stopped == 1
    with opened(older, three[1]) as (store, logs):
        assert grow(store, logs, 20, 21).size == 11
    one.trees.clear()
    with opened(older, one) as (_, logs):
        assert logs.stopped == 0
        assert known[0] == 15
    assert verify(older).damage == []


@pytest.mark.parametrize("more", [0, 1], ids=["cosigned", "signed since"])
def test_a_restored_store_names_the_last_checkpoint_with_the_cosignatures_it_has(tmp_path, one, more):
    with opened(tmp_path / "a", one) as (store, logs):
        log = grow(store, logs, 0, 10)
        cosigned = log.checkpoint
        store.tenant(TENANT).insert([arrival(record(number)) for number in range(10, 10 + more)])
        log.advance()
        snapshot = Snapshots(tmp_path / "a", store, clock=lambda: NOW, logs=logs).make()
        copy = (tmp_path / "a" / "snapshots" / snapshot.id).rename(tmp_path / "b")
        named = log.witnessed.signed if more else cosigned
        assert cosigned.count("\n\u2014 ") == 2
    with opened(copy) as (_, logs):
        log = logs.of("acme")
        log.advance()
        assert entries_of(log, log.size)[0] == b"\x04" + named.encode()


def test_a_log_with_another_name_names_the_last_checkpoint_with_its_cosignatures(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        known = grow(store, logs, 0, 10).checkpoint
    with opened(tmp_path, one, name="other.example.com") as (_, logs):
        log = logs.of("acme")
        log.advance()
        assert entries_of(log, log.size)[0] == b"\x04" + known.encode()


@pytest.mark.parametrize("count", [5, 6, 4], ids=["as many entries", "more entries", "fewer entries"])
def test_another_history_is_noticed_while_the_server_runs(older, one, count, monkeypatch):
    """The witness is down at the start, so the log is continued as another one."""
    monkeypatch.setattr(witnesses, "_BACKOFF", witnesses.Backoff(0.0, 0.0))
    one.broken = 500
    with opened(older, one) as (store, logs):
        grow(store, logs, 90, 90 + count)
        one.broken = 0
        logs.ask()
        assert logs.stopped == 1
        with pytest.raises(LogStoppedError):
            grow(store, logs, 80, 81)


def test_a_damaged_list_of_witnessed_trees_is_noticed(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        grow(store, logs, 0, 10)
        one.now += DAY
        grow(store, logs, 10, 20)
    file = next(tmp_path.rglob(witnessed_trees.FILE))
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"size": 10', b'"size": 11'))
    assert [item.file.rpartition("/")[2] for item in verify(tmp_path).damage] == [witnessed_trees.FILE]
    with opened(tmp_path, one) as (_, logs), pytest.raises(DamagedFileError):
        logs.of("acme")
    file.write_bytes(content[:-7])
    with opened(tmp_path, one) as (store, logs):
        assert proven(store, grow(store, logs, 20, 21), 15, one), "what a crash left of a line is written again"
    assert verify(tmp_path).damage == []


def test_a_flipped_bit_of_the_list_never_makes_another_proof(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        for first in (0, 10, 20):
            grow(store, logs, first, first + 10)
            one.now += DAY
    file = next(tmp_path.rglob(witnessed_trees.FILE))
    content, dice, noticed = file.read_bytes(), random.Random(1), 0
    for _ in range(25):
        place = dice.randrange(len(content))
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :])
        try:
            with opened(tmp_path, one) as (store, logs):
                assert proven(store, logs.of("acme"), 15, one)
        except DamagedFileError:
            noticed += 1
    assert noticed >= 20


def test_a_later_cosignature_of_a_kept_tree_is_added(tmp_path, three):
    lines = [item.line("origin\n1\nAAAA\n").strip() for item in three]
    trees = WitnessedTrees(tmp_path)
    trees.add(WitnessedTree(1, "AAAA", (lines[0],)))
    trees.add(WitnessedTree(1, "AAAA", (lines[0], lines[1])))
    trees.add(WitnessedTree(1, "AAAA", (lines[2],)))
    assert trees.covering(0) == WitnessedTree(1, "AAAA", tuple(lines))
    trees.keep()
    assert WitnessedTrees(tmp_path).covering(0) == WitnessedTree(1, "AAAA", tuple(lines))
    assert trees.covering(1) is None


KEY = proofs.Signer("witness.example/w1", bytes(32), kind=4).verifier
OTHER = proofs.Signer("witness.example/w2", bytes(32), kind=4).verifier
THIRD = proofs.Signer("witness.example/w1", bytes([1]) * 32, kind=4).verifier


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(KEY, "separated by commas", id="no address"),
        pytest.param(f"{KEY} ftp://w.example", "separated by commas", id="another scheme"),
        pytest.param(f"{KEY} https://[w", "address of witness.example/w1", id="no host"),
        pytest.param(f"{KEY[:-4]} https://w.example", "type 4", id="cut short"),
        pytest.param(KEY.replace("w1+", "w2+") + " https://w.example", "does not match", id="another name"),
        pytest.param(proofs.Signer("a", bytes(32)).verifier + " https://w.example", "type 4", id="the key of a log"),
        pytest.param(f"{KEY} https://a.example, {OTHER} https://b.example", "same key", id="one key twice"),
        pytest.param(f"{KEY} https://a.example, {THIRD} https://b.example", "same name", id="one name twice"),
    ],
)
def test_witnesses_that_cannot_be_used_are_refused(text, problem):
    with pytest.raises(BadSettingError, match=problem):
        settings.read({}, log_witnesses=text)


def test_several_witnesses_are_read():
    text = (
        f"{KEY} https://a.example/w/,\n {proofs.Signer('b', bytes([1]) * 32, kind=4).verifier}  http://b.example:8080"
    )
    read = settings.read({}, log_witnesses=text).log_witnesses
    assert [(item.name, item.url) for item in read] == [
        ("witness.example/w1", "https://a.example/w"),
        ("b", "http://b.example:8080"),
    ]


def test_a_quorum_of_more_witnesses_than_there_are_is_refused(tmp_path):
    chosen = settings.read(
        {}, store=str(tmp_path), log_name="a", log_witnesses=f"{KEY} https://a.example", log_quorum="2"
    )
    with (
        closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store,
        pytest.raises(BadSettingError, match="CASBAH_LOG_QUORUM"),
        kept_logs(chosen, store),
    ):
        pass


@pytest.mark.parametrize("is_kept", [False, True], ids=["the last witnessed checkpoint", "a checkpoint kept elsewhere"])
def test_a_renewed_log_names_a_checkpoint_that_the_witness_knows(tmp_path, one, is_kept):
    with opened(tmp_path, one) as (store, logs):
        cosigned = grow(store, logs, 0, 10).checkpoint
    before = copied(tmp_path)
    with opened(tmp_path, one) as (store, logs):
        kept = grow(store, logs, 10, 15).checkpoint
    put_back(tmp_path, before)
    with opened(tmp_path, one) as (store, logs):
        assert logs.of("acme").witnessed.conflicts
    if is_kept:
        (tmp_path / "kept").write_text(kept)
    command = ["log", "renew", "--tenant", "acme", "--store", str(tmp_path)]
    command += ["--checkpoint", str(tmp_path / "kept")] * is_kept
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    with opened(tmp_path, one) as (store, logs):
        log = grow(store, logs, 20, 21)
        assert entries_of(log, 1)[0] == b"\x04" + (kept if is_kept else cosigned).encode()
        assert (log.size, logs.problems) == (12, [])
        assert proven(store, log, 7, one)
    assert verify(tmp_path).damage == []


def test_a_log_is_renewed_from_its_own_checkpoints_alone(tmp_path, one):
    with opened(tmp_path, one) as (store, logs):
        log = grow(store, logs, 0, 10)
        forged = proofs.Signer(log.origin, bytes(32))
    text = f"{log.origin}\n12\n{proofs.base64(bytes(32))}\n"
    (tmp_path / "kept").write_text(f"{text}\n{forged.line(text)}")
    command = ["log", "renew", "--store", str(tmp_path)]
    (tmp_path / "cut").write_text(f"{text}\n\u2014 {log.origin} AAA")
    for more in ("kept", "cut"):
        result = CliRunner().invoke(app, [*command, "--tenant", "acme", "--checkpoint", str(tmp_path / more)])
        assert isinstance(result.exception, CannotRenewError)
    assert isinstance(CliRunner().invoke(app, [*command, "--tenant", "other"]).exception, CannotRenewError)


def test_a_server_shows_its_witnesses_and_what_is_wrong(older, one, monkeypatch):
    given = {"log_name": "casbah.example.com", "log_witnesses": one.setting}
    with serving(older, **given) as (url, application):
        application.writer.logs.of("acme")
        headers = {"Authorization": f"Token {application.local_key}"}
        name = one.signer.name
        ready = httpx.get(f"{url}/readyz").json()
        assert ready["status"] == "ready"
        assert ready["log"][0].startswith(f"a log is stopped: witness {name} knows another history: it has cosigned")
        shown = httpx.get(f"{url}/metrics", headers=headers).text
        assert "casbah_log_stopped 1.0" in shown
        assert f'casbah_log_witness_cosigned_entries{{witness="{name}"}} 0.0' in shown
        assert f'casbah_log_witness_age_seconds{{witness="{name}"}}' in shown
    monkeypatch.setenv("CASBAH_LOG_NAME", given["log_name"])
    monkeypatch.setenv("CASBAH_LOG_WITNESSES", given["log_witnesses"])
    result = CliRunner().invoke(app, ["doctor", "--json", "--store", str(older)])
    findings = {item["what"]: item for item in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert findings["witnesses"]["seen"] == name
    assert findings["transparency log"]["state"] == CheckState.ERROR
    assert "casbah log renew" in findings["transparency log"]["seen"]
