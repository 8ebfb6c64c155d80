"""API tokens: shown once, kept as a hash, revocable at once, for ever or until a moment; one small database in the store.

A session is what somebody has who signed in to the pages with a token: a key of its own, for a while, and for no longer than
the token is good.

A key is found by its hash. That comparison takes longer the more of a hash is right, but nobody can choose a key by what
its SHA-256 begins with and come closer to one that exists, so the time says nothing.
"""

import hashlib
import logging
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from casbah.activity.scope import Scope
from casbah.errors import (
    BadSettingError,
    InvalidTokenError,
    NoSuchTokenError,
    StoreClosedError,
    TokensDamagedError,
    TokensUnavailableError,
)
from casbah.identity.grants import SCOPES, Caller

log = logging.getLogger("casbah.identity")

TOKEN = re.compile(r"[0-9a-zA-Z=]{64,192}")
"""What a key looks like: a widely used client refuses others (`wire.md`, 2)."""

ACTIVE_MS = 7 * 86_400_000
LAST_MS = 253_402_300_799_999
"""The end of the year 9999: no token need last longer."""

_USE_STEP_MS = 60_000
_TABLE = """
create table if not exists token (
    id text primary key, name text not null, hash blob not null unique, tenant text not null, scopes text not null,
    created integer not null, used integer, revoked integer, expires integer
) strict;
create table if not exists session (
    hash blob primary key, token text references token (id), name text not null, tenant text not null, scopes text not null,
    created integer not null, expires integer not null
) strict, without rowid;
"""
_COLUMNS = "id, name, tenant, scopes, created, used, revoked, expires"
_SESSION = "select token, name, tenant, scopes from session where hash = ? and expires > ?"
_Row = tuple[str, str, str, str, int, int | None, int | None, int | None]
_OUR_MISTAKES = (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError)
_CANNOT_OPEN = "cannot be opened for writing; see whether it is a file, and who may write it and its folder"
_NO_DATABASE = (
    "is not a database of tokens, or is damaged; put a copy of it back, or move it away: "
    "a new one is made, and tokens issued so far stop working"
)


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
    expires: int | None = None

    def expired(self, now: int) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires

    def status(self, now: int) -> str:
        """Generated (never used), Active (used in the last 7 days), Inactive, Expired, or Revoked."""
        if self.revoked is not None:
            return "Revoked"
        if self.expired(now):
            return "Expired"
        if self.used is None:
            return "Generated"
        return "Active" if now - self.used <= ACTIVE_MS else "Inactive"


class Tokens:
    """The tokens of a store. Methods may be called from any thread.

    Raises TokensDamagedError where they cannot be opened; later on, methods raise TokensUnavailableError where the
    database fails, and StoreClosedError once it is closed.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = _opened(folder / "tokens.db")
        (folder / "tokens.db").chmod(0o600)

    def create(
        self, name: str, *, tenant: str, scopes: Sequence[str] = SCOPES, expires: int | None = None
    ) -> tuple[str, Token]:
        """A new token, and its key, which is not to be had again; `expires` is the moment in ms from which it is refused.

        Raises BadTenantError or BadSettingError.
        """
        Scope(tenant)
        now = self._clock()
        if expires is not None and not now < expires <= LAST_MS:
            raise BadSettingError("expires", str(expires), "a moment in the future and before the year 10000, in ms")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadSettingError("scopes", ",".join(unknown), f"some of {', '.join(SCOPES)}")
        key = secrets.token_hex(40)
        token = Token(secrets.token_hex(6), name, tenant, tuple(scopes), now, None, None, expires)
        with self._using() as database:
            database.execute(
                "insert into token (id, name, hash, tenant, scopes, created, expires) values (?, ?, ?, ?, ?, ?, ?)",
                (token.id, name, digest(key), tenant, " ".join(scopes), now, expires),
            )
        return key, token

    def all(self) -> Sequence[Token]:
        """Every token, expired and revoked ones too, oldest first."""
        with self._using() as database:
            rows = database.execute(f"select {_COLUMNS} from token order by created, rowid").fetchall()  # noqa: S608  a constant
        return [_token(row) for row in rows]

    def revoke(self, which: str, *, governs: Callable[[str], bool]) -> Token:
        """Revoke a token of a tenant that `governs` allows, by id, or by name where only one in use has it.

        Raises NoSuchTokenError.
        """
        now = self._clock()
        there = [token for token in self.all() if token.revoked is None and governs(token.tenant)]
        found = [token for token in there if which == token.id or (which == token.name and not token.expired(now))]
        if len(found) != 1:
            raise NoSuchTokenError(which)
        with self._using() as database:
            database.execute("update token set revoked = ? where id = ?", (now, found[0].id))
        return found[0]

    def caller(self, key: str) -> Caller:
        """Who bears `key`. Raises InvalidTokenError."""
        if not TOKEN.fullmatch(key):
            raise InvalidTokenError
        with self._using() as database:
            row = database.execute(f"select {_COLUMNS} from token where hash = ?", (digest(key),)).fetchone()  # noqa: S608  a constant
        return self._caller(row, self._clock())

    def begin_session(self, key: str, *, ms: int) -> tuple[str, int]:
        """A session for whoever bears the token `key`: its own key, and when it ends. Raises InvalidTokenError."""
        caller = self.caller(key)
        with self._using() as database:
            (token,) = database.execute("select id from token where hash = ?", (digest(key),)).fetchone()
        return self.begin_session_of(caller, ms=ms, token=token)

    def begin_session_of(self, caller: Caller, *, ms: int, token: str | None = None) -> tuple[str, int]:
        """A session for a caller whom an issuer vouches for, or the token of that id: its key, and when it ends."""
        now, session = self._clock(), secrets.token_urlsafe(48)
        scopes = " ".join(sorted(caller.scopes))
        row = (digest(session), token, caller.name, caller.scope.tenant, scopes, now, now + ms)
        with self._using() as database:
            database.execute("delete from session where expires <= ?", (now,))
            database.execute("insert into session values (?, ?, ?, ?, ?, ?, ?)", row)
        return session, now + ms

    def end_session(self, session: str) -> None:
        """Let a session be none; it may have been none before."""
        with self._using() as database:
            database.execute("delete from session where hash = ?", (digest(session),))

    def session_caller(self, session: str) -> Caller:
        """Who signed in. Raises InvalidTokenError."""
        now = self._clock()
        with self._using() as database:
            found = database.execute(_SESSION, (digest(session), now)).fetchone()
            if found is None:
                raise InvalidTokenError
            token, name, tenant, scopes = found
            if token is None:
                return Caller(name, Scope(tenant), frozenset(scopes.split()))
            row = database.execute(f"select {_COLUMNS} from token where id = ?", (token,)).fetchone()  # noqa: S608  a constant
        return self._caller(row, now)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            self._database.close()

    def _caller(self, row: _Row | None, now: int) -> Caller:
        token = _token(row) if row else None
        if token is None or token.revoked is not None or token.expired(now):
            raise InvalidTokenError
        self._note_use(token, now)
        return Caller(token.name, Scope(token.tenant), frozenset(token.scopes))

    def _note_use(self, token: Token, now: int) -> None:
        """Remember when a token was used, to the minute: a write to disk at every request would be dear.

        Where it cannot be written, on a full disk say, the caller may come in all the same.
        """
        if token.used is not None and now - token.used < _USE_STEP_MS:
            return
        with suppress(TokensUnavailableError), self._using() as database:
            database.execute("update token set used = ? where id = ?", (now, token.id))

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The database for one thread's turn; what was changed is kept at the end of it."""
        with self._lock:
            if self._closed:
                raise StoreClosedError
            try:
                with self._database:
                    yield self._database
            except _OUR_MISTAKES:
                raise
            except sqlite3.Error as wrong:
                log.warning("the database of tokens failed: %s", wrong)
                raise TokensUnavailableError from wrong


def _opened(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, check_same_thread=False)
    except sqlite3.Error:
        raise TokensDamagedError(str(path), _CANNOT_OPEN) from None
    try:
        _prepare(database)
    except sqlite3.OperationalError:
        database.close()
        raise TokensDamagedError(str(path), _CANNOT_OPEN) from None
    except sqlite3.DatabaseError:
        database.close()
        raise TokensDamagedError(str(path), _NO_DATABASE) from None
    return database


def _prepare(database: sqlite3.Connection) -> None:
    """Make the table, or bring an older one up: tokens did not always expire."""
    database.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {_TABLE}")
    if database.execute("pragma quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError
    with database:
        database.execute("begin immediate")
        if "expires" not in {row[1] for row in database.execute("pragma table_info(token)")}:
            database.execute("alter table token add column expires integer")


def digest(key: str) -> bytes:
    """What is kept of a key. Keys are 320 random bits, so a fast hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _token(row: _Row) -> Token:
    identity, name, tenant, scopes, created, used, revoked, expires = row
    return Token(identity, name, tenant, tuple(scopes.split()), created, used, revoked, expires)
