"""The credentials: an API token, or a bearer token that may be renewed. Only `header` reveals them."""

from collections.abc import Awaitable, Callable
from typing import Any

from casbah.client.errors import UsageError

Renewal = str | Callable[[], str]
AsyncRenewal = str | Callable[[], str | Awaitable[str]]


class Key:
    """The content of the Authorization header. A callable is called for each request, so that it can renew the token."""

    __slots__ = ("_scheme", "_token")

    def __init__(self, *, token: str | None, bearer: AsyncRenewal | None) -> None:
        if (token is None) == (bearer is None):
            raise UsageError('pass either token="..." or bearer=...')
        self._scheme, self._token = ("Bearer", bearer) if token is None else ("Token", token)
        if not callable(self._token):
            self.header(self._token)

    def __repr__(self) -> str:
        return f"<Key: {self._scheme}, hidden>"

    def current(self) -> Any:
        """The current token, or an awaitable of it if the callable returns one."""
        return self._token() if callable(self._token) else self._token

    def header(self, token: Any) -> str:
        """The Authorization header. Raises UsageError for an invalid token, without showing it."""
        text = token.strip() if isinstance(token, str) else ""
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            kind = "something else" if isinstance(token, str) else f"{type(token).__name__}"
            raise UsageError(
                f"{self._scheme.lower()}: expected one word of printable ASCII, got {kind} (not shown here)"
            )
        return f"{self._scheme} {text}"
