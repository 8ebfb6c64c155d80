"""Keys and their hashes, and the states of a token (`wire.md`, 2)."""

import re
import sqlite3
import stat
from threading import Thread

import pytest

from casbah.errors import BadSettingError, BadTenantError, InvalidTokenError, NoSuchTokenError
from casbah.identity.grants import SCOPES, Permission
from casbah.identity.token import Token, Tokens
from making import NOW

DAY = 86_400_000


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(tmp_path, clock):
    opened = Tokens(tmp_path, clock=clock)
    yield opened
    opened.close()


def anybody(_: str) -> bool:
    return True


def test_key_looks_as_a_widely_used_client_wants_it(tokens):
    key, _ = tokens.create("a", tenant="t")
    assert re.fullmatch(r"[0-9a-zA-Z=]{64,192}", key)


def test_keys_and_ids_differ_even_where_names_do_not(tokens):
    made = [tokens.create("a", tenant="t") for _ in range(50)]
    assert len({key for key, _ in made}) == len({token.id for _, token in made}) == 50


def test_the_key_is_nowhere_on_disk(tokens, tmp_path):
    key, _ = tokens.create("a", tenant="t")
    tokens.caller(key)
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.usefixtures("tokens")
def test_the_database_is_its_owner_s_alone(tmp_path):
    assert stat.S_IMODE((tmp_path / "tokens.db").stat().st_mode) == 0o600


def test_a_caller_has_the_token_s_name_tenant_and_scopes(tokens):
    key, _ = tokens.create("reader", tenant="t1", scopes=["Investigation.read", "Ingest.write"])
    caller = tokens.caller(key)
    assert (caller.name, caller.scope.tenant, caller.scopes, caller.owner) == ("reader", "t1", {"Investigation.read", "Ingest.write"}, False)  # fmt: skip


GRANTED = [
    pytest.param("Investigation.read", {Permission.READ}, id="read"),
    pytest.param("Investigation.manage", {Permission.READ}, id="manage"),
    pytest.param("Ingest.write", {Permission.INGEST}, id="ingest"),
    pytest.param("Admin.manage", {Permission.ADMINISTER}, id="administer"),
]


@pytest.mark.parametrize("scope, permissions", GRANTED)
def test_scope_grants_what_the_table_says_and_no_more(tokens, scope, permissions):
    key, _ = tokens.create("a", tenant="t", scopes=[scope])
    assert {each for each in Permission if scope in each.value} == permissions
    assert tokens.caller(key).scopes == {scope}


def test_every_scope_is_granted_by_default(tokens):
    assert tokens.create("a", tenant="t")[1].scopes == SCOPES
    assert {row.values[0] for row in GRANTED} == set(SCOPES)


STATES = [
    pytest.param(None, None, "Generated", id="never used"),
    pytest.param(0, None, "Active", id="used just now"),
    pytest.param(7 * DAY, None, "Active", id="used 7 days ago"),
    pytest.param(7 * DAY + 1, None, "Inactive", id="used more than 7 days ago"),
    pytest.param(0, 0, "Revoked", id="used and revoked"),
    pytest.param(None, 5, "Revoked", id="revoked and never used"),
]


@pytest.mark.parametrize("used, revoked, status", STATES)
def test_status(used, revoked, status):
    moments = [None if ago is None else NOW - ago for ago in (used, revoked)]
    assert Token("i", "n", "t", SCOPES, NOW - 30 * DAY, *moments).status(NOW) == status


def test_use_is_remembered_to_the_minute(tokens, clock):
    key, made = tokens.create("a", tenant="t")
    assert made.status(clock()) == "Generated"
    seen = []
    for after in (0, 59_999, 60_000, 60_001):
        clock.now = NOW + after
        tokens.caller(key)
        seen.append(tokens.all()[0].used - NOW)
    assert seen == [0, 0, 60_000, 60_000]


def test_a_revoked_token_stops_working_at_once_and_stays_listed(tokens, clock):
    key, made = tokens.create("a", tenant="t")
    tokens.caller(key)
    tokens.revoke(made.id, governs=anybody)
    with pytest.raises(InvalidTokenError):
        tokens.caller(key)
    assert [token.status(clock()) for token in tokens.all()] == ["Revoked"]


def test_revoking_by_name_needs_one_in_use_of_that_name(tokens):
    first, _ = tokens.create("same", tenant="t")
    _, second = tokens.create("same", tenant="t")
    with pytest.raises(NoSuchTokenError):
        tokens.revoke("same", governs=anybody)
    tokens.revoke(second.id, governs=anybody)
    tokens.revoke("same", governs=anybody)
    with pytest.raises(InvalidTokenError):
        tokens.caller(first)
    with pytest.raises(NoSuchTokenError):
        tokens.revoke("same", governs=anybody)


def test_only_tokens_that_the_caller_governs_can_be_revoked(tokens):
    key, made = tokens.create("a", tenant="t")
    for which in (made.id, "a"):
        with pytest.raises(NoSuchTokenError):
            tokens.revoke(which, governs=lambda tenant: tenant == "other")
    assert tokens.caller(key).name == "a"


BAD_KEYS = [
    pytest.param("", id="nothing"),
    pytest.param("0" * 63, id="too short"),
    pytest.param("0" * 193, id="too long"),
    pytest.param("0" * 80, id="unknown"),
    pytest.param("0" * 79 + "-", id="a character that no key has"),
    pytest.param("0" * 79 + "\n", id="a line feed at the end"),
    pytest.param("é" * 80, id="beyond ASCII"),
    pytest.param("٣" * 80, id="digits of another script"),
    pytest.param("\ud800" * 80, id="lone surrogates"),
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_is_none_is_invalid(tokens, key):
    with pytest.raises(InvalidTokenError):
        tokens.caller(key)


def test_a_key_in_another_case_or_with_something_after_it_is_another_key(tokens):
    key, _ = tokens.create("a", tenant="t")
    for other in (key.upper(), key + "0", key[:-1], f" {key}"):
        with pytest.raises(InvalidTokenError):
            tokens.caller(other)


@pytest.mark.parametrize(
    "scopes", [[], ["Everything.do"], ["Investigation.read", "investigation.manage"], [""]], ids=str
)
def test_unknown_scopes_are_refused(tokens, scopes):
    with pytest.raises(BadSettingError, match=r"Investigation\.read"):
        tokens.create("a", tenant="t", scopes=scopes)
    assert tokens.all() == []


@pytest.mark.parametrize("tenant", ["", "T", "a/b", "..", ".a", "-a", "a" * 65, "é", "a b", "a\n"], ids=repr)
def test_a_tenant_s_name_is_plain(tokens, tenant):
    with pytest.raises(BadTenantError):
        tokens.create("a", tenant=tenant)


def test_tokens_are_listed_oldest_first_without_their_keys(tokens, clock):
    keys = []
    for number in range(3):
        clock.now = NOW + number
        keys.append(tokens.create(f"n{number}", tenant="t")[0])
    assert [token.name for token in tokens.all()] == ["n0", "n1", "n2"]
    assert not any(key in repr(tokens.all()) for key in keys)


def test_tokens_outlive_the_process(tmp_path, clock):
    first = Tokens(tmp_path, clock=clock)
    key, _ = first.create("a", tenant="t", scopes=["Investigation.read"])
    gone, made = first.create("b", tenant="t")
    first.revoke(made.id, governs=anybody)
    first.close()
    again = Tokens(tmp_path, clock=clock)
    assert again.caller(key).scopes == {"Investigation.read"}
    with pytest.raises(InvalidTokenError):
        again.caller(gone)
    again.close()


def test_two_processes_share_the_tokens(tokens, tmp_path, clock):
    """The command line makes and revokes tokens while a server runs."""
    beside = Tokens(tmp_path, clock=clock)
    key, made = beside.create("a", tenant="t")
    assert tokens.caller(key).name == "a"
    beside.revoke(made.id, governs=anybody)
    beside.close()
    with pytest.raises(InvalidTokenError):
        tokens.caller(key)


def test_many_threads_at_once(tokens):
    keys: list[str] = []

    def work() -> None:
        for number in range(10):
            key, _ = tokens.create(f"n{number}", tenant="t")
            tokens.caller(key)
            keys.append(key)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == len(tokens.all()) == 80


def test_a_name_is_data(tokens):
    name = "'); drop table token; -- \x00 é"
    tokens.create(name, tenant="t")
    assert [token.name for token in tokens.all()] == [name]
    tokens.revoke(name, governs=anybody)


def test_after_closing_nothing_answers(tmp_path, clock):
    closed = Tokens(tmp_path, clock=clock)
    closed.close()
    with pytest.raises(sqlite3.ProgrammingError):
        closed.all()
