"""The client's errors. A message has the request, what went wrong, and what to do about it.

    ClientError
      UsageError                 invalid arguments; nothing was sent
      BadRequestError            400, 405, 413 and other 4xx: the server's detail says what to fix
      AuthenticationError        401: the token is unknown, expired or revoked
      PermissionDeniedError      403: the token's scopes do not cover the request
      NotFoundError              404: no such activity, or no such path
      ThrottledError             429, and the server's wait exceeds the `patience` of the retry policy
      ServerError                5xx, after all attempts of the retry policy
      UnreachableError           no connection, or no complete answer in time
      ProtocolError              an answer that does not follow the API

No message or attribute contains the token.
"""


class ClientError(Exception):
    """The base class. `status` and `detail` are the server's, if it answered; `seconds` is the wait it asked for."""

    def __init__(
        self, message: str, *, status: int | None = None, detail: str = "", seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.seconds = seconds


class UsageError(ClientError, ValueError):
    """Invalid arguments; nothing was sent."""


class BadRequestError(ClientError):
    """The server rejected the request; `detail` says what to fix."""


class AuthenticationError(ClientError):
    """The token is unknown, expired or revoked."""


class PermissionDeniedError(ClientError):
    """The token's scopes do not cover the request."""


class NotFoundError(ClientError):
    """No activity with that id is visible to the token, or the server has no such path."""


class ThrottledError(ClientError):
    """Too many requests, and the server's wait exceeds the `patience` of the retry policy."""


class ServerError(ClientError):
    """The server failed on every attempt."""


class UnreachableError(ClientError):
    """No connection to the server, or no complete answer in time."""


class ProtocolError(ClientError):
    """The answer does not follow the API."""
