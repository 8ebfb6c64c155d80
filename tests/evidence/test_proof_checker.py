"""The checker of proofs accepts every proof of another implementation, and none of 10,000 mutations of them."""

import ast
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cryptography
import pytest
from typer.testing import CliRunner

from casbah import proof_checker
from casbah.proof_checker import NotProvenError, check
from command_line import app
from evidence.proofs import Log, Logged, Signer

FILE = Path(proof_checker.__file__)
MUTATIONS = 10_000
SIGNATURE = "\u2014"


def records(tenant: str, count: int) -> list[Logged]:
    """Records of a tenant, of which every fifth replaced the one before it."""
    chosen, made = random.Random(tenant), []
    for number in range(count):
        added = f'"_id":"{tenant}{number}","created":{1_700_000_000_000 + number},'.encode()
        record = b"{" + added + f'"description":"Log on","user":"{tenant}"}}'.encode()
        earlier = number - 1 if number % 5 == 4 else None
        made.append(Logged(record, len(added), chosen.randbytes(16), number + 1, earlier))
    return made


def signer(name: str, kind: int = 1) -> Signer:
    return Signer(name, random.Random(name).randbytes(32), kind)


WITNESSES = (signer("witness.example/w1", 4), signer("witness.example/w2", 4))
OURS = Log(signer("casbah.example.com/ours/00000001"), records("ours", 200), WITNESSES)
THEIRS = Log(Signer("casbah.example.com/theirs/00000002", OURS.signer.secret), records("theirs", 200), WITNESSES)
ORIGINALS = [(OURS.proof(index), OURS.logged[index].record) for index in range(0, len(OURS.logged), 23)]
FOREIGN = [(THEIRS.proof(index), THEIRS.logged[index].record) for index in range(0, len(THEIRS.logged), 23)]
KEYS = [OURS.signer.verifier]
WITNESS_KEYS = [witness.verifier for witness in WITNESSES]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 40])
def test_every_record_of_a_log_is_proven(size):
    for index in range(size):
        proven = check(OURS.proof(index, size), OURS.logged[index].record, KEYS, WITNESS_KEYS)
        assert (proven.size, proven.index, proven.number) == (size, index, index + 1)
        assert proven.replaces == OURS.logged[index].earlier
        assert proven.witnesses == dict.fromkeys([witness.name for witness in WITNESSES], "2023-11-14T22:13:20Z")


Pair = tuple[bytes, bytes]
"""A proof and the record that it is to prove."""


def edited(chosen: random.Random, proof: bytes, record: bytes) -> Pair:
    if chosen.random() < 0.3:
        return proof, _flipped(chosen, record)
    return _flipped(chosen, proof), record


def deleted(chosen: random.Random, proof: bytes, record: bytes) -> Pair:
    if chosen.random() < 0.3:
        return proof, _without(chosen, record)
    if chosen.random() < 0.5:
        return _without(chosen, proof), record
    lines = proof.splitlines(keepends=True)
    del lines[chosen.randrange(len(lines))]
    return b"".join(lines), record


def reordered(chosen: random.Random, proof: bytes, record: bytes) -> Pair:
    """Lines of the proof or bytes of the record change places; the order of signatures alone means nothing."""
    if chosen.random() < 0.3:
        return proof, bytes(_swapped(chosen, list(record), len(record)))
    lines = proof.splitlines(keepends=True)
    unsigned = sum(not line.startswith(SIGNATURE.encode()) for line in lines)
    return b"".join(_swapped(chosen, lines, unsigned)), record


def inserted(chosen: random.Random, proof: bytes, record: bytes) -> Pair:
    if chosen.random() < 0.3:
        return proof, _with(chosen, record, chosen.randbytes(1))
    if chosen.random() < 0.5:
        return _with(chosen, proof, chosen.randbytes(1)), record
    lines = proof.splitlines(keepends=True)
    lines.insert(chosen.randrange(len(lines) + 1), chosen.choice(lines))
    return b"".join(lines), record


def of_another_tenant(chosen: random.Random, proof: bytes, record: bytes) -> Pair:
    """The same operator has both logs, and signs both with one key."""
    other, their_record = chosen.choice(FOREIGN)
    head, _, signed = proof.partition(b"\n\n")
    their_head, _, their_signed = other.partition(b"\n\n")
    return chosen.choice([
        (other, their_record),
        (other, record),
        (proof, their_record),
        (head + b"\n\n" + their_signed, record),
        (their_head + b"\n\n" + signed, their_record),
    ])  # fmt: skip


def rolled_back(chosen: random.Random, proof: bytes, _record: bytes) -> Pair:
    """The operator signs a shorter log, or one that forks; the witnesses' signatures are of the true one."""
    start = chosen.randrange(1, len(OURS.logged))
    entries = [*OURS.logged[:start], *THEIRS.logged[: chosen.choice([0, 1, 50])]]
    index = chosen.randrange(len(entries))
    forged = Log(OURS.signer, entries).proof(index)
    _, _, cosignatures = proof.partition(f"\n{SIGNATURE} witness.".encode())
    return forged + f"{SIGNATURE} witness.".encode() + cosignatures, entries[index].record


def truncated(chosen: random.Random, proof: bytes, record: bytes) -> Pair:
    if chosen.random() < 0.3:
        return proof, record[: chosen.randrange(len(record))]
    return proof[: chosen.randrange(len(proof))], record


def _flipped(chosen: random.Random, data: bytes) -> bytes:
    place = chosen.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chosen.randrange(8)]) + data[place + 1 :]


def _without(chosen: random.Random, data: bytes) -> bytes:
    start = chosen.randrange(len(data))
    return data[:start] + data[start + chosen.randrange(1, 9) :]


def _with(chosen: random.Random, data: bytes, more: bytes) -> bytes:
    place = chosen.randrange(len(data) + 1)
    return data[:place] + more + data[place:]


def _swapped(chosen: random.Random, items: list, among: int) -> list:
    one, two = chosen.sample(range(among), 2)
    items[one], items[two] = items[two], items[one]
    return items


Mutation = Callable[[random.Random, bytes, bytes], Pair]
KINDS: list[Mutation] = [edited, deleted, reordered, inserted, of_another_tenant, rolled_back, truncated]


def test_no_mutation_is_accepted():
    chosen, tried, accepted = random.Random(24), Counter(), []
    kinds = [kind for kind in KINDS if kind is not rolled_back]
    slow = [rolled_back] * (MUTATIONS // 100)  # Each makes a log.
    for kind in [*slow, *(kinds[number % len(kinds)] for number in range(MUTATIONS))]:
        original = chosen.choice(ORIGINALS)
        mutated = kind(chosen, *original)
        if mutated in ORIGINALS:
            continue  # Two equal lines changed places.
        tried[kind.__name__] += 1
        if _accepts(*mutated):
            accepted.append((kind.__name__, *mutated))
    assert accepted == []
    assert sum(tried.values()) >= MUTATIONS * 0.99
    assert min(tried.values()) >= MUTATIONS // 100, tried
    assert all(_accepts(*original) for original in ORIGINALS)


def _accepts(proof: bytes, record: bytes) -> bool:
    try:
        check(proof, record, KEYS, WITNESS_KEYS)
    except NotProvenError:
        return False
    return True


def test_without_a_witness_the_operator_can_sign_any_history():
    """What the checker cannot know, and the documents say: this is what witnesses are for."""
    forged = Log(OURS.signer, THEIRS.logged[:3]).proof(1)
    assert check(forged, THEIRS.logged[1].record, KEYS).witnesses == {}
    with pytest.raises(NotProvenError, match="0 of 2 witnesses signed the checkpoint, and 2 must"):
        check(forged, THEIRS.logged[1].record, KEYS, WITNESS_KEYS)


OTHER = signer("casbah.example.com/ours/00000001-new")
STRANGER = signer("witness.example/w3", 4)
ML_DSA = Log(signer(OURS.signer.name, 6), OURS.logged[:9], [signer("witness.example/w1", 6), WITNESSES[1]])

REFUSED = [
    pytest.param([OTHER.verifier], [], -1, "not signed with a key that was given", id="another key"),
    pytest.param([], [], -1, "not signed with a key that was given", id="no key"),
    pytest.param([WITNESS_KEYS[0]], [], -1, "not a verifier key of a log", id="a witness as the log"),
    pytest.param(KEYS, KEYS, -1, "not a verifier key of a witness", id="the log as a witness"),
    pytest.param(KEYS, [STRANGER.verifier], -1, "0 of 1 witnesses", id="a witness that has not signed"),
    pytest.param(KEYS, [*WITNESS_KEYS, STRANGER.verifier], 3, "2 of 3 witnesses", id="too few witnesses"),
    pytest.param(KEYS, WITNESS_KEYS[:1] * 2, 2, "1 of 2 witnesses", id="one witness named twice counts once"),
    pytest.param([KEYS[0].replace("ours", "them")], [], -1, "does not belong to its name", id="a renamed key"),
    pytest.param(["x"], [], -1, "not a verifier key of a log", id="not a key"),
    pytest.param(["x+00000000+!"], [], -1, "not Base64", id="not Base64"),
]


@pytest.mark.parametrize("keys, witnesses, quorum, why", REFUSED)
def test_keys_that_do_not_suffice(keys, witnesses, quorum, why):
    with pytest.raises(NotProvenError, match=why):
        check(OURS.proof(3), OURS.logged[3].record, keys, witnesses, quorum=quorum)


def test_two_of_three_witnesses_may_suffice():
    proven = check(OURS.proof(3), OURS.logged[3].record, KEYS, [*WITNESS_KEYS, STRANGER.verifier], quorum=2)
    assert sorted(proven.witnesses) == [witness.name for witness in WITNESSES]


def test_any_key_of_the_log_suffices_while_keys_are_rotated():
    assert check(OURS.proof(3), OURS.logged[3].record, [OTHER.verifier, *KEYS]).index == 3


def test_ml_dsa_signs_for_logs_and_for_witnesses():
    keys = [ML_DSA.signer.verifier], [item.verifier for item in ML_DSA.witnesses]
    proof, record = ML_DSA.proof(3), ML_DSA.logged[3].record
    assert check(proof, record, *keys).witnesses == dict.fromkeys(
        [item.name for item in WITNESSES], "2023-11-14T22:13:20Z"
    )
    head, line, rest = proof.partition(f"\n{SIGNATURE} ".encode())
    chosen = random.Random(6)
    for at in (0, *chosen.sample(range(len(rest)), 40)):  # The bits of names, ids, moments and signatures.
        changed = head + line + rest[:at] + bytes([rest[at] ^ 1 << chosen.randrange(6)]) + rest[at + 1 :]
        with pytest.raises(NotProvenError):
            check(changed, record, *keys)
    for size in (8, 9):
        forged = Log(ML_DSA.signer, [*OURS.logged[:2], *THEIRS.logged[: size - 2]]).checkpoint()
        moved = proof.replace(ML_DSA.checkpoint().split("\n")[2].encode(), forged.split("\n")[2].encode())
        with pytest.raises(NotProvenError):
            check(moved, record, *keys)


def test_a_name_that_is_too_long_for_ml_dsa_is_not_proven():
    long = "x" * 256
    forged = ML_DSA.proof(3).replace(ML_DSA.signer.name.encode(), long.encode())
    with pytest.raises(NotProvenError):
        check(forged, ML_DSA.logged[3].record, [Signer(long, ML_DSA.signer.secret, 6).verifier])


def test_the_key_of_one_log_says_nothing_of_another():
    """An auditor who trusts two logs gives the keys of both; the owner of one signs what is to be from the other."""
    proof = OURS.proof(3).decode()
    start = proof.index(f"{SIGNATURE} {OURS.signer.name}")
    text = proof[:start].split("\n\n")[1] + "\n"
    forged = proof[:start] + OTHER.line(text)
    with pytest.raises(NotProvenError, match="not signed with a key that was given"):
        check(forged.encode(), OURS.logged[3].record, [OTHER.verifier, *KEYS])


def test_it_is_one_short_file_that_needs_nothing_of_casbah():
    assert len(FILE.read_text().splitlines()) <= 300
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(FILE.read_text()))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported - sys.stdlib_module_names == {"cryptography"}


@pytest.fixture
def files(tmp_path) -> list[str]:
    (tmp_path / "x.tlog-proof").write_bytes(OURS.proof(4))
    (tmp_path / "x.json").write_bytes(OURS.logged[4].record)
    return [str(tmp_path / "x.tlog-proof"), str(tmp_path / "x.json")]


def test_a_copy_of_the_file_runs_alone(tmp_path, files):
    copy = tmp_path / "checker.py"
    copy.write_bytes(FILE.read_bytes())
    command = [sys.executable, "-S", str(copy), *files, "--key", *KEYS, "--witness", WITNESS_KEYS[0]]
    environment = {**os.environ, "PYTHONPATH": str(Path(cryptography.__file__).parents[1])}
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["index"] == 4
    (tmp_path / "x.json").write_bytes(OURS.logged[5].record)
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("not proven: the record is not the one that was logged")


def test_the_command_says_what_is_proven(files):
    result = CliRunner().invoke(app, ["check", *files, "--key", *KEYS, "--witness", WITNESS_KEYS[0]])
    assert result.output.splitlines() == [
        "the record is entry 4 of 200 in casbah.example.com/ours/00000001, which replaced entry 3",
        "witnessed since 2023-11-14T22:13:20Z by witness.example/w1",
    ]
    as_json = CliRunner().invoke(app, ["check", *files, "--key", *KEYS, "--json"])
    assert json.loads(as_json.stdout) == {
        "origin": OURS.signer.name, "size": 200, "index": 4, "number": 5, "replaces": 3, "witnesses": {},
    }  # fmt: skip


def test_the_command_exits_with_1_if_nothing_is_proven(files):
    result = CliRunner().invoke(app, ["check", *files, "--key", THEIRS.signer.verifier])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("casbah: not proven: the checkpoint of 'casbah.example.com/ours/00000001'")
