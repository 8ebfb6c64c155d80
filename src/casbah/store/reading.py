"""What stores have in common that read through a search of each tenant's."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.scope import Scope
from casbah.store.contract import FacetQuery, FieldValue, HistogramQuery, Page, ScanPage


class Search(Protocol):
    """One tenant's activities, to be read; see `Store`."""

    def find(self, query: Query, deadline: Deadline, /) -> Page: ...
    def scan(self, query: Query, deadline: Deadline, /) -> ScanPage: ...
    def count(self, predicate: Predicate, deadline: Deadline, /) -> int: ...
    def top_values(self, wanted: FacetQuery, deadline: Deadline, /) -> Sequence[FieldValue]: ...
    def histogram(self, spans: HistogramQuery, deadline: Deadline, /) -> Mapping[int, int]: ...


class Reading:
    """See `Store`. `_search` opens one tenant's activities."""

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

    def top_values(self, wanted: FacetQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Sequence[FieldValue]:
        """See `Store.top_values`."""
        return self._search(scope).top_values(wanted, deadline)

    def histogram(self, spans: HistogramQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Mapping[int, int]:
        """See `Store.histogram`."""
        return self._search(scope).histogram(spans, deadline)
