"""What stores have in common that read through a search of each tenant's."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.scope import Scope
from casbah.store.contract import FieldValue, Page, ScanPage, Spans, Wanted


class Search(Protocol):
    """One tenant's activities, to be read; see `Store`."""

    def find(self, query: Query, until: Deadline, /) -> Page: ...
    def scan(self, query: Query, until: Deadline, /) -> ScanPage: ...
    def count(self, predicate: Predicate, until: Deadline, /) -> int: ...
    def most_frequent(self, wanted: Wanted, until: Deadline, /) -> Sequence[FieldValue]: ...
    def histogram(self, spans: Spans, until: Deadline, /) -> Mapping[int, int]: ...


class Reading:
    """See `Store`. `_search` opens one tenant's activities."""

    def _search(self, scope: Scope) -> Search:
        raise NotImplementedError

    def find(self, query: Query, scope: Scope, /, *, until: Deadline = NEVER) -> Page:
        """See `Store.find`."""
        return self._search(scope).find(query, until)

    def scan(self, query: Query, scope: Scope, /, *, until: Deadline = NEVER) -> ScanPage:
        """See `Store.scan`."""
        return self._search(scope).scan(query, until)

    def count(self, predicate: Predicate, scope: Scope, /, *, until: Deadline = NEVER) -> int:
        """See `Store.count`."""
        return self._search(scope).count(predicate, until)

    def most_frequent(self, wanted: Wanted, scope: Scope, /, *, until: Deadline = NEVER) -> Sequence[FieldValue]:
        """See `Store.most_frequent`."""
        return self._search(scope).most_frequent(wanted, until)

    def histogram(self, spans: Spans, scope: Scope, /, *, until: Deadline = NEVER) -> Mapping[int, int]:
        """See `Store.histogram`."""
        return self._search(scope).histogram(spans, until)
