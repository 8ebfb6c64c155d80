"""Every error that the client raises on purpose. A message says what was asked, what came of it, and the next step.

    ClientError
      UsageError                 the call itself makes no sense; nothing was sent
      BadRequestError            400, 405, 413 and other 4xx: the server's detail says what to mend
      AuthenticationError        401: the token is not, or no longer, good
      PermissionDeniedError      403: the token is good, its scopes do not cover this
      NotFoundError              404: no such activity, or no such path
      ThrottledError             429, and waiting as long as the server says would pass the patience of the retry policy
      ServerError                5xx, still after the tries that the retry policy allows
      UnreachableError           no connection, or no whole answer in time
      ProtocolError              an answer that is not what the API says

No message and no attribute holds the token.
"""


class ClientError(Exception):
    """The root. `status` and `detail` are the server's, where it answered; `seconds` is how long it asked to wait."""

    def __init__(
        self, message: str, *, status: int | None = None, detail: str = "", seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.seconds = seconds


class UsageError(ClientError, ValueError):
    """The call itself makes no sense; nothing was sent."""


class BadRequestError(ClientError):
    """The server refused the request; `detail` says what to mend."""


class AuthenticationError(ClientError):
    """The server does not know the token, or no longer."""


class PermissionDeniedError(ClientError):
    """The token's scopes do not cover the request."""


class NotFoundError(ClientError):
    """No activity of that id that the token may see, or no such path on the server."""


class ThrottledError(ClientError):
    """Too many requests, and the server's wait is longer than the patience of the retry policy."""


class ServerError(ClientError):
    """The server failed, as often as the request was tried."""


class UnreachableError(ClientError):
    """No connection to the server, or no whole answer from it in time."""


class ProtocolError(ClientError):
    """The answer is not what the API says."""
