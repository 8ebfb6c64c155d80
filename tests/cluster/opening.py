"""Stores on the tests' cluster, each with indices of its own that go with it."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from casbah import settings
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.store import OpenSearchStore
from cluster.nodes import Nodes
from making import NOW

TOLD: list[tuple[str, int, int, int, int]] = []
"""What the faults came to: acts acknowledged, errors, activities lost and doubled."""


class Place:
    """Indices with a prefix of their own, on which any number of stores may be opened."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.prefix = f"t{secrets.token_hex(4)}"

    @property
    def address(self) -> str:
        return f"opensearch+http://{self.nodes.hosts}/{self.prefix}"

    def cluster(self) -> Cluster:
        chosen = settings.read({}, store=self.address).cluster
        assert chosen is not None
        return Cluster(chosen)

    def opened(self, *, clock: Callable[[], int] = lambda: NOW, replicas: int = 1) -> OpenSearchStore:
        return OpenSearchStore(self.cluster(), clock=clock, replicas=replicas)

    def remove(self) -> None:
        self.nodes.ask("DELETE", f"/{self.prefix}~*")
        self.nodes.ask("DELETE", f"/_index_template/{self.prefix}~activities")


@contextmanager
def place(nodes: Nodes) -> Iterator[Place]:
    made = Place(nodes)
    try:
        yield made
    finally:
        made.remove()


@contextmanager
def opened(nodes: Nodes) -> Iterator[OpenSearchStore]:
    with place(nodes) as made:
        store = made.opened()
        try:
            yield store
        finally:
            store.close()
