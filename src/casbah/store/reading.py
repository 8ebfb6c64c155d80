"""Read methods shared by stores that have one search object per tenant."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.scope import Scope
from casbah.store.contract import FacetQuery, FieldValue, HistogramQuery, Page, ScanPage


class Search(Protocol):
    """Read access to one tenant's activities; see `Store`."""

    def find(self, query: Query, deadline: Deadline, /) -> Page: ...
    def scan(self, query: Query, deadline: Deadline, /) -> ScanPage: ...
    def count(self, predicate: Predicate, deadline: Deadline, /) -> int: ...
    def top_values(self, query: FacetQuery, deadline: Deadline, /) -> Sequence[FieldValue]: ...
    def histogram(self, query: HistogramQuery, deadline: Deadline, /) -> Mapping[int, int]: ...


class Reading:
    """The read methods of `Store`. Subclasses implement `_search`."""

    def _search(self, scope: Scope) -> Search:
        raise NotImplementedError

    def find(self, query: Query, scope: Scope, /, *, deadline: Deadline = NEVER) -> Page:
        """See `Store.find`."""
        return self._search(scope).find(query, deadline)

    def scan(self, query: Query, scope: Scope, /, *, deadline: Deadline = NEVER) -> ScanPage:
        """See `Store.scan`."""
        return self._search(scope).scan(query, deadline)

    def count(self, predicate: Predicate, scope: Scope, /, *, deadline: Deadline = NEVER) -> int:
        """See `Store.count`."""
        return self._search(scope).count(predicate, deadline)

    def top_values(self, query: FacetQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Sequence[FieldValue]:
        """See `Store.top_values`."""
        return self._search(scope).top_values(query, deadline)

    def histogram(self, query: HistogramQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Mapping[int, int]:
        """See `Store.histogram`."""
        return self._search(scope).histogram(query, deadline)
