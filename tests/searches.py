"""The searches that the engines run for an answer: how its cost grows, whatever the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.opensearch.cluster import Cluster

_SEARCHES = (
    *((PartitionSearcher, name) for name in ("matching", "search", "date_keys", "tally", "numbers", "histogram")),
    *((Cluster, name) for name in ("search", "search_view")),
)


@contextmanager
def searches() -> Iterator[list[str]]:
    """The names of the searches that are run meanwhile, by whichever store."""
    names: list[str] = []
    with pytest.MonkeyPatch.context() as patching:
        for engine, name in _SEARCHES:
            patching.setattr(engine, name, _told(getattr(engine, name), names))
        yield names


def _told(whole: Any, names: list[str]) -> Any:
    def search(*arguments: Any, **more: Any) -> Any:
        names.append(whole.__name__)
        return whole(*arguments, **more)

    return search
