"""API tokens: shown once, kept as a hash, revocable at once, for ever or until a moment.

A session is what somebody has who signed in to the pages with a token: a key of its own, for a while, and for no longer than
the token is good.

A key is found by its hash. That comparison takes longer the more of a hash is right, but nobody can choose a key by what
its SHA-256 begins with and come closer to one that exists, so the time says nothing.
"""

import hashlib
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from casbah.activity.scope import Scope
from casbah.errors import (
    BadSettingError,
    InvalidTokenError,
    NameTakenError,
    NoSuchSessionError,
    NoSuchTokenError,
    ReadOnlyError,
    UnavailableError,
)
from casbah.identity.grants import SCOPES, Caller
from casbah.identity.last_used import LastUsed
from casbah.identity.name import checked, compared
from casbah.identity.separation import SESSION, TOKEN, separate
from casbah.key_value import Entry, KeyValueStore, Value, change

log = logging.getLogger("casbah.identity")

KEY = re.compile(r"[0-9a-zA-Z=]{64,192}")
"""What a key looks like: a widely used client refuses others (`wire.md`, 2)."""

ACTIVE_MS = 7 * 86_400_000
LAST_MS = 253_402_300_799_999
"""The end of the year 9999: no token need last longer."""

_USE_STEP_MS = 60_000
_ID_LENGTH = 12


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

    @classmethod
    def of(cls, value: Value) -> "Token":
        """A token as it is kept."""
        return cls(**{**value, "scopes": tuple(value["scopes"])})

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


@dataclass(frozen=True, slots=True)
class Session:
    """A session as those see it who may end it; `caller` is the id of who signed in. Moments are ms."""

    id: str
    name: str
    tenant: str
    caller: str
    created: int
    expires: int

    @classmethod
    def of(cls, kept: Entry, *, caller: str) -> "Session":
        """A session as it is kept; the key itself is not."""
        said = kept.value
        return cls(kept.name[:_ID_LENGTH], said["name"], said["tenant"], caller, said["created"], said["expires"])


class Tokens:
    """The tokens and sessions in a key-value store. Thread-safe.

    Methods raise KeyValueStoreUnavailableError, and StoreClosedError once the key-value store is closed.
    """

    def __init__(self, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._key_values = key_values
        self._clock = clock
        self._separated = False
        self._creating = threading.Lock()
        self._uses = LastUsed(self._write_uses)

    @property
    def is_remote(self) -> bool:
        """Whether asking may mean waiting for a network."""
        return self._key_values.is_remote

    def separate(self) -> None:
        """Give tokens and sessions from before permissions were separated what `Admin.manage` meant then: see `separation`.

        Where that cannot be written now, it is done before the next token is created, or when the store is next opened.
        """
        try:
            self._separate()
        except UnavailableError as error:
            log.warning("tokens with Admin.manage do not have the permissions yet that it used to include: %s", error)

    def create(
        self, name: str, *, tenant: str, scopes: Sequence[str] = SCOPES, expires: int | None = None
    ) -> tuple[str, Token]:
        """A new token, and its key, which is not to be had again; `expires` is the moment in ms from which it is refused.

        Raises BadTenantError, BadSettingError, BadNameError, or NameTakenError where a token in use has the name.
        """
        Scope(tenant)
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
            self._separate()
            self._require_free(token, now)
            try:
                self._key_values.put(TOKEN, _name(key), asdict(token))
                self._require_free(token, now)  # Another server may have created one meanwhile; neither is kept then.
            except BaseException:  # Nobody is given the key.
                self._forget(_name(key), token)
                raise
        return key, token

    def all(self) -> Sequence[Token]:
        """Every token, expired and revoked ones too, oldest first."""
        return sorted(map(self._token, self._key_values.all(TOKEN)), key=lambda each: each.created)

    def revoke(self, which: str, *, governs: Callable[[str], bool]) -> Token:
        """Revoke a token of a tenant that `governs` allows, by id, or by name where only one in use has it.

        Raises NoSuchTokenError.
        """
        now = self._clock()
        all_kept = [(kept.name, Token.of(kept.value)) for kept in self._key_values.all(TOKEN)]
        there = [each for each in all_kept if each[1].revoked is None and governs(each[1].tenant)]
        found = [each for each in there if which == each[1].id]
        found = found or [each for each in there if which == each[1].name and not each[1].expired(now)]
        if len(found) != 1:
            raise NoSuchTokenError(which)
        name, token = found[0]
        change(self._key_values, TOKEN, name, lambda value: {**(value or asdict(token)), "revoked": now})
        return token

    def caller(self, key: str) -> Caller:
        """Who bears `key`. Raises InvalidTokenError."""
        if not KEY.fullmatch(key):
            raise InvalidTokenError
        return self._caller(self._key_values.get(TOKEN, _name(key)), self._clock())

    def begin_session(self, key: str, *, ms: int) -> tuple[str, int]:
        """A session for whoever bears the token `key`: its own key, and when it ends. Raises InvalidTokenError."""
        return self.begin_session_of(self.caller(key), ms=ms, token=_name(key))

    def begin_session_of(self, caller: Caller, *, ms: int, token: str | None = None) -> tuple[str, int]:
        """A session for a caller whom an issuer vouches for, or a token by what it is kept under: its key, and when it ends."""
        self._separate()
        now, session = self._clock(), secrets.token_urlsafe(48)
        for kept in self._key_values.all(SESSION):
            if kept.value["expires"] <= now:
                self._key_values.remove(SESSION, kept.name)
        about = {
            "name": caller.name,
            "tenant": caller.scope.tenant,
            "scopes": sorted(caller.scopes),
            "caller": caller.id,
        }
        self._key_values.put(SESSION, _name(session), {"token": token, **about, "created": now, "expires": now + ms})
        return session, now + ms

    def end_session(self, session: str) -> None:
        """End a session; unknown sessions are ignored."""
        self._key_values.remove(SESSION, _name(session))

    def session_caller(self, session: str) -> Caller:
        """Who signed in. Raises InvalidTokenError."""
        now = self._clock()
        found = self._key_values.get(SESSION, _name(session))
        if found is None or found.value["expires"] <= now:
            raise InvalidTokenError
        said = found.value
        if said["token"] is None:
            # An earlier version kept no id: such a session owns nothing that another one, or its own person, does.
            caller_id = said.get("caller") or f"session {found.name[:_ID_LENGTH]}"
            return Caller(caller_id, said["name"], Scope(said["tenant"]), frozenset(said["scopes"]))
        return self._caller(self._key_values.get(TOKEN, said["token"]), now)

    def sessions(self, *, governs: Callable[[str], bool]) -> Sequence[Session]:
        """The sessions under way in tenants that `governs` allows, oldest first."""
        found = (session for session in self._sessions().values() if governs(session.tenant))
        return sorted(found, key=lambda session: (session.created, session.id))

    def end(self, session_id: str, *, governs: Callable[[str], bool]) -> Session:
        """End a session of a tenant that `governs` allows. Raises NoSuchSessionError."""
        for name, session in self._sessions().items():
            if session.id == session_id and governs(session.tenant) and self._key_values.remove(SESSION, name):
                return session
        raise NoSuchSessionError

    def _sessions(self) -> dict[str, Session]:
        """Those whose time is not over and whose token is good, by what they are kept under."""
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
        """Write what waits, and close the shelf."""
        self._uses.close()
        self._key_values.close()

    def _separate(self) -> None:
        if not self._separated:
            separate(self._key_values)
            self._separated = True

    def _caller(self, kept: Entry | None, now: int) -> Caller:
        token = None if kept is None else self._token(kept)
        if kept is None or token is None or token.revoked is not None or token.expired(now):
            raise InvalidTokenError
        if token.used is None or now - token.used >= _USE_STEP_MS:
            self._uses.note(kept.name, now)
        return Caller(token.id, token.name, Scope(token.tenant), frozenset(token.scopes))

    def _require_free(self, token: Token, now: int) -> None:
        """Raises NameTakenError where another token of the tenant, in use, has a name that counts as the same."""
        for other in self.all():
            in_use = other.revoked is None and not other.expired(now) and other.tenant == token.tenant
            if in_use and other.id != token.id and compared(other.name) == compared(token.name):
                raise NameTakenError(token.name)

    def _forget(self, name: str, token: Token) -> None:
        """Remove a token that could not be created; whatever is in the way of that, why it could not be is what is raised."""
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
        """Keep when tokens were used, to the minute. One that somebody changes at this moment is left for its next use."""
        for name, used in noted.items():
            kept = self._key_values.get(TOKEN, name)
            if kept is not None:
                self._key_values.put(TOKEN, name, {**kept.value, "used": used}, over=kept)


def digest(key: str) -> bytes:
    """What is kept of a key. Keys are 320 random bits, so a fast hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _name(key: str) -> str:
    """What a key is kept under."""
    return digest(key).hex()
