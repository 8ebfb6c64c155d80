"""What the caller of a request can fix, with its status on the wire.

    RequestError                  the caller's: its message is shown as it is
      MalformedBodyError          400  the body or a parameter cannot be read
        DamagedBodyError          400  a compressed body is damaged or cut short
      UnknownParameterError       400  an unknown parameter, where ignoring it could lose data
      EmptyFilterError            400  an irreversible request without a filter, or with an empty condition
      UnknownFilterError          400  no such filter
      UnsupportedOperatorError    400  the filter exists, the operator does not apply to it
      UncountableFilterError      400  the filter exists, its values cannot be counted one by one
      UnanswerableFilterError     400  MDCA has such a filter of entities, activities do not answer it
      SearchError                 400  a search cannot be read; names the place
      BadValueError               400  the operator applies, the value has the wrong shape
      LimitExceededError          400  a limit of the request is exceeded
      UnknownSourceError          400  no connector of that name, or none recognizes the data
      ProtectedActsError          400  a retention rule would delete Casbah's own acts
      BadRangeError               400  an IP range is not valid
      ForwardedHeaderError        400  a trusted proxy's header about its client cannot be read
      NotAuthenticatedError       401  no credentials
      InvalidTokenError           401  unknown, expired, revoked or malformed token
      ForeignPageError            403  a session cookie with a request from another site's page
      PermissionDeniedError       403  the token lacks the scope
      BadNameError                400  a token cannot have that name
      CannotGrantError            403  a token may not have more scopes than its creator
      NotFoundError               404  no such thing, or the caller may not see it
        ActivityNotFoundError     404  no such activity (or another tenant's)
        NoSuchEntityError         404  nobody with that key performed an activity (or in another tenant)
        NoSuchRangeError          404  no IP range of that id (or another tenant's)
        NoSuchQueryError          404  no saved query of that id (or another tenant's, or another user's)
        NoSuchExportError         404  no export of that id (or another tenant's, or another user's, or not ready)
        NoSuchRuleError           404  no retention rule of that id (or another tenant's)
        NoSuchSessionError        404  no session of that id (or another tenant's)
        NoSuchSnapshotError       404  no snapshot of that id
        NoSuchRejectError         404  no refused event of that id (or another tenant's)
        RouteNotFoundError        404  no such path
          NotServedError          404  a part of MDCA's API that Casbah does not have
      NotMimickingError           404  the path exists only while the server emulates another
      NoLogError                  404  the server keeps no transparency log
      MethodNotAllowedError       405  the path exists, the method does not
      NameTakenError              409  a token in use has that name
      NotOnClusterError           409  the activities are on a cluster, which Casbah cannot snapshot
      BodyTooLargeError           413  the body is larger than its limit
      UnsupportedEncodingError    415  the Content-Encoding is not supported
      ThrottledError              429  too many requests

Texts of 401, 403, 404, 405 and 429 are those MDCA's clients look for (docs/compatibility.md, section 7).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from casbah.errors.root import CasbahError
from casbah.errors.wording import clip, describe, nearest

_SCHEME: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": "Token"})


class RequestError(CasbahError):
    """The caller can fix it; the message says how."""

    status = 400


class MalformedBodyError(RequestError):
    """The body or a parameter cannot be read."""


class DamagedBodyError(MalformedBodyError):
    """A compressed body that cannot be decompressed to its end."""

    def __init__(self, coding: str) -> None:
        super().__init__(f"body: cannot be decompressed as {coding}; it is damaged or cut short")


class UnknownParameterError(RequestError):
    """A parameter that the route does not know, on a request that stores events or is irreversible."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        takes = f"takes {', '.join(known)}" if known else "takes no parameters"
        super().__init__(f"unknown parameter {clip(name)}{nearest(name, known)}; this request {takes}")


class EmptyFilterError(RequestError):
    """No filter, or a condition that restricts nothing, on an irreversible request."""


_FEW = 12


class UnknownFilterError(RequestError):
    """A filter that is not in the table. The message has the nearest one, or all of them if they are few."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        all_of_them = f"; there are {', '.join(known)}" if len(known) <= _FEW else ""
        super().__init__(f"unknown filter {clip(name)}{nearest(name, known) or all_of_them}")


class UnsupportedOperatorError(RequestError):
    """An operator that the filter does not take, or that does not exist."""

    def __init__(self, filter_name: str, operator: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"filter {filter_name!r} does not take operator {clip(operator)}"
            f"{nearest(operator, allowed)}; it takes {', '.join(allowed)}"
        )


class UncountableFilterError(RequestError):
    """A filter whose values cannot be counted one by one."""

    def __init__(self, filter_name: str, countable: Sequence[str]) -> None:
        super().__init__(f"the values of filter {filter_name!r} cannot be counted; those of {', '.join(countable)} can")


class UnanswerableFilterError(RequestError):
    """A filter of entities that is documented, but not answered by activities."""

    def __init__(self, filter_name: str, answerable: Sequence[str]) -> None:
        super().__init__(
            f"filter {filter_name!r} cannot be answered from activities; these can: {', '.join(answerable)}"
        )


class SearchError(RequestError):
    """A search that cannot be read. `position` and `length` are those of the part at fault, in characters."""

    def __init__(self, message: str, *, position: int, length: int) -> None:
        super().__init__(f"search, character {position + 1}: {message}")
        self.message, self.position, self.length = message, position, length


class BadValueError(RequestError):
    """A value of the wrong type or shape."""

    def __init__(self, filter_name: str, operator: str, value: object, expected: str) -> None:
        super().__init__(f"filter {filter_name!r}, operator {operator!r}: expected {expected}, got {describe(value)}")
        self.expected = expected


class LimitExceededError(RequestError):
    """A limit of the request is exceeded; the message names the limit, and its setting if it has one."""


class UnknownSourceError(RequestError):
    """No connector has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown source {clip(name)}{nearest(name, known)}; known: {', '.join(known)}")


class ProtectedActsError(RequestError):
    """A retention rule that names the app whose activities are Casbah's own acts."""

    def __init__(self, service: int) -> None:
        super().__init__(
            f"filters: rules do not delete Casbah's own acts (service {service}); "
            "the owner of the data directory sets how long these are kept with `casbah retention trail`"
        )


class BadRangeError(RequestError):
    """An IP range that is not valid; the message names the key."""


class NotFoundError(RequestError):
    """It does not exist, or the caller may not see it; the response does not say which."""

    status = 404
    text = "Not found."


class NoSuchEntityError(NotFoundError):
    """No activity of the caller's tenant was performed by an entity with that key."""


class NoSuchRangeError(NotFoundError):
    """No IP range of that id in the caller's tenant."""


class NotAuthenticatedError(RequestError):
    """The request has no credentials."""

    status = 401
    text = "Authentication credentials were not provided."
    headers = _SCHEME


class InvalidTokenError(RequestError):
    """The credentials are not, or no longer, valid. `reason` is for the log; the response does not have it."""

    status = 401
    headers = _SCHEME

    def __init__(self, reason: str = "") -> None:
        super().__init__("Invalid token.")
        self.reason = reason


class ForeignPageError(RequestError):
    """A session cookie with a request from another site's page."""

    status = 403
    text = "sessions are accepted only from this server's own pages; send a token instead"


class ForwardedHeaderError(RequestError):
    """A trusted proxy sent a header about its client that cannot be read."""

    def __init__(self, header: str, text: str, expected: str) -> None:
        super().__init__(f"the proxy's header {header} is {clip(text)}; expected {expected}")


class PermissionDeniedError(RequestError):
    """The token is valid, but its scopes do not cover the route."""

    status = 403
    text = "You do not have permission to perform this action."


class BadNameError(RequestError):
    """A name that a token cannot have; the message says why."""

    def __init__(self, why: str) -> None:
        super().__init__(f"name: {why}")


class NameTakenError(RequestError):
    """Another token of the tenant that is in use has the name."""

    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"name: there is already a token {clip(name)}; revoke it first, or choose another name")


class CannotGrantError(RequestError):
    """A token with scopes that its creator lacks."""

    status = 403

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"scopes: a token cannot have scopes that its creator lacks: {', '.join(scopes)}")


class ActivityNotFoundError(NotFoundError):
    """No activity of that id in the caller's tenant."""


class NoSuchQueryError(NotFoundError):
    """No saved query of that id, or another user's."""


class NoSuchExportError(NotFoundError):
    """No export of that id, or another user's, or it is not ready yet."""


class NoSuchRuleError(NotFoundError):
    """No retention rule of that id in the caller's tenant."""


class NoSuchSessionError(NotFoundError):
    """No session of that id in the caller's tenant."""


class NoSuchSnapshotError(NotFoundError):
    """No snapshot of that id."""


class NoSuchRejectError(NotFoundError):
    """No refused event of that id."""


class RouteNotFoundError(NotFoundError):
    """No route at that path."""


class NotServedError(RouteNotFoundError):
    """A path of a part of MDCA's API that Casbah does not have, such as files."""

    def __init__(self, part: str) -> None:
        super().__init__(f"This server does not provide {part}.")


class NotMimickingError(RequestError):
    """The route needs a server that emulates another."""

    status = 404
    text = "this server does not emulate another; start it with `casbah serve --mimic mdca`"


class NoLogError(RequestError):
    """The server keeps no transparency log."""

    status = 404
    text = "this server keeps no transparency log; the setting CASBAH_LOG_NAME begins one"


class MethodNotAllowedError(RequestError):
    """The route exists, the method does not."""

    status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f'Method "{method}" not allowed.')
        self.headers = {"Allow": ", ".join(allowed)}


class BodyTooLargeError(RequestError):
    """The body is larger than the limit for its route."""

    status = 413

    def __init__(self, limit: int, setting: str) -> None:
        super().__init__(f"request body is larger than {limit} bytes (setting {setting})")


class UnsupportedEncodingError(RequestError):
    """A Content-Encoding that is not supported (RFC 9110, 15.5.16)."""

    status = 415

    def __init__(self, encoding: str, accepted: str) -> None:
        super().__init__(
            f"Content-Encoding {clip(encoding)} is not supported; send {accepted}, or an uncompressed body"
        )
        self.headers = {"Accept-Encoding": accepted}


class ThrottledError(RequestError):
    """The tenant exceeded its rate of requests; `quota` are headers with that rate."""

    status = 429

    def __init__(self, seconds: int, quota: Mapping[str, str] | None = None) -> None:
        super().__init__(f"Request was throttled. Expected available in {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds), **(quota or {})}


class NotOnClusterError(RequestError):
    """A snapshot was requested, but the activities are on a cluster."""

    status = 409
    text = (
        "the activities are on a cluster, which Casbah cannot snapshot; "
        "use the cluster's own snapshots, or copy the activities with `casbah copy`"
    )
