"""The product's own server on a free port, with a store of its own."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import NoReturn

from casbah import compose, settings
from casbah.base.key_value import QUERIES, RANGES, TOKENS, Collection
from casbah.compose import Application
from casbah.errors import ClusterUnreachableError
from casbah.evidence.conflict import Conflict
from casbah.serving.server import address, listening, server_of
from casbah.store.opensearch.store import OpenSearchStore
from scenarios import issuer
from scenarios.runner import Target
from scenarios.scenario import Scenario

_KEYS = "${jwks}"


def _without(kind: Collection) -> Callable[[Application], None]:
    """What a disk may do to a shelf while the server runs."""

    def spoil(house: Application) -> None:
        with closing(sqlite3.connect(house.services.settings.store / f"{kind.name}.db")) as database, database:
            database.execute("pragma writable_schema = on")
            database.execute("update sqlite_master set rootpage = 99999 where name = 'kept'")
            database.execute("pragma schema_version = 99")  # For those who have it open.

    return spoil


def _without_room(house: Application) -> None:
    """What a full disk does to the activities: no writer can be opened."""

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    house.services.store._shared.index_writers._writer = full  # type: ignore[attr-defined]


def _read_only(house: Application) -> None:
    """What a store says whose folder could not be written to when it was opened."""
    object.__setattr__(house.services.store._shared, "read_only", True)  # type: ignore[attr-defined]


def _cluster_away(house: Application) -> None:
    """What every question to a cluster ends in that cannot be reached."""

    def away(*_: object, **__: object) -> NoReturn:
        raise ClusterUnreachableError("it is not there")

    house.services.store.tenant = away  # type: ignore[method-assign]


def _on_a_cluster(house: Application) -> None:
    """The store is asked what one on a cluster would say: nothing else of it needs one."""
    elsewhere = OpenSearchStore.__new__(OpenSearchStore)
    house.services.store.snapshot = elsewhere.snapshot  # type: ignore[method-assign]


def _in_conflict(house: Application) -> None:
    """A witness knows another history of every tenant's log."""
    for tenant in house.services.store.tenants():
        conflict = Conflict("witness.example/w1", "it has cosigned a tree of 3 entries, and the log has 0")
        house.writer.logs.of(tenant).witnessed.stop(conflict)  # type: ignore[union-attr]


# What a file's `store` says is done to it once the seed is in.
_SPOILT: dict[str, Callable[[Application], None] | None] = {
    "open": None,
    "closed": lambda house: house.services.store.close(),
    "without room": _without_room,
    "read-only": _read_only,
    "cluster away": _cluster_away,
    "on a cluster": _on_a_cluster,
    "log in conflict": _in_conflict,
    "leaving": lambda house: house.services.leaving.set(),
    "without tokens": _without(TOKENS),
    "without ranges": _without(RANGES),
    "without queries": _without(QUERIES),
    "out of time": lambda house: object.__setattr__(house.services.settings, "search_seconds", 0),
    "crowded": lambda house: setattr(house.services.pools.search, "_capacity", 0),
}


@contextmanager
def serving(folder: Path, **given: str) -> Iterator[tuple[str, Application]]:
    """The URL of a running server, and its house."""
    chosen = settings.read({}, store=str(folder), **{"port": "0", "audit": "off", **given})
    with compose.build(chosen) as house, listening(chosen) as listener:
        server = server_of(house.app)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address(listener), house
        finally:
            server.should_exit = True
            thread.join()


class Servers:
    """A server for each set of settings that files ask for; one whose store a file spoils is that file's own."""

    def __init__(self, stack: ExitStack, folder: Callable[[], Path]) -> None:
        self._stack, self._folder = stack, folder
        self._running: dict[object, tuple[str, Application]] = {}

    def target(self, scenario: Scenario) -> tuple[Target, Callable[[], None]]:
        """Where to play a file, and what to call when its seed is in."""
        spoil = _SPOILT[scenario.store]
        which = (tuple(sorted(scenario.settings.items())), scenario.file if spoil else "")
        if which not in self._running:
            self._running[which] = self._stack.enter_context(serving(self._folder(), **self._chosen(scenario.settings)))
        url, house = self._running[which]
        return Target(url, house.local_key), partial(spoil, house) if spoil else lambda: None

    def _chosen(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """The settings of a file; `${jwks}` is a file with the keys of the made-up issuer."""
        if _KEYS not in settings.values():
            return settings
        file = self._folder() / "jwks.json"
        file.write_text(issuer.key_set(), encoding="utf-8")
        return {name: str(file) if value == _KEYS else value for name, value in settings.items()}
