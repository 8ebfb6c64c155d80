"""Tokens and sessions from before deleting, holding and letting others in had permissions of their own."""

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from casbah import compose, settings
from casbah.base.key_value import TOKENS, Entry, FolderKeyValueStore, KeyValueStore, MemoryKeyValueStore
from casbah.compose import Application
from casbah.errors import KeyValueStoreUnavailableError
from casbah.identity.permissions import FORMERLY_ADMIN
from casbah.identity.scope_migration import migrate_scopes
from casbah.identity.token import Tokens
from making import NOW
from scenarios.inprocess import Asker

ADMIN = ["Investigation.read", "Admin.manage"]
KEYS = {"admin": "a" * 80, "reader": "b" * 80, "revoked": "c" * 80}
SESSION = "kept-by-an-earlier-version"


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def token(name: str, scopes: list[str], **more: Any) -> dict[str, Any]:
    """A token as earlier versions kept it."""
    kept = {"id": hashed(name)[:12], "name": name, "tenant": "contoso", "scopes": scopes}
    return {**kept, "created": NOW - 10, "used": None, "revoked": None, "expires": None, **more}


def earlier(key_values: KeyValueStore) -> None:
    """What an earlier version kept: three tokens, and the session of a person who signed in at an issuer."""
    key_values.put("token", hashed(KEYS["admin"]), token("admin", ADMIN))
    key_values.put("token", hashed(KEYS["reader"]), token("reader", ["Investigation.read"]))
    key_values.put("token", hashed(KEYS["revoked"]), token("revoked", ADMIN, revoked=NOW - 5))
    said = {"token": None, "name": "ann", "tenant": "contoso", "scopes": sorted(ADMIN)}
    key_values.put("session", hashed(SESSION), {**said, "created": NOW - 10, "expires": NOW + 1_000})


@contextmanager
def opened(folder: Path) -> Iterator[Application]:
    with compose.build(settings.read({}, store=str(folder)), clock=lambda: NOW) as house:
        yield house


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(FolderKeyValueStore(tmp_path, TOKENS)) as key_values:
        earlier(key_values)
    return tmp_path


def scopes(tokens: Tokens) -> dict[str, list[str]]:
    return {each.name: list(each.scopes) for each in tokens.all()}


def test_what_was_kept_with_admin_manage_receives_all_three_once(folder: Path) -> None:
    with opened(folder) as house:
        tokens = house.services.tokens
        assert scopes(tokens)["admin"] == [*ADMIN, *FORMERLY_ADMIN]
        assert scopes(tokens)["reader"] == ["Investigation.read"]
        assert tokens.session_caller(SESSION).scopes == {*ADMIN, *FORMERLY_ADMIN}
        later, _ = tokens.create("later", tenant="contoso", scopes=["Admin.manage"])
    for _ in range(2):
        with opened(folder) as house:
            assert scopes(house.services.tokens)["admin"] == [*ADMIN, *FORMERLY_ADMIN]
            assert house.services.tokens.caller(later).scopes == {"Admin.manage"}


def test_it_works_over_the_wire_at_once(folder: Path) -> None:
    with opened(folder) as house:
        ask = Asker(house.app, KEYS["admin"])
        assert ask("GET", "/api/ext/v1/tokens").status == 200
        assert (
            ask("POST", "/api/ext/v1/retention", b'{"name": "case", "action": "hold", "everything": true}').status
            == 201
        )
        assert ask("POST", "/api/ext/v1/activities/delete", b'{"filters": {"service": {"eq": [1]}}}').status == 200


class Crashing(MemoryKeyValueStore):
    """A shelf at whose `left`-th change from now on the process dies."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1_000

    def put(self, namespace: str, name: str, value: Any, *, over: Entry | None = None) -> bool:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().put(namespace, name, value, over=over)


@pytest.mark.parametrize("changes", range(4))
def test_a_crash_half_way_leaves_it_to_be_done(changes: int) -> None:
    key_values = Crashing()
    earlier(key_values)
    key_values.left = changes
    with pytest.raises(KeyboardInterrupt):
        migrate_scopes(key_values)
    key_values.left = 1_000
    migrate_scopes(key_values)
    done = {
        entry.name: entry.value["scopes"] for namespace in ("token", "session") for entry in key_values.all(namespace)
    }
    assert done[hashed(KEYS["admin"])] == [*ADMIN, *FORMERLY_ADMIN]
    assert done[hashed(KEYS["revoked"])] == [*ADMIN, *FORMERLY_ADMIN]
    assert sorted(done[hashed(SESSION)]) == sorted([*ADMIN, *FORMERLY_ADMIN])
    assert done[hashed(KEYS["reader"])] == ["Investigation.read"]


class Slow(MemoryKeyValueStore):
    """A shelf that another server changes as soon as one has looked whether it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Any = None

    def get(self, namespace: str, name: str, *, seen: Entry | None = None) -> Entry | None:
        found = super().get(namespace, name, seen=seen)
        if namespace == "permissions" and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found


def test_what_another_server_creates_meanwhile_is_left_as_it_is() -> None:
    key_values = Slow()
    earlier(key_values)
    made: list[str] = []

    def meanwhile() -> None:
        migrate_scopes(key_values)
        made.append(Tokens(key_values, clock=lambda: NOW).create("later", tenant="contoso", scopes=["Admin.manage"])[0])

    key_values.meanwhile = meanwhile
    migrate_scopes(key_values)
    tokens = Tokens(key_values, clock=lambda: NOW)
    assert tokens.caller(made[0]).scopes == {"Admin.manage"}
    assert tokens.caller(KEYS["admin"]).scopes == {*ADMIN, *FORMERLY_ADMIN}


def test_many_servers_may_do_it_at_once(tmp_path: Path) -> None:
    with closing(FolderKeyValueStore(tmp_path, TOKENS)) as key_values:
        earlier(key_values)
        together = Barrier(8)

        def work() -> None:
            together.wait()
            migrate_scopes(key_values)

        threads = [Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Tokens(key_values, clock=lambda: NOW).caller(KEYS["admin"]).scopes == {*ADMIN, *FORMERLY_ADMIN}


def test_where_it_cannot_be_written_the_store_opens_and_no_token_is_created_before(folder: Path) -> None:
    with closing(FolderKeyValueStore(folder, TOKENS)) as key_values:
        key_values._database.execute("pragma query_only = on")
        tokens = Tokens(key_values, clock=lambda: NOW)
        tokens.migrate_scopes()
        assert tokens.caller(KEYS["admin"]).scopes == set(ADMIN)
        with pytest.raises(KeyValueStoreUnavailableError):
            tokens.create("later", tenant="contoso", scopes=["Admin.manage"])
        key_values._database.execute("pragma query_only = off")
        later, _ = tokens.create("later", tenant="contoso", scopes=["Admin.manage"])
        assert tokens.caller(KEYS["admin"]).scopes == {*ADMIN, *FORMERLY_ADMIN}
        assert tokens.caller(later).scopes == {"Admin.manage"}
