"""Signing in at the issuer: the authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636; RFC 9700).

    browser --begin--> issuer --code--> finish --code, verifier--> issuer --access token--> Caller

The browser is sent to the issuer with a state, which returns with the code and must match a cookie of the browser that
started the sign-in. The code is exchanged with a verifier that only Casbah's servers know. The access token is verified like
any bearer token, so it admits exactly the callers that it would admit in a header.
"""

import base64
import json
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from casbah.base.key_value import KeyValueStore
from casbah.errors import InvalidTokenError, IssuerUnavailableError
from casbah.identity.keys import FAILURES, discovered, endpoint, fetched
from casbah.identity.oidc import Issuer
from casbah.identity.permissions import Caller
from casbah.identity.token import digest

log = logging.getLogger("casbah.identity")

PENDING_MS = 10 * 60_000
"""How long a sign-in at the issuer may take."""

_MAX_PENDING = 10_000
_SELDOM = 10
_KEPT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class _Pending:
    """A sign-in in progress at the issuer."""

    verifier: str
    redirect: str
    then: str
    at: int


@dataclass(frozen=True, slots=True)
class _Endpoints:
    authorize: str
    token: str
    at: int


class SignIn:
    """Sends browsers to an issuer and handles their return. Thread-safe.

    Sign-ins in progress are in the key-value store, so any server that shares it can complete them.
    """

    def __init__(
        self,
        issuer: Issuer,
        key_values: KeyValueStore,
        *,
        client: str,
        secret: str,
        scopes: Sequence[str],
        clock: Callable[[], int],
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._scopes = tuple(dict.fromkeys(("openid", *scopes)))
        self._clock = clock
        self._key_values = key_values
        self._endpoints: _Endpoints | None = None
        self._begun = 0

    def begin(self, redirect: str, *, then: str) -> tuple[str, str]:
        """The URL to send a browser to, and the state for its cookie. The issuer redirects it to `redirect`.

        `then` is the page to show after sign-in. Raises IssuerUnavailableError.
        """
        where = self._known().authorize
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        self._begun += 1
        if (
            self._begun % max(1, _MAX_PENDING // _SELDOM) == 0
        ):  # Anybody may begin a sign-in, and listing all of them is expensive.
            self._forget_old()
        pending = _Pending(verifier, redirect, then, self._clock())
        self._key_values.put(_DRAWER, digest(state).hex(), asdict(pending))
        parameters = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": redirect,
            "scope": " ".join(self._scopes),
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest(verifier)).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{where}{'&' if '?' in where else '?'}{urlencode(parameters)}", state

    def finish(self, state: str, code: str, *, iss: str | None) -> tuple[Caller, str]:
        """The caller who returns with `code`, and the page they wanted; `iss` is the issuer that the answer names, if any.

        A state is valid once. Raises InvalidTokenError or IssuerUnavailableError.
        """
        pending = self._taken(digest(state).hex())
        # The code of another issuer must not be sent to this one (RFC 9207, 2.4).
        if iss is not None and iss != self._issuer.name:
            raise InvalidTokenError("the answer is another issuer's")
        return self._issuer.caller(self._exchanged(code, pending)), pending.then

    def _exchanged(self, code: str, pending: _Pending) -> str:
        """The access token that the issuer gives for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect,
            "client_id": self._client,
            "code_verifier": pending.verifier,
        }
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        credentials = (quote_plus(self._client), quote_plus(self._secret)) if self._secret else None
        try:
            answer = json.loads(fetched(self._known().token, form=form, credentials=credentials))
        except FAILURES as error:
            log.warning("the issuer gave no token for a code: %s", str(error) or type(error).__name__)
            raise IssuerUnavailableError from None
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str):
            raise InvalidTokenError("the issuer's answer has no access_token")
        return token

    def _known(self) -> _Endpoints:
        kept, now = self._endpoints, self._clock()
        if kept is not None and 0 <= now - kept.at < _KEPT_MS:
            return kept
        try:
            document: Mapping[str, Any] = discovered(self._issuer.name)
            authorize, token = (endpoint(document, name, self._issuer.name) for name in _NAMES)
        except FAILURES as error:
            log.warning("the issuer's endpoints could not be fetched: %s", str(error) or type(error).__name__)
            if kept is None:
                raise IssuerUnavailableError from None
            return kept
        self._endpoints = _Endpoints(authorize, token, now)
        return self._endpoints

    def _taken(self, name: str) -> _Pending:
        """Remove and return the pending sign-in of a state; only the first call gets it. Raises InvalidTokenError."""
        entry = self._key_values.get(_DRAWER, name)
        if entry is not None and self._key_values.remove(_DRAWER, name):
            pending = _Pending(**entry.value)
            if self._in_time(pending.at):
                return pending
        raise InvalidTokenError("nobody is signing in with that state, or no longer")

    def _forget_old(self) -> None:
        """Remove expired sign-ins, and the oldest if there are too many."""
        entry = sorted(self._key_values.all(_DRAWER), key=lambda kept: (kept.value["at"], kept.version))
        too_many = len(entry) - _MAX_PENDING + 1
        for position, kept in enumerate(entry):
            if position < too_many or not self._in_time(kept.value["at"]):
                self._key_values.remove(_DRAWER, kept.name)

    def _in_time(self, at: int) -> bool:
        return 0 <= self._clock() - at < PENDING_MS


_DRAWER = "signing in"
_NAMES = ("authorization_endpoint", "token_endpoint")
