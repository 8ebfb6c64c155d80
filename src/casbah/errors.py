"""Every error that Casbah raises on purpose, with its status on the wire.

    CasbahError
      RequestError                  the caller's: its message is shown as it is
        MalformedBodyError          400  the body or a parameter cannot be read
        UnknownParameterError       400  a parameter that the route does not know, where that could lose or destroy something
        EmptyFilterError            400  a request that cannot be undone names no activities, or a condition that is empty
        UnknownFilterError          400  no such filter
        UnsupportedOperatorError    400  the filter exists, the operator does not apply to it
        UncountableFilterError      400  the filter exists, its values cannot be counted one by one
        BadValueError               400  the operator applies, the value has the wrong shape
        LimitExceededError          400  a bound of the request was passed
        UnknownSourceError          400  no connector of that name, or none recognises the data
        ProtectedActsError          400  a retention rule would delete Casbah's own acts
        BadRangeError               400  an IP range cannot be kept
        ForwardedHeaderError        400  what a trusted proxy says of its client cannot be read
        NotAuthenticatedError       401  no credentials
        InvalidTokenError           401  unknown, expired, revoked or malformed token
        ForeignPageError            403  a session's cookie on a request of another site's page
        PermissionDeniedError       403  the token lacks the scope
        BadNameError                400  a token cannot have that name
        CannotGrantError            403  a token may not have more scopes than its creator
        NotFoundError               404  what is asked for is not there, or not the caller's to see
          ActivityNotFoundError     404  no such activity (or another tenant's)
          NoSuchRangeError          404  no IP range of that id (or another tenant's)
          NoSuchQueryError          404  no saved query of that id (or another tenant's, or somebody else's)
          NoSuchExportError         404  no export of that id (or another tenant's, or somebody else's, or not ready)
          NoSuchRuleError           404  no retention rule of that id (or another tenant's)
          NoSuchSessionError        404  no session of that id (or another tenant's)
          NoSuchSnapshotError       404  no snapshot of that id
          NoSuchRejectError         404  no refused event of that id (or another tenant's)
          RouteNotFoundError        404  no such path
        NotMimickingError           404  the path is there for a server that mimics another, and this one does not
        MethodNotAllowedError       405  the path exists, the method does not
        NameTakenError              409  a token in use has that name
        NotOnClusterError              409  the activities are on a cluster, and it is the cluster's to do this
        BodyTooLargeError           413  past the byte limit
        UnsupportedEncodingError    415  the body has a Content-Encoding that is not read
        ThrottledError              429  too many requests
      UnavailableError              503  the store cannot answer now; the caller may try again
        StoreClosedError            503  the store is shutting down
        ShuttingDownError                503  the server is about to stop, and is not ready for more
        UnwritableError             503  the disk is full, read-only or broken
        ReadOnlyError               503  the data directory can be read only, and was opened so
        ClusterUnreachableError            503  the cluster cannot be reached, or not all of it is there
        BusyError                   503  more requests wait than may
        SearchTooLongError          503  a search ran over its limit
        KeyValueStoreUnavailableError       503  tokens, IP ranges, saved queries or rules cannot be read or written now
        IssuerUnavailableError      503  no keys of the issuer to judge a JWT by
      OperatorError                 for the operator: shown by the command line, never on the wire
        StoreLockedError            another process owns the data directory
        StoreFormatError            the data directory was written by another format
        KeyValueStoreDamagedError           the database of tokens, IP ranges, saved queries or rules cannot be opened
        BackupError                 a backup cannot be made, read or put back
        BadTenantError              a tenant's name cannot be used
        BadMappingError             a mapping file cannot be used
        BadSettingError             a setting's value cannot be read
        UnknownSettingError         no setting of that name
        NoSuchTokenError            no token of that name or id
        ServerRefusedError          a running server answered with an error

Texts of 401, 403, 404, 405 and 429 are those MDCA's clients look for (`wire.md`, section 7).
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any


class CasbahError(Exception):
    """The root; `status` is the HTTP status, `headers` go out beside the answer."""

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
    """The body or a parameter is not what the route reads."""


class UnknownParameterError(RequestError):
    """A parameter that the route does not know, on a request that stores events or cannot be undone."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        takes = f"takes {', '.join(known)}" if known else "takes no parameters"
        super().__init__(f"unknown parameter {clip(name)}{nearest(name, known)}; this request {takes}")


class EmptyFilterError(RequestError):
    """No filter, or a condition that restricts nothing, on a request that cannot be undone."""


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
    """A bound of the request; the message names the bound and its setting where it has one."""


class UnknownSourceError(RequestError):
    """No connector goes by that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown source {clip(name)}{nearest(name, known)}; known: {', '.join(known)}")


class ProtectedActsError(RequestError):
    """A retention rule that names the app whose activities are Casbah's own acts."""

    def __init__(self, service: int) -> None:
        super().__init__(
            f"filters: rules do not delete Casbah's own acts (service {service}); how long these are kept, the owner of the "
            "data directory says with `casbah retention trail`"
        )


class BadRangeError(RequestError):
    """An IP range that cannot be kept; the message says which key is wrong."""


class NotFoundError(RequestError):
    """What is asked for is not there, or not the caller's to see: which of the two is never said."""

    status = 404

    def __init__(self) -> None:
        super().__init__("Not found.")


class NoSuchRangeError(NotFoundError):
    """No IP range of that id in the caller's tenant."""

    def __init__(self, range_id: str) -> None:
        super().__init__()
        self.range_id = range_id


class NotAuthenticatedError(RequestError):
    """The request bears no credentials."""

    status = 401

    def __init__(self) -> None:
        super().__init__("Authentication credentials were not provided.")

    @property
    def headers(self) -> Mapping[str, str]:
        """The scheme to answer with."""
        return {"WWW-Authenticate": "Token"}


class InvalidTokenError(RequestError):
    """The credentials are not, or no longer, good; `reason` is for the log, the caller is told nothing of it."""

    status = 401

    def __init__(self, reason: str = "") -> None:
        super().__init__("Invalid token.")
        self.reason = reason

    @property
    def headers(self) -> Mapping[str, str]:
        """The scheme to answer with."""
        return {"WWW-Authenticate": "Token"}


class ForeignPageError(RequestError):
    """A session's cookie came with a request that another site's page made."""

    status = 403

    def __init__(self) -> None:
        super().__init__("a session counts only for requests of this server's own pages; send a token instead")


class ForwardedHeaderError(RequestError):
    """A trusted proxy sent a header about its client that cannot be read."""

    def __init__(self, header: str, text: str, expected: str) -> None:
        super().__init__(f"the proxy's header {header} is {clip(text)}; expected {expected}")


class PermissionDeniedError(RequestError):
    """The token is good, its scopes do not cover the route."""

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
        super().__init__(f"name: there is a token {clip(name)} already; revoke it first, or choose another name")


class CannotGrantError(RequestError):
    """A token may do no more than the caller who creates it."""

    status = 403

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"scopes: a token cannot be given what its creator does not have: {', '.join(scopes)}")


class ActivityNotFoundError(NotFoundError):
    """No activity of that id in the caller's tenant."""


class NoSuchQueryError(NotFoundError):
    """No saved query of that id, or somebody else's."""


class NoSuchExportError(NotFoundError):
    """No export of that id, or somebody else's; or its file is not there yet."""


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
    """What is asked for needs a server that mimics another."""

    status = 404

    def __init__(self) -> None:
        super().__init__("this server mimics none; start it with `casbah serve --mimic mdca`")


class MethodNotAllowedError(RequestError):
    """The route exists, the method does not."""

    status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f'Method "{method}" not allowed.')
        self.allowed = tuple(allowed)

    @property
    def headers(self) -> Mapping[str, str]:
        """What the route takes instead."""
        return {"Allow": ", ".join(self.allowed)}


class BodyTooLargeError(RequestError):
    """The body is larger than the limit for its route."""

    status = 413

    def __init__(self, limit: int, setting: str) -> None:
        super().__init__(f"request body is larger than {limit} bytes (setting {setting})")


class UnsupportedEncodingError(RequestError):
    """A Content-Encoding that is not read (RFC 9110, 15.5.16)."""

    status = 415

    def __init__(self, encoding: str, accepted: str) -> None:
        super().__init__(f"Content-Encoding {clip(encoding)} is not supported; send {accepted}, or nothing compressed")
        self._accepted = accepted

    @property
    def headers(self) -> Mapping[str, str]:
        """What would be read."""
        return {"Accept-Encoding": self._accepted}


class ThrottledError(RequestError):
    """The tenant asked more often than its rate; `quota` are headers that say what the rate is."""

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
    """Nothing is wrong with the request; the store cannot answer it now."""

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
    """The server is told to stop, and says so before it does."""

    def __init__(self) -> None:
        super().__init__("this server is about to stop; ask another, or again")


class UnwritableError(UnavailableError):
    """The disk refuses what is to be stored; the reason is in the log. Nothing need be repaired once it has room again."""

    def __init__(self) -> None:
        super().__init__("the disk does not take what is to be stored now; try again")


class ReadOnlyError(UnavailableError):
    """The data directory cannot be written to, and was opened to be read."""

    def __init__(self) -> None:
        super().__init__(
            "the store is read-only: its data directory cannot be written to, so nothing can be stored or changed"
        )


class NotOnClusterError(RequestError):
    """The activities are on a cluster, and it is the cluster's to do this; the message says how."""

    status = 409

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"the activities are on a cluster, of which {what} cannot be made here; {instead}")


class ClusterUnreachableError(UnavailableError):
    """The cluster cannot be reached, or not all of it is there; `why` is for the log. What was sent may be done or not."""

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
    """A search ran over its limit."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"the search took more than {seconds} seconds, the most that CASBAH_SEARCH_SECONDS allows; "
            "ask for less time (date), or for fewer values"
        )


class KeyValueStoreUnavailableError(UnavailableError):
    """A key-value store fails while in use; `what` says which one."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} cannot be read or written now; try again")


class IssuerUnavailableError(UnavailableError):
    """A JWT cannot be verified without its issuer's keys."""

    def __init__(self) -> None:
        super().__init__("the keys of the token issuer cannot be had now; try again")


class OperatorError(CasbahError):
    """For the person at the command line."""


class StoreLockedError(OperatorError):
    """One process owns a data directory at a time."""

    def __init__(self, path: str, owner: str) -> None:
        super().__init__(f"the store at {path} is in use by {owner}; stop it, or point CASBAH_STORE elsewhere")


class StoreFormatError(OperatorError):
    """The files on disk are of a format that this version does not read."""


class KeyValueStoreDamagedError(OperatorError):
    """A key-value database cannot be opened; `problem` says why and how to fix it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")


class BackupError(OperatorError):
    """A backup that cannot be made, is not whole, or cannot be put back; the message says which part and what helps."""


class BadTenantError(OperatorError):
    """Tenant names become directory names, so they are plain."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"tenant name {clip(name)} will not do; use 1 to 64 of a-z, 0-9, '.', '_', '-', "
            "beginning with a letter or digit"
        )


class BadMappingError(OperatorError):
    """A mapping file that cannot be used; the message says where and why."""


class BadSettingError(OperatorError):
    """A setting's text cannot be read as its type."""

    def __init__(self, name: str, text: str, expected: str) -> None:
        super().__init__(f"setting {name}: expected {expected}, got {clip(text)}")


class UnknownSettingError(OperatorError):
    """No setting goes by that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"--set takes <setting>=<value>; no setting is called {clip(name)}{nearest(name, known)}")


class NoSuchTokenError(OperatorError):
    """The token to revoke is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no token {clip(name)}; `casbah token list` shows them")


class ServerRefusedError(OperatorError):
    """The running server answered a command with an error."""


def clip(text: str, size: int = 80) -> str:
    """`text` quoted and cut, so that a message stays a message."""
    return repr(text if len(text) <= size else text[:size] + "...")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint at the nearest known name, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower()[:200], by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def describe(value: object) -> str:
    """The JSON type of a value, and the value itself where it is short."""
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
