"""The credentials: an API token, or a bearer token that may be renewed. Nothing here shows them but `header`."""

from collections.abc import Awaitable, Callable
from typing import Any

from casbah.client.errors import UsageError

Renewal = str | Callable[[], str]
AsyncRenewal = str | Callable[[], str | Awaitable[str]]


class Key:
    """What the Authorization header says. A callable is asked anew at each request, so that it may renew what it gives."""

    __slots__ = ("_given", "_scheme")

    def __init__(self, *, token: str | None, bearer: AsyncRenewal | None) -> None:
        if (token is None) == (bearer is None):
            raise UsageError('give one of token="..." and bearer=..., and not both')
        self._scheme, self._given = ("Bearer", bearer) if token is None else ("Token", token)
        if not callable(self._given):
            self.header(self._given)

    def __repr__(self) -> str:
        return f"<Key: {self._scheme}, hidden>"

    def given(self) -> Any:
        """The token as it is now, or what a callable gives: to be awaited first where that is awaitable."""
        return self._given() if callable(self._given) else self._given

    def header(self, given: Any) -> str:
        """The Authorization header. Raises UsageError where `given` cannot stand in one; the message does not show it."""
        text = given.strip() if isinstance(given, str) else ""
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            found = "something else" if isinstance(given, str) else f"{type(given).__name__}"
            raise UsageError(
                f"{self._scheme.lower()}: expected one word of printable ASCII, got {found} (not shown here)"
            )
        return f"{self._scheme} {text}"
