"""API tokens: shown once, kept as a hash, revocable at once, with or without expiry.

A session is created by signing in to the pages with a token. It has a key of its own and ends with the token at the latest.

A key is found by its hash. That comparison takes longer the more of a hash is right, but nobody can choose keys by the
prefix of their SHA-256 and so approach an existing one: the time reveals nothing.
"""

import hashlib
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from casbah.activity.tenant import TenantId
from casbah.base.key_value import Entry, KeyValueStore, Value, change
from casbah.errors import (
    BadSettingError,
    InvalidTokenError,
    NameTakenError,
    NoSuchSessionError,
    NoSuchTokenError,
    ReadOnlyError,
    UnavailableError,
)
from casbah.identity.last_used import LastUsed
from casbah.identity.name import checked, compared
from casbah.identity.permissions import SCOPES, Caller
from casbah.identity.scope_migration import SESSION, TOKEN, migrate_scopes

log = logging.getLogger("casbah.identity")

KEY = re.compile(r"[0-9a-zA-Z=]{64,192}")
"""What a key looks like: a widely used client refuses others (docs/compatibility.md, 2)."""

ACTIVE_MS = 7 * 86_400_000
LAST_MS = 253_402_300_799_999
"""The end of the year 9999: no token need last longer."""

_USE_STEP_MS = 60_000
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Token:
    """A token as an administrator sees it; times in ms. The key itself is not kept."""

    id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    created: int
    used: int | None
    revoked: int | None
    expires: int | None = None

    @classmethod
    def of(cls, value: Value) -> "Token":
        """The token of a stored entry."""
        return cls(**{**value, "scopes": tuple(value["scopes"])})

    def expired(self, now: int) -> bool:
        """Whether it has expired."""
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


@dataclass(frozen=True, slots=True)
class Session:
    """A session as an administrator sees it; `caller` is the id of the user. Times in ms."""

    id: str
    name: str
    tenant: str
    caller: str
    created: int
    expires: int

    @classmethod
    def of(cls, kept: Entry, *, caller: str) -> "Session":
        """The session of a stored entry, which does not contain its key."""
        value = kept.value
        return cls(kept.name[:_ID_LENGTH], value["name"], value["tenant"], caller, value["created"], value["expires"])


class Tokens:
    """The tokens and sessions in a key-value store. Thread-safe.

    Methods raise KeyValueStoreUnavailableError, and StoreClosedError once the key-value store is closed.
    """

    def __init__(self, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._key_values = key_values
        self._clock = clock
        self._migrated = False
        self._creating = threading.Lock()
        self._uses = LastUsed(self._write_uses)
        self._seen: dict[str, Entry] = {}
        """Tokens as they were last read, by storage key: one that has not changed is not decoded again."""

    @property
    def is_remote(self) -> bool:
        """Whether calls may wait for a network."""
        return self._key_values.is_remote

    def migrate_scopes(self) -> None:
        """Give older tokens and sessions the scopes that `Admin.manage` used to include: see `scope_migration`.

        If that cannot be written now, it is done before the next token is created, or when the store is next opened.
        """
        try:
            self._migrate_scopes()
        except UnavailableError as error:
            log.warning("tokens with Admin.manage do not have the permissions yet that it used to include: %s", error)

    def create(
        self, name: str, *, tenant: str, scopes: Sequence[str] = SCOPES, expires: int | None = None
    ) -> tuple[str, Token]:
        """Create a token; returns its key, which cannot be retrieved again, and the token. `expires` is in ms.

        Raises BadTenantError, BadSettingError, BadNameError, or NameTakenError where a token in use has the name.
        """
        TenantId(tenant)
        name = checked(name)
        now = self._clock()
        if expires is not None and not now < expires <= LAST_MS:
            raise BadSettingError("expires", str(expires), "a moment in the future and before the year 10000, in ms")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadSettingError("scopes", ",".join(unknown), f"some of {', '.join(SCOPES)}")
        key = secrets.token_hex(40)
        token = Token(secrets.token_hex(6), name, tenant, tuple(scopes), now, None, None, expires)
        with self._creating:
            self._migrate_scopes()
            self._require_free(token, now)
            try:
                self._key_values.put(TOKEN, _name(key), asdict(token))
                self._require_free(token, now)  # Another server may have created one meanwhile; then neither is kept.
            except BaseException:  # The key is not returned.
                self._forget(_name(key), token)
                raise
        return key, token

    def all(self) -> Sequence[Token]:
        """Every token, expired and revoked ones too, oldest first."""
        return sorted(map(self._token, self._key_values.all(TOKEN)), key=lambda token: token.created)

    def revoke(self, which: str, *, governs: Callable[[str], bool]) -> Token:
        """Revoke a token of a tenant that `governs` allows, by id, or by name where only one in use has it.

        Raises NoSuchTokenError.
        """
        now = self._clock()
        all_kept = [(kept.name, Token.of(kept.value)) for kept in self._key_values.all(TOKEN)]
        active = [pair for pair in all_kept if pair[1].revoked is None and governs(pair[1].tenant)]
        matching = [pair for pair in active if which == pair[1].id]
        matching = matching or [pair for pair in active if which == pair[1].name and not pair[1].expired(now)]
        if len(matching) != 1:
            raise NoSuchTokenError(which)
        name, token = matching[0]
        change(self._key_values, TOKEN, name, lambda value: {**(value or asdict(token)), "revoked": now})
        return token

    def caller(self, key: str) -> Caller:
        """The caller of `key`. Raises InvalidTokenError."""
        if not KEY.fullmatch(key):
            raise InvalidTokenError
        return self._caller(_name(key))

    def begin_session(self, key: str, *, ms: int) -> tuple[str, int]:
        """Create a session for the token `key`; returns the session's key and its end in ms. Raises InvalidTokenError."""
        return self.begin_session_of(self.caller(key), ms=ms, token=_name(key))

    def begin_session_of(self, caller: Caller, *, ms: int, token: str | None = None) -> tuple[str, int]:
        """Create a session for a caller of an issuer, or of the token stored as `token`; returns its key and end in ms."""
        self._migrate_scopes()
        now, session = self._clock(), secrets.token_urlsafe(48)
        for kept in self._key_values.all(SESSION):
            if kept.value["expires"] <= now:
                self._key_values.remove(SESSION, kept.name)
        about = {
            "name": caller.name,
            "tenant": caller.tenant_id.name,
            "scopes": sorted(caller.scopes),
            "caller": caller.id,
        }
        self._key_values.put(SESSION, _name(session), {"token": token, **about, "created": now, "expires": now + ms})
        return session, now + ms

    def end_session(self, session: str) -> None:
        """End a session; unknown sessions are ignored."""
        self._key_values.remove(SESSION, _name(session))

    def session_caller(self, session: str) -> Caller:
        """The caller of a session. Raises InvalidTokenError."""
        now = self._clock()
        entry = self._key_values.get(SESSION, _name(session))
        if entry is None or entry.value["expires"] <= now:
            raise InvalidTokenError
        value = entry.value
        if value["token"] is None:
            # Earlier versions stored no id: such a session owns only what was created in it.
            caller_id = value.get("caller") or f"session {entry.name[:_ID_LENGTH]}"
            return Caller(caller_id, value["name"], TenantId(value["tenant"]), frozenset(value["scopes"]))
        return self._caller(value["token"])

    def sessions(self, *, governs: Callable[[str], bool]) -> Sequence[Session]:
        """The sessions under way in tenants that `governs` allows, oldest first."""
        governed = (session for session in self._sessions().values() if governs(session.tenant))
        return sorted(governed, key=lambda session: (session.created, session.id))

    def end(self, session_id: str, *, governs: Callable[[str], bool]) -> Session:
        """End a session of a tenant that `governs` allows. Raises NoSuchSessionError."""
        for name, session in self._sessions().items():
            if session.id == session_id and governs(session.tenant) and self._key_values.remove(SESSION, name):
                return session
        raise NoSuchSessionError

    def _sessions(self) -> dict[str, Session]:
        """Unexpired sessions with a valid token, by storage key."""
        now = self._clock()
        good = {
            kept.name: token.id
            for kept in self._key_values.all(TOKEN)
            if (token := Token.of(kept.value)).revoked is None and not token.expired(now)
        }
        return {
            kept.name: Session.of(kept, caller=str(good.get(kept.value["token"]) or kept.value.get("caller", "")))
            for kept in self._key_values.all(SESSION)
            if kept.value["expires"] > now and (kept.value["token"] is None or kept.value["token"] in good)
        }

    def close(self) -> None:
        """Write pending changes, and close the key-value store."""
        self._uses.close()
        self._key_values.close()

    def _migrate_scopes(self) -> None:
        if not self._migrated:
            migrate_scopes(self._key_values)
            self._migrated = True

    def _caller(self, name: str) -> Caller:
        """The caller of the token stored as `name`. Raises InvalidTokenError."""
        kept, now = self._key_values.get(TOKEN, name, seen=self._seen.get(name)), self._clock()
        if kept is None:
            raise InvalidTokenError
        self._seen[name] = kept
        token = Token.of(kept.value)
        if token.revoked is not None or token.expired(now):
            raise InvalidTokenError
        used = self._uses.latest(name, token.used)
        if used is None or now - used >= _USE_STEP_MS:
            self._uses.note(name, now)
        return Caller(token.id, token.name, TenantId(token.tenant), frozenset(token.scopes))

    def _require_free(self, token: Token, now: int) -> None:
        """Raises NameTakenError where another token of the tenant, in use, has a name that counts as the same."""
        for other in self.all():
            in_use = other.revoked is None and not other.expired(now) and other.tenant == token.tenant
            if in_use and other.id != token.id and compared(other.name) == compared(token.name):
                raise NameTakenError(token.name)

    def _forget(self, name: str, token: Token) -> None:
        """Remove a token that could not be created. A failure is only logged, so that the original error is raised."""
        try:
            with suppress(ReadOnlyError):  # Then it was never written.
                self._key_values.remove(TOKEN, name)
        except UnavailableError as error:
            log.warning(
                "token %s was not created and could not be removed; revoke it, should it be listed: %s", token.id, error
            )

    def _token(self, kept: Entry) -> Token:
        token = Token.of(kept.value)
        return replace(token, used=self._uses.latest(kept.name, token.used))

    def _write_uses(self, noted: Mapping[str, int]) -> None:
        """Store when tokens were last used, to the minute. A token changed concurrently is skipped until its next use."""
        for name, used in noted.items():
            kept = self._key_values.get(TOKEN, name)
            if kept is not None:
                self._key_values.put(TOKEN, name, {**kept.value, "used": used}, over=kept)


def digest(key: str) -> bytes:
    """The hash of a key, which is stored in its place. Keys are 320 random bits, so a fast hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _name(key: str) -> str:
    """The storage key of a token or session key."""
    return digest(key).hex()
