"""API tokens: shown once, kept as a hash, revocable at once; one small database in the store."""

import hashlib
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from casbah.activity.scope import Scope
from casbah.errors import BadSettingError, InvalidTokenError, NoSuchTokenError
from casbah.identity.grants import SCOPES, Caller

TOKEN = re.compile(r"[0-9a-zA-Z=]{64,192}")
"""What a key looks like: a widely used client refuses others (`wire.md`, 2)."""

ACTIVE_MS = 7 * 86_400_000
_USE_STEP_MS = 60_000
_TABLE = """
create table if not exists token (
    id text primary key, name text not null, hash blob not null unique, tenant text not null, scopes text not null,
    created integer not null, used integer, revoked integer
) strict;
"""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as an administrator sees it; moments in ms. The key itself is not kept."""

    id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    created: int
    used: int | None
    revoked: int | None

    def status(self, now: int) -> str:
        """Generated (never used), Active (used in the last 7 days), Inactive, or Revoked."""
        if self.revoked is not None:
            return "Revoked"
        if self.used is None:
            return "Generated"
        return "Active" if now - self.used <= ACTIVE_MS else "Inactive"


class Tokens:
    """The tokens of a store. Methods may be called from any thread."""

    def __init__(self, folder: Path, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(folder / "tokens.db", check_same_thread=False)
        self._database.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {_TABLE}")
        (folder / "tokens.db").chmod(0o600)

    def create(self, name: str, *, tenant: str, scopes: Sequence[str] = SCOPES) -> tuple[str, Token]:
        """A new token, and its key, which is not to be had again. Raises BadTenantError or BadSettingError."""
        Scope(tenant)
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadSettingError("scopes", ",".join(unknown), f"some of {', '.join(SCOPES)}")
        key = secrets.token_hex(40)
        token = Token(secrets.token_hex(6), name, tenant, tuple(scopes), self._clock(), None, None)
        with self._lock, self._database:
            self._database.execute(
                "insert into token (id, name, hash, tenant, scopes, created) values (?, ?, ?, ?, ?, ?)",
                (token.id, name, digest(key), tenant, " ".join(scopes), token.created),
            )
        return key, token

    def all(self) -> Sequence[Token]:
        """Every token, revoked ones too, oldest first."""
        with self._lock:
            rows = self._database.execute(
                "select id, name, tenant, scopes, created, used, revoked from token order by created, rowid"
            ).fetchall()
        return [_token(row) for row in rows]

    def revoke(self, which: str, *, governs: Callable[[str], bool]) -> Token:
        """Revoke a token of a tenant that `governs` allows, by id, or by name where only one in use has it.

        Raises NoSuchTokenError.
        """
        in_use = [token for token in self.all() if token.revoked is None and governs(token.tenant)]
        found = [token for token in in_use if which in (token.id, token.name)]
        if len(found) != 1:
            raise NoSuchTokenError(which)
        with self._lock, self._database:
            self._database.execute("update token set revoked = ? where id = ?", (self._clock(), found[0].id))
        return found[0]

    def caller(self, key: str) -> Caller:
        """Who bears `key`. Raises InvalidTokenError."""
        if not TOKEN.fullmatch(key):
            raise InvalidTokenError
        with self._lock:
            row = self._database.execute(
                "select id, name, tenant, scopes, created, used, revoked from token where hash = ?", (digest(key),)
            ).fetchone()
        if row is None or _token(row).revoked is not None:
            raise InvalidTokenError
        token = _token(row)
        self._note_use(token)
        return Caller(token.name, Scope(token.tenant), frozenset(token.scopes))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def _note_use(self, token: Token) -> None:
        """Remember when a token was used, to the minute: a write to disk at every request would be dear."""
        now = self._clock()
        if token.used is None or now - token.used >= _USE_STEP_MS:
            with self._lock, self._database:
                self._database.execute("update token set used = ? where id = ?", (now, token.id))


def digest(key: str) -> bytes:
    """What is kept of a key. Keys are 320 random bits, so a fast hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _token(row: tuple[str, str, str, str, int, int | None, int | None]) -> Token:
    identity, name, tenant, scopes, created, used, revoked = row
    return Token(identity, name, tenant, tuple(scopes.split()), created, used, revoked)
