"""Authorization headers: a static token, or a temporary one obtained with a secret."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from casbah.ingest.pull.clouds import CLOUDS
from casbah.ingest.pull.contract import ApiRefusedError, ApiUnreachableError
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import Tools

_EARLY_MS = 60_000
_HOUR = 3_600
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True, repr=False)
class Plain:
    """`Authorization: <scheme> <secret>`."""

    scheme: str
    secret: str

    def __call__(self) -> Mapping[str, str]:
        return {"Authorization": f"{self.scheme} {self.secret}"}


class Exchanged:
    """A bearer token from an OAuth 2.0 token endpoint (RFC 6749, 4.4; RFC 7523), renewed a minute before it expires."""

    def __init__(
        self, client: httpx.Client, address: str, form: Callable[[], Mapping[str, str]], *, clock: Callable[[], int]
    ) -> None:
        self._client = client
        self._address = address
        self._form = form
        self._clock = clock
        self._getting = threading.Lock()
        self._header: Mapping[str, str] = {}
        self._until = 0

    def __call__(self) -> Mapping[str, str]:
        with self._getting:
            if self._clock() >= self._until:
                self._get()
            return self._header

    def _get(self) -> None:
        host = httpx.URL(self._address).host
        try:
            answer = self._client.post(self._address, data=dict(self._form()))
        except httpx.TransportError as error:
            raise ApiUnreachableError(f"{host} did not answer: {type(error).__name__}") from None
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise ApiUnreachableError(f"{host} answered with HTTP {answer.status_code}")
        try:
            grant = answer.json()
            token, lifetime = str(grant["access_token"]), int(grant.get("expires_in", _HOUR))
        except (ValueError, KeyError, TypeError):
            raise ApiRefusedError(
                f"{host} returned no token (HTTP {answer.status_code}); check the client's id and secret",
                answer.status_code,
            ) from None
        self._header = {"Authorization": f"Bearer {token}"}
        self._until = self._clock() + lifetime * 1_000 - _EARLY_MS


def microsoft(entry: PullEntry, secret: Secret, tools: Tools, api: str) -> Exchanged:
    """A token of an application in Entra ID for the API at this address of Microsoft's."""
    address = f"{entry.login or CLOUDS[entry.cloud].login}/{entry.tenant}/oauth2/v2.0/token"
    form = client_credentials(entry.client_id, secret, f"{api}/.default")
    return Exchanged(tools.client, address, form, clock=tools.clock)


def client_credentials(client_id: str, secret: str, scope: str) -> Callable[[], Mapping[str, str]]:
    """The form of the client credentials grant."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
    return lambda: form


def service_account(
    email: str, key: str, *, subject: str, scope: str, address: str, clock: Callable[[], int]
) -> Callable[[], Mapping[str, str]]:
    """The form for a Google service account: an assertion signed with its key on behalf of an administrator
    (developers.google.com/identity/protocols/oauth2/service-account).
    """
    private = RSAKey.import_key(key)

    def form() -> Mapping[str, str]:
        now = clock() // 1_000
        claims = {"iss": email, "sub": subject, "scope": scope, "aud": address, "iat": now, "exp": now + _HOUR}
        return {"grant_type": _GRANT, "assertion": jwt.encode({"alg": "RS256"}, claims, private)}

    return form
