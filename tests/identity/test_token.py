"""Keys and their hashes, and the states of a token (docs/compatibility.md, 2)."""

import hashlib
import json
import re
import sqlite3
import stat
import time
from collections.abc import Sequence
from contextlib import closing
from threading import Thread

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.base.key_value import TOKENS, Entry, FolderKeyValueStore, MemoryKeyValueStore
from casbah.errors import (
    BadSettingError,
    BadTenantError,
    InvalidTokenError,
    KeyValueStoreDamagedError,
    KeyValueStoreUnavailableError,
    NoSuchTokenError,
    ReadOnlyError,
    StoreClosedError,
)
from casbah.identity import last_used
from casbah.identity.permissions import SCOPES, Caller, Permission
from casbah.identity.token import LAST_MS, Token, Tokens, digest
from making import NOW
from scenarios.inprocess import Asker

DAY = 86_400_000
PATH = "/api/ext/v1/tokens"


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
    opened = Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=clock)
    yield opened
    opened.close()


def anybody(_: str) -> bool:
    return True


def test_key_looks_as_a_widely_used_client_wants_it(tokens):
    key, _ = tokens.create("a", tenant="t")
    assert re.fullmatch(r"[0-9a-zA-Z=]{64,192}", key)


def test_keys_and_ids_differ(tokens):
    made = [tokens.create(f"a{number}", tenant="t") for number in range(50)]
    assert len({key for key, _ in made}) == len({token.id for _, token in made}) == 50


def test_the_key_is_nowhere_on_disk(tokens, tmp_path):
    key, _ = tokens.create("a", tenant="t")
    tokens.caller(key)
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.usefixtures("tokens")
def test_the_database_is_its_owner_s_alone(tmp_path):
    assert stat.S_IMODE((tmp_path / "tokens.db").stat().st_mode) == 0o600


def test_a_token_is_found_by_all_of_its_hash(tokens, tmp_path):
    key, _ = tokens.create("a", tenant="t")
    whole = hashlib.sha256(key.encode()).hexdigest()
    with closing(FolderKeyValueStore(tmp_path, TOKENS)) as key_values:
        (kept,) = key_values.all("token")
        assert (kept.name, digest(key).hex()) == (whole, whole)
        for place, digit in enumerate(whole):
            other = whole[:place] + ("0" if digit != "0" else "1") + whole[place + 1 :]
            (there,) = key_values.all("token")
            key_values.remove("token", there.name)
            key_values.put("token", other, kept.value)
            with pytest.raises(InvalidTokenError):
                tokens.caller(key)


def test_a_caller_has_the_token_s_name_tenant_and_scopes(tokens):
    key, _ = tokens.create("reader", tenant="t1", scopes=["Investigation.read", "Ingest.write"])
    caller = tokens.caller(key)
    assert (caller.name, caller.tenant_id.name, caller.scopes, caller.owner) == ("reader", "t1", {"Investigation.read", "Ingest.write"}, False)  # fmt: skip


GRANTED = [
    pytest.param("Investigation.read", {Permission.READ}, id="read"),
    pytest.param("Investigation.manage", {Permission.READ, Permission.MANAGE}, id="manage"),
    pytest.param("Ingest.write", {Permission.INGEST}, id="ingest"),
    pytest.param("Admin.manage", {Permission.ADMINISTER, Permission.SEE_RULES}, id="administer"),
    pytest.param("Activities.delete", {Permission.DELETE, Permission.CHANGE_RULES, Permission.SEE_RULES}, id="delete"),
    pytest.param("Holds.manage", {Permission.HOLD, Permission.CHANGE_RULES, Permission.SEE_RULES}, id="hold"),
    pytest.param("Tokens.manage", {Permission.TOKENS}, id="tokens"),
]


@pytest.mark.parametrize("scope, permissions", GRANTED)
def test_scope_grants_what_the_table_says_and_no_more(tokens, scope, permissions):
    key, _ = tokens.create("a", tenant="t", scopes=[scope])
    assert {each for each in Permission if scope in each.value} == permissions
    assert tokens.caller(key).scopes == {scope}


@pytest.mark.parametrize("scope, permissions", GRANTED)
def test_a_scope_can_be_granted_only_with_all_of_its_permissions(scope, permissions):
    for held, own in (row.values for row in GRANTED):
        caller = Caller("id", "name", TenantId("t"), frozenset([held]))
        assert caller.may_grant(scope) == (permissions <= own), held


def test_no_two_permissions_are_one():
    """Members of an enum with equal values are one member: a permission would be granted with another."""
    assert list(Permission.__members__) == [permission.name for permission in Permission]


def test_every_scope_is_granted_by_default(tokens):
    assert tokens.create("a", tenant="t")[1].scopes == SCOPES
    assert {row.values[0] for row in GRANTED} == set(SCOPES)


STATES = [
    pytest.param(None, None, "Generated", None, id="never used"),
    pytest.param(0, None, "Active", None, id="used just now"),
    pytest.param(7 * DAY, None, "Active", None, id="used 7 days ago"),
    pytest.param(7 * DAY + 1, None, "Inactive", None, id="used more than 7 days ago"),
    pytest.param(0, 0, "Revoked", None, id="used and revoked"),
    pytest.param(None, 5, "Revoked", None, id="revoked and never used"),
    pytest.param(0, 0, "Revoked", 5, id="revoked, and expired since"),
    pytest.param(0, None, "Expired", 0, id="used, and expired this very moment"),
    pytest.param(None, None, "Expired", 5, id="expired and never used"),
    pytest.param(0, None, "Active", -1, id="expires in a moment"),
]


@pytest.mark.parametrize("used, revoked, status, expired", STATES)
def test_status(used, revoked, status, expired):
    moments = [None if ago is None else NOW - ago for ago in (used, revoked, expired)]
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


def test_of_equal_names_from_an_earlier_version_none_is_revoked_by_name(tokens, tmp_path):
    first, made = tokens.create("same", tenant="t")
    _, second = tokens.create("other", tenant="t")
    rename(tmp_path, second.id, "same")
    with pytest.raises(NoSuchTokenError):
        tokens.revoke("same", governs=anybody)
    assert tokens.caller(first).id == made.id
    tokens.revoke(second.id, governs=anybody)
    tokens.revoke("same", governs=anybody)
    with pytest.raises(InvalidTokenError):
        tokens.caller(first)
    with pytest.raises(NoSuchTokenError):
        tokens.revoke("same", governs=anybody)


def rename(folder, token_id: str, name: str) -> None:
    """Let a token have a name that only an earlier version would have given it."""
    with closing(FolderKeyValueStore(folder, TOKENS)) as key_values:
        for kept in key_values.all("token"):
            if kept.value["id"] == token_id:
                key_values.put("token", kept.name, {**kept.value, "name": name}, over=kept)


def test_an_id_means_its_token_though_another_has_it_for_a_name(tokens):
    _, made = tokens.create("a", tenant="t")
    tokens.create(made.id, tenant="t")
    assert tokens.revoke(made.id, governs=anybody).name == "a"


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
    first = Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=clock)
    key, _ = first.create("a", tenant="t", scopes=["Investigation.read"])
    gone, made = first.create("b", tenant="t")
    first.revoke(made.id, governs=anybody)
    first.close()
    again = Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=clock)
    assert again.caller(key).scopes == {"Investigation.read"}
    with pytest.raises(InvalidTokenError):
        again.caller(gone)
    again.close()


def test_two_processes_share_the_tokens(tokens, tmp_path, clock):
    """The command line makes and revokes tokens while a server runs."""
    others = Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=clock)
    key, made = others.create("a", tenant="t")
    assert tokens.caller(key).name == "a"
    others.revoke(made.id, governs=anybody)
    others.close()
    with pytest.raises(InvalidTokenError):
        tokens.caller(key)


def test_many_threads_at_once(tokens):
    keys: list[str] = []

    def work(thread: int) -> None:
        for number in range(5):
            key, _ = tokens.create(f"n{thread}-{number}", tenant="t")
            tokens.caller(key)
            keys.append(key)

    threads = [Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == len(tokens.all()) == 40


def test_a_name_is_data(tokens):
    name = "'); drop table token; -- é"
    tokens.create(name, tenant="t")
    assert [token.name for token in tokens.all()] == [name]
    tokens.revoke(name, governs=anybody)


def test_after_closing_nothing_answers(tmp_path, clock):
    closed = Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=clock)
    closed.close()
    for ask in (closed.all, lambda: closed.caller("0" * 80), lambda: closed.create("a", tenant="t")):
        with pytest.raises(StoreClosedError):
            ask()


# Tokens that expire.


def test_a_token_works_until_the_moment_it_expires(tokens, clock):
    key, made = tokens.create("a", tenant="t", expires=NOW + DAY)
    assert (made.expires, tokens.all()[0].expires) == (NOW + DAY, NOW + DAY)
    clock.now = NOW + DAY - 1
    assert tokens.caller(key).name == "a"
    clock.now = NOW + DAY
    with pytest.raises(InvalidTokenError):
        tokens.caller(key)
    assert tokens.all()[0].status(clock()) == "Expired"


def test_by_default_a_token_does_not_expire(tokens, clock):
    key, made = tokens.create("a", tenant="t")
    clock.now = LAST_MS
    assert (tokens.caller(key).name, made.expires) == ("a", None)


@pytest.mark.parametrize("expires", [NOW, NOW - 1, 0, -1, NOW // 1_000, LAST_MS + 1, 10**30])
def test_the_moment_lies_in_the_future_and_in_a_year_of_four_digits(tokens, expires):
    with pytest.raises(BadSettingError, match=r"expires: expected a moment in the future.*in ms"):
        tokens.create("a", tenant="t", expires=expires)
    assert tokens.all() == []


def test_a_name_means_the_token_that_has_not_expired(tokens, clock):
    _, old = tokens.create("same", tenant="t", expires=NOW + 1)
    clock.now = NOW + 1
    key, new = tokens.create("same", tenant="t")
    assert tokens.revoke("same", governs=anybody).id == new.id
    with pytest.raises(InvalidTokenError):
        tokens.caller(key)
    with pytest.raises(NoSuchTokenError):
        tokens.revoke("same", governs=anybody)
    assert tokens.revoke(old.id, governs=anybody).id == old.id


# What a disk may hold, and what it may do.


def damage(path, kind):
    whole = path.read_bytes()
    if kind == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"text": b"not a database\n" * 500, "noise": bytes(range(256)) * 64, "half": whole[: len(whole) // 2 + 100], "one page": whole[:4_096], "middle": whole[:4_200] + bytes(len(whole) - 4_200)}[kind])  # fmt: skip


@pytest.mark.parametrize("kind", ["a folder", "text", "noise", "half", "one page", "middle"])
def test_a_damaged_database_is_said_with_what_helps(tmp_path, clock, kind):
    with closing(Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=clock)) as tokens:
        for number in range(200):
            tokens.create(f"a{number}", tenant="t")
    damage(tmp_path / "tokens.db", kind)
    with pytest.raises(
        KeyValueStoreDamagedError,
        match=r"tokens\.db (cannot be opened.*see whether|is not a database.*move it and tokens)",
    ):
        FolderKeyValueStore(tmp_path, TOKENS)


def test_a_damaged_database_leaves_the_store_unlocked(tmp_path):
    (tmp_path / "tokens.db").write_bytes(b"rubbish" * 1_000)
    for _ in range(2):
        with pytest.raises(KeyValueStoreDamagedError), compose.build(settings.read({}, store=str(tmp_path))):
            pass
    (tmp_path / "tokens.db").unlink()
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        assert house.services.tokens.all() == []


def test_a_database_that_fails_later_is_unavailable(tokens, tmp_path):
    key, made = tokens.create("a", tenant="t")
    with closing(sqlite3.connect(tmp_path / "tokens.db")) as database, database:
        database.execute("pragma writable_schema = on")
        database.execute("update sqlite_master set rootpage = 99999 where name = 'kept'")
        database.execute("pragma schema_version = 99")  # For those who have it open.
    for ask in (tokens.all, lambda: tokens.caller(key), lambda: tokens.create("b", tenant="t"), lambda: tokens.revoke(made.id, governs=anybody)):  # fmt: skip
        with pytest.raises(KeyValueStoreUnavailableError) as unavailable:
            ask()
        assert (unavailable.value.status, "Retry-After" in unavailable.value.headers) == (503, True)


def test_where_use_cannot_be_noted_the_caller_comes_in(tokens, caplog):
    key, _ = tokens.create("a", tenant="t")
    tokens._key_values._database.execute("pragma query_only = on")
    assert tokens.caller(key).name == "a"
    tokens._uses.close()
    assert "readonly database" in caplog.text
    assert tokens._key_values.all("token")[0].value["used"] is None
    tokens._key_values._database.execute("pragma query_only = off")
    tokens._uses.close()
    assert tokens._key_values.all("token")[0].value["used"] == NOW


def test_use_is_written_soon_and_without_the_caller(tokens, monkeypatch):
    monkeypatch.setattr(last_used, "SECONDS", 0.01)
    key, _ = tokens.create("a", tenant="t")
    tokens.caller(key)
    assert tokens.all()[0].used == NOW
    for _ in range(1_000):
        if tokens._key_values.all("token")[0].value["used"] == NOW:
            return
        time.sleep(0.01)
    pytest.fail("the use of a token was not written")


def test_a_token_that_expires_over_the_wire(tmp_path, clock):
    with compose.build(settings.read({}, store=str(tmp_path)), clock=clock) as house:
        ask = Asker(house.app, house.services.tokens.create("admin", tenant="t")[0])
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for body, headers in (
            (json.dumps({"name": "w", "expires": NOW + DAY}), {}),
            (f"name=x&expires={NOW + DAY}", form),
        ):
            made = ask("POST", PATH, body.encode(), headers=headers)
            assert (made.status, made.json["expires"], made.json["status"]) == (201, NOW + DAY, "Generated")
        reader = Asker(house.app, made.json["token"])
        assert reader("GET", "/api/v1/activities/").status == 200
        clock.now = NOW + DAY
        answer = reader("GET", "/api/v1/activities/")
        assert (answer.status, answer.json) == (401, {"detail": "Invalid token."})
        shown = {each["name"]: (each["status"], each["expires"]) for each in ask("GET", PATH).json["data"]}
        assert shown == {"admin": ("Active", None), "w": ("Expired", NOW + DAY), "x": ("Expired", NOW + DAY)}


BAD_EXPIRES = [
    pytest.param(NOW, "expected a moment in the future", id="now"),
    pytest.param(NOW - 1, "expected a moment in the future", id="past"),
    pytest.param(10**30, "expected a moment in the future", id="more than a database holds"),
    pytest.param(-1, "expected a moment in the future", id="negative"),
    pytest.param("30d", "expires: expected a moment in ms", id="a stretch of time"),
    pytest.param("", "expires: expected a moment in ms", id="an empty string"),
    pytest.param("٣" * 13, "expires: expected a moment in ms", id="digits of another script"),
    pytest.param("9" * 40, "expires: expected a moment in ms", id="more digits than a moment has"),
    pytest.param(NOW + 0.5, "expires: expected a moment in ms", id="a fraction"),
    pytest.param(True, "expires: expected a moment in ms", id="true"),
    pytest.param([NOW + DAY], "expires: expected a moment in ms", id="a list"),
]


@pytest.mark.parametrize("expires, why", BAD_EXPIRES)
def test_a_moment_that_is_none_is_refused(wire, expires, why):
    answer = wire("POST", PATH, json.dumps({"name": "x", "expires": expires}).encode())
    assert (answer.status, why in answer.json["detail"]) == (400, True), answer.body


def test_null_is_never(wire):
    assert wire("POST", PATH, b'{"name": "x", "expires": null}').json["expires"] is None


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    """Asks a server as an administrator."""
    chosen = settings.read({}, store=str(tmp_path_factory.mktemp("store")))
    with compose.build(chosen, clock=lambda: NOW) as house:
        yield Asker(house.app, house.services.tokens.create("admin", tenant="t")[0])


class Failing(MemoryKeyValueStore):
    """A shelf that fails as soon as a token is put there: at `put` (after the fact), `all` or `remove`."""

    def __init__(self, *failing: str, error: BaseException) -> None:
        super().__init__()
        self.failing = failing
        self.error = error
        self.there = False

    def put(self, namespace, name, value, *, over=None) -> bool:
        put = super().put(namespace, name, value, over=over)
        self.there = self.there or namespace == "token"
        self._fail("put")
        return put

    def all(self, namespace: str) -> Sequence[Entry]:
        self._fail("all")
        return super().all(namespace)

    def remove(self, namespace: str, name: str) -> bool:
        self._fail("remove")
        return super().remove(namespace, name)

    def _fail(self, where: str) -> None:
        if self.there and where in self.failing:
            raise self.error


@pytest.mark.parametrize("where", ["put", "all"])
@pytest.mark.parametrize(
    "error", [KeyValueStoreUnavailableError("tokens"), StoreClosedError(), KeyboardInterrupt()], ids=repr
)
def test_a_token_whose_creation_fails_is_not_left_with_its_name(where: str, error: BaseException, caplog) -> None:
    key_values = Failing(where, error=error)
    tokens = Tokens(key_values, clock=lambda: NOW)
    with pytest.raises(type(error)):
        tokens.create("a", tenant="t")
    key_values.failing = ()
    assert (tokens.all(), caplog.messages) == ([], [])
    _, made = tokens.create("a", tenant="t")
    assert tokens.all() == [made]


def test_a_token_that_is_left_all_the_same_is_told_to_the_log_by_its_id(caplog) -> None:
    key_values = Failing("all", "remove", error=KeyValueStoreUnavailableError("tokens"))
    tokens = Tokens(key_values, clock=lambda: NOW)
    with pytest.raises(KeyValueStoreUnavailableError):
        tokens.create("a", tenant="t")
    key_values.failing = ()
    (left,) = tokens.all()
    assert [message.startswith(f"token {left.id} was not created") for message in caplog.messages] == [True]
    assert tokens.revoke(left.id, governs=anybody).id == left.id


def test_where_nothing_can_be_written_nothing_is_said_to_be_left(caplog) -> None:
    tokens = Tokens(Failing("put", "remove", error=ReadOnlyError()), clock=lambda: NOW)
    with pytest.raises(ReadOnlyError):
        tokens.create("a", tenant="t")
    assert caplog.messages == []
