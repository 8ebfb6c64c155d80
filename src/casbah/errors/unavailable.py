"""What cannot be answered now, though the request is valid, with its status on the wire.

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
      LogStoppedError             503  a witness knows another history of the tenant's transparency log

The answer says in Retry-After when to try again.
"""

from types import MappingProxyType

from casbah.errors.root import CasbahError


class UnavailableError(CasbahError):
    """The request is valid, but the store cannot answer it now."""

    status = 503
    headers = MappingProxyType({"Retry-After": "5"})


class StoreClosedError(UnavailableError):
    """The store is closing."""

    text = "the store is shutting down; try again"


class ShuttingDownError(UnavailableError):
    """The server is shutting down, and still answers so that a load balancer notices."""

    text = "this server is shutting down; retry, or use another server"


class UnwritableError(UnavailableError):
    """The disk refuses a write; the log has the reason. No repair is needed once the disk has room again."""

    text = "the store cannot be written to now; try again"


class ReadOnlyError(UnavailableError):
    """The data directory is read-only, and the store was opened only for reading."""

    text = "the store is read-only: its data directory cannot be written to, so nothing can be stored or changed"


class ClusterUnreachableError(UnavailableError):
    """The cluster, or a part of it, cannot be reached; `why` is for the log. A write may or may not have been done."""

    def __init__(self, why: str) -> None:
        super().__init__("the cluster that holds the activities cannot answer now; try again")
        self.why = why


class BusyError(UnavailableError):
    """The queue of waiting requests is full."""

    text = "too many requests are waiting to be answered; try again"
    headers = MappingProxyType({"Retry-After": "1"})


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

    text = "the keys of the token issuer cannot be fetched now; try again"


class LogStoppedError(UnavailableError):
    """Nothing is added to the transparency log, and so nothing deleted, until the conflict is resolved."""

    text = "the transparency log is stopped, as a witness knows another history of it; `casbah doctor` on the server says more"
