"""An issuer's keys: fetched when needed, cached, and fetched again when a token names an unknown key.

Where from: a file, an address, or by default what the issuer's discovery document names (OpenID Connect Discovery 1.0,
section 4). When: hourly and at an unknown key; if fetching fails, cached keys last a day. A large issuer recommends this
(learn.microsoft.com/entra/identity-platform/signing-key-rollover).
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from casbah.errors import IssuerUnavailableError
from casbah.identity.jwk import BadKeySetError, SigningKey, signing_keys

log = logging.getLogger("casbah.identity")

KEEP_MS = 24 * 3_600_000
"""How long cached keys last if they cannot be fetched again."""

PAUSE_MS = 60_000
"""Minimum time between fetches: strangers' tokens must not make us flood the issuer."""

PAUSE_WITHOUT_KEYS_MS = 5_000
"""The same while there are no keys at all; also the Retry-After of the response."""

_MAX_BYTES = 1_048_576
_SECONDS_A_STEP = 5.0
_SECONDS = 10.0
_SECONDS_FOR_ANOTHER = 2.0
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

Fetch = Callable[[], Sequence[SigningKey]]
"""Returns the current keys, or raises one of FAILURES."""

FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: Sequence[SigningKey]
    at: int

    def knows(self, kid: str | None) -> bool:
        return kid is None or any(key.kid == kid for key in self.keys)


class IssuerKeys:
    """The keys of an issuer. Methods may be called from any thread; one thread fetches at a time."""

    def __init__(self, fetch: Fetch, *, refresh: int, clock: Callable[[], int]) -> None:
        self._fetch = fetch
        self._refresh_ms = refresh * 1_000
        self._clock = clock
        self._fetching = threading.Lock()
        self._kept: _KeySet | None = None
        self._tried: int | None = None

    def may_wait(self, kid: str | None) -> bool:
        """Whether looking up that key may fetch, or wait for another thread's fetch."""
        return (self._due() and not self._fresh(kid)) or (self._fetching.locked() and self._lacks(kid))

    def fitting(self, algorithm: str, kid: str | None) -> Sequence[SigningKey]:
        """The keys that a token of that algorithm and key name may be signed with.

        Raises IssuerUnavailableError if there are no keys.
        """
        if self.may_wait(kid):
            self._refresh(kid)
        kept = self._kept
        if kept is None or self._age(kept.at) > max(KEEP_MS, self._refresh_ms):
            raise IssuerUnavailableError
        return [key for key in kept.keys if algorithm in key.algorithms and kid in (None, key.kid)]

    def _refresh(self, kid: str | None) -> None:
        """Fetch the keys. If another thread is fetching, wait for it only if the key is not cached."""
        if not self._fetching.acquire(timeout=_SECONDS_FOR_ANOTHER if self._lacks(kid) else 0):
            return
        try:
            if self._due() and not self._fresh(kid):
                self._tried = self._clock()
                self._kept = _KeySet(self._fetch(), self._clock())
        except FAILURES as error:
            log.warning("the keys of the token issuer could not be fetched: %s", str(error) or type(error).__name__)
        finally:
            self._fetching.release()

    def _lacks(self, kid: str | None) -> bool:
        return self._kept is None or not self._kept.knows(kid)

    def _fresh(self, kid: str | None) -> bool:
        kept = self._kept
        return kept is not None and kept.knows(kid) and self._age(kept.at) < self._refresh_ms

    def _due(self) -> bool:
        pause = PAUSE_WITHOUT_KEYS_MS if self._kept is None else PAUSE_MS
        return self._tried is None or self._age(self._tried) >= pause

    def _age(self, moment: int) -> int:
        """Age in ms. If the clock was set back the age is unknown, so it counts as old."""
        age = self._clock() - moment
        return age if age >= 0 else KEEP_MS


def from_issuer(issuer: str) -> Sequence[SigningKey]:
    """The keys that the discovery document of an issuer names. Raises one of FAILURES."""
    return from_address(endpoint(discovered(issuer), "jwks_uri", issuer))


def discovered(issuer: str) -> Mapping[str, Any]:
    """The discovery document of an issuer. Raises one of FAILURES."""
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    text = fetched(url)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise BadKeySetError(f"{url} is not JSON") from None
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise BadKeySetError(f"{url} is not of the issuer {issuer}: its `issuer` must be the very same text")
    return document


def endpoint(document: Mapping[str, Any], name: str, issuer: str) -> str:
    """An address that a discovery document names. Raises one of FAILURES."""
    where = document.get(name)
    if not isinstance(where, str) or not _as_safe(where, issuer):
        raise BadKeySetError(f"the issuer {issuer} names no https:// address as its `{name}`")
    return where


def from_address(url: str) -> Sequence[SigningKey]:
    """The keys at an address. Raises one of FAILURES."""
    return _of(url, fetched(url))


def from_file(path: Path) -> Sequence[SigningKey]:
    """The keys in a file. Raises one of FAILURES."""
    with path.open("rb") as file:
        return _of(str(path), file.read(_MAX_BYTES + 1))


def fetched(url: str, *, form: Mapping[str, str] | None = None, credentials: tuple[str, str] | None = None) -> bytes:
    """The response body of a URL, with limits on size and time, and no redirects.

    A `form` is posted; `credentials` go with it. Raises one of FAILURES.
    """
    end = time.monotonic() + _SECONDS
    body = bytearray()
    # A proxy cannot reach this machine's loopback address.
    proxied = urlsplit(url).hostname not in _THIS_MACHINE
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with (
        httpx.Client(timeout=_SECONDS_A_STEP, follow_redirects=False, trust_env=proxied, auth=credentials) as client,
        client.stream("POST" if form else "GET", url, headers=headers, data=dict(form) if form else None) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise BadKeySetError(f"{url} answered {answer.status_code}, not 200")
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > _MAX_BYTES or time.monotonic() > end:
                raise BadKeySetError(f"{url} sent more than {_MAX_BYTES} bytes, or took longer than {_SECONDS:.0f} s")
    return bytes(body)


def _of(where: str, text: bytes) -> Sequence[SigningKey]:
    if len(text) > _MAX_BYTES:
        raise BadKeySetError(f"{where} is longer than {_MAX_BYTES} bytes")
    try:
        return signing_keys(text)
    except BadKeySetError as error:
        raise BadKeySetError(f"{where} is not a set of keys to use: {error}") from None


def _as_safe(url: str, issuer: str) -> bool:
    """Whether a URL is https, or has the issuer's own scheme, host and port."""
    try:
        parts, known = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or parts[:2] == known[:2])
