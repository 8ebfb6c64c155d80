"""Every error that Casbah raises on purpose, with its status on the wire.

    CasbahError
      RequestError                  the caller's: its message is shown as it is
        MalformedBodyError          400  the body or a parameter cannot be read
          DamagedBodyError          400  a compressed body is damaged or cut short
        UnknownParameterError       400  an unknown parameter, where ignoring it could lose data
        EmptyFilterError            400  an irreversible request without a filter, or with an empty condition
        UnknownFilterError          400  no such filter
        UnsupportedOperatorError    400  the filter exists, the operator does not apply to it
        UncountableFilterError      400  the filter exists, its values cannot be counted one by one
        BadValueError               400  the operator applies, the value has the wrong shape
        LimitExceededError          400  a limit of the request is exceeded
        UnknownSourceError          400  no connector of that name, or none recognises the data
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
          NoSuchRangeError          404  no IP range of that id (or another tenant's)
          NoSuchQueryError          404  no saved query of that id (or another tenant's, or another user's)
          NoSuchExportError         404  no export of that id (or another tenant's, or another user's, or not ready)
          NoSuchRuleError           404  no retention rule of that id (or another tenant's)
          NoSuchSessionError        404  no session of that id (or another tenant's)
          NoSuchSnapshotError       404  no snapshot of that id
          NoSuchRejectError         404  no refused event of that id (or another tenant's)
          RouteNotFoundError        404  no such path
        NotMimickingError           404  the path exists only while the server emulates another
        MethodNotAllowedError       405  the path exists, the method does not
        NameTakenError              409  a token in use has that name
        NotOnClusterError           409  the activities are on a cluster, which Casbah cannot snapshot
        BodyTooLargeError           413  the body is larger than its limit
        UnsupportedEncodingError    415  the Content-Encoding is not supported
        ThrottledError              429  too many requests
      UnavailableError              503  the store cannot answer now; the caller may retry
        StoreClosedError            503  the store is shutting down
        ShuttingDownError           503  the server is shutting down
        UnwritableError             503  the disk is full, read-only or broken
        ReadOnlyError               503  the data directory is read-only
        ClusterUnreachableError     503  the cluster, or a part of it, cannot be reached
        BusyError                   503  the queue of waiting requests is full
        SearchTooLongError          503  a search took longer than its limit
        KeyValueStoreUnavailableError  503  tokens, IP ranges, saved queries or rules cannot be read or written now
        IssuerUnavailableError      503  the issuer's keys, which verify JWTs, cannot be fetched
      OperatorError                 for the operator: shown by the command line, never on the wire
        StoreLockedError            another process owns the data directory
        StoreFormatError            the data directory was written by another format
        DamagedRecordError          a stored record is not what was stored
        KeyValueStoreDamagedError   the database of tokens, IP ranges, saved queries or rules cannot be opened
        BackupError                 a backup cannot be made, read or restored
        BadTenantError              a tenant's name cannot be used
        BadMappingError             a mapping file cannot be used
        BadSettingError             a setting's value cannot be read
        UnknownSettingError         no setting of that name
        NoSuchTokenError            no token of that name or id
        ServerRefusedError          a running server answered with an error

Texts of 401, 403, 404, 405 and 429 are those MDCA's clients look for (docs/compatibility.md, section 7).
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any


class CasbahError(Exception):
    """The root; `status` and `headers` are those of the response."""

    status = 500

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that belong to this error."""
        return {}

    def __reduce__(self) -> tuple[Any, ...]:
        """For `pickle`, which would call the class with the message; most constructors take other arguments."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[CasbahError], args: tuple[Any, ...], attributes: dict[str, Any]) -> CasbahError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


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


class UnknownFilterError(RequestError):
    """A filter that is not in the table."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown filter {clip(name)}{nearest(name, known)}")


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


class BadValueError(RequestError):
    """A value of the wrong type or shape."""

    def __init__(self, filter_name: str, operator: str, value: object, expected: str) -> None:
        super().__init__(f"filter {filter_name!r}, operator {operator!r}: expected {expected}, got {describe(value)}")


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

    def __init__(self) -> None:
        super().__init__("Not found.")


class NoSuchRangeError(NotFoundError):
    """No IP range of that id in the caller's tenant."""

    def __init__(self, range_id: str) -> None:
        super().__init__()
        self.range_id = range_id


class NotAuthenticatedError(RequestError):
    """The request has no credentials."""

    status = 401

    def __init__(self) -> None:
        super().__init__("Authentication credentials were not provided.")

    @property
    def headers(self) -> Mapping[str, str]:
        """The scheme to answer with."""
        return {"WWW-Authenticate": "Token"}


class InvalidTokenError(RequestError):
    """The credentials are not, or no longer, valid. `reason` is for the log; the response does not have it."""

    status = 401

    def __init__(self, reason: str = "") -> None:
        super().__init__("Invalid token.")
        self.reason = reason

    @property
    def headers(self) -> Mapping[str, str]:
        """The scheme to answer with."""
        return {"WWW-Authenticate": "Token"}


class ForeignPageError(RequestError):
    """A session cookie with a request from another site's page."""

    status = 403

    def __init__(self) -> None:
        super().__init__("sessions are accepted only from this server's own pages; send a token instead")


class ForwardedHeaderError(RequestError):
    """A trusted proxy sent a header about its client that cannot be read."""

    def __init__(self, header: str, text: str, expected: str) -> None:
        super().__init__(f"the proxy's header {header} is {clip(text)}; expected {expected}")


class PermissionDeniedError(RequestError):
    """The token is valid, but its scopes do not cover the route."""

    status = 403

    def __init__(self) -> None:
        super().__init__("You do not have permission to perform this action.")


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


class NotMimickingError(RequestError):
    """The route needs a server that emulates another."""

    status = 404

    def __init__(self) -> None:
        super().__init__("this server does not emulate another; start it with `casbah serve --mimic mdca`")


class MethodNotAllowedError(RequestError):
    """The route exists, the method does not."""

    status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f'Method "{method}" not allowed.')
        self.allowed = tuple(allowed)

    @property
    def headers(self) -> Mapping[str, str]:
        """The methods that the route takes."""
        return {"Allow": ", ".join(self.allowed)}


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
        self._accepted = accepted

    @property
    def headers(self) -> Mapping[str, str]:
        """The supported encodings."""
        return {"Accept-Encoding": self._accepted}


class ThrottledError(RequestError):
    """The tenant exceeded its rate of requests; `quota` are headers with that rate."""

    status = 429

    def __init__(self, seconds: int, quota: Mapping[str, str] | None = None) -> None:
        super().__init__(f"Request was throttled. Expected available in {seconds} seconds.")
        self.seconds = seconds
        self.quota = dict(quota or {})

    @property
    def headers(self) -> Mapping[str, str]:
        """When to retry."""
        return {"Retry-After": str(self.seconds), **self.quota}


class UnavailableError(CasbahError):
    """The request is valid, but the store cannot answer it now."""

    status = 503

    @property
    def headers(self) -> Mapping[str, str]:
        """When to retry."""
        return {"Retry-After": "5"}


class StoreClosedError(UnavailableError):
    """The store is closing."""

    def __init__(self) -> None:
        super().__init__("the store is shutting down; try again")


class ShuttingDownError(UnavailableError):
    """The server is shutting down, and still answers so that a load balancer notices."""

    def __init__(self) -> None:
        super().__init__("this server is shutting down; retry, or use another server")


class UnwritableError(UnavailableError):
    """The disk refuses a write; the log has the reason. No repair is needed once the disk has room again."""

    def __init__(self) -> None:
        super().__init__("the store cannot be written to now; try again")


class ReadOnlyError(UnavailableError):
    """The data directory is read-only, and the store was opened only for reading."""

    def __init__(self) -> None:
        super().__init__(
            "the store is read-only: its data directory cannot be written to, so nothing can be stored or changed"
        )


class NotOnClusterError(RequestError):
    """A snapshot was requested, but the activities are on a cluster."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "the activities are on a cluster, which Casbah cannot snapshot; "
            "use the cluster's own snapshots, or copy the activities with `casbah copy`"
        )


class ClusterUnreachableError(UnavailableError):
    """The cluster, or a part of it, cannot be reached; `why` is for the log. A write may or may not have been done."""

    def __init__(self, why: str) -> None:
        super().__init__("the cluster that holds the activities cannot answer now; try again")
        self.why = why


class BusyError(UnavailableError):
    """The queue of waiting requests is full."""

    def __init__(self) -> None:
        super().__init__("too many requests are waiting to be answered; try again")

    @property
    def headers(self) -> Mapping[str, str]:
        """When to retry."""
        return {"Retry-After": "1"}


class SearchTooLongError(UnavailableError):
    """A search took longer than its limit."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"the search took more than {seconds} seconds, the most that CASBAH_SEARCH_SECONDS allows; "
            "narrow the date range, or use fewer values"
        )


class KeyValueStoreUnavailableError(UnavailableError):
    """A key-value store failed; `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} cannot be read or written now; try again")


class IssuerUnavailableError(UnavailableError):
    """The issuer's keys, which verify JWTs, cannot be fetched."""

    def __init__(self) -> None:
        super().__init__("the keys of the token issuer cannot be fetched now; try again")


class OperatorError(CasbahError):
    """For the person at the command line."""


class StoreLockedError(OperatorError):
    """One process owns a data directory at a time."""

    def __init__(self, path: str, owner: str) -> None:
        super().__init__(f"the store at {path} is in use by {owner}; stop it, or point CASBAH_STORE elsewhere")


class StoreFormatError(OperatorError):
    """The files on disk have a format that this version does not read."""


class DamagedRecordError(OperatorError):
    """A stored record whose checksum does not match, or whose dictionary is damaged; `where` says which."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"a stored record is damaged ({where}); restore the store from a backup, or delete the activity"
        )


class KeyValueStoreDamagedError(OperatorError):
    """A key-value database cannot be opened; `problem` says why and how to fix it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")


class BackupError(OperatorError):
    """A backup that cannot be made, is incomplete, or cannot be restored; the message names the part and the remedy."""


class BadTenantError(OperatorError):
    """A tenant name that is not valid. It becomes a directory name, hence the rules."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"tenant name {clip(name)} is not valid; use 1 to 64 of a-z, 0-9, '.', '_', '-', "
            "beginning with a letter or digit"
        )


class BadMappingError(OperatorError):
    """A mapping file that cannot be used; the message says where and why."""


class BadSettingError(OperatorError):
    """A setting's text cannot be read as its type."""

    def __init__(self, name: str, text: str, expected: str) -> None:
        super().__init__(f"setting {name}: expected {expected}, got {clip(text)}")


class UnknownSettingError(OperatorError):
    """No setting has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"--set takes <setting>=<value>; no setting is called {clip(name)}{nearest(name, known)}")


class NoSuchTokenError(OperatorError):
    """There is no token of that name or id to revoke."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no token {clip(name)}; `casbah token list` shows them")


class ServerRefusedError(OperatorError):
    """The running server answered a command with an error."""


def clip(text: str, size: int = 80) -> str:
    """`text` quoted, and truncated to `size` characters."""
    return repr(text if len(text) <= size else text[:size] + "...")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint with the nearest known name, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower()[:200], by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def describe(value: object) -> str:
    """The JSON type of a value, with the value itself, truncated, if it is a scalar."""
    name = next((word for kind, word in _JSON_NAMES if type(value) is kind), type(value).__name__)
    if value is None:
        return name
    if isinstance(value, str | int | float):
        return f"{name} {clip(str(value), 60) if isinstance(value, str) else str(value)[:60]}"
    return f"{name}"


_JSON_NAMES: tuple[tuple[type, str], ...] = (
    (type(None), "null"),
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "list"),
    (tuple, "list"),
    (dict, "object"),
)
