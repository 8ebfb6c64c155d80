"""A snapshot: a consistent copy of a store's folder at one moment, made during reads and writes.

It is inside the folder and consists mostly of hard links, so it is made in moments and takes no space until the store changes.
"""

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from casbah.activity.tenant import TENANTS
from casbah.base.checked_json import write_json
from casbah.base.fsync import copy_beside, make_folder, read_only
from casbah.errors import NoSuchSnapshotError, ReadOnlyError
from casbah.evidence.logs import Logs, ended, log_folder
from casbah.evidence.tenant_log import CURRENT
from casbah.store.contract import Store
from casbah.store.format import FILE as FORMAT_FILE

FOLDER = "snapshots"
_LEFT_OUT = frozenset({FOLDER, TENANTS, "exports", "lock", "server.json", FORMAT_FILE})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`created` is in ms; `totals` is the number of activities per tenant."""

    id: str
    created: int
    totals: Mapping[str, int]


class Snapshots:
    """Makes and removes snapshots. Those of a killed process are removed when the store is next opened."""

    def __init__(self, folder: Path, store: Store, *, clock: Callable[[], int], logs: Logs | None = None) -> None:
        self._store_folder = folder
        self._folder = folder / FOLDER
        self._store = store
        self._clock = clock
        self._logs = logs
        shutil.rmtree(self._folder, ignore_errors=True)

    def make(self) -> Snapshot:
        """Make a snapshot. It contains everything acknowledged before the call. Raises ReadOnlyError."""
        if read_only(self._store_folder):
            raise ReadOnlyError
        snapshot_id = secrets.token_hex(8)
        into = self._folder / snapshot_id
        make_folder(into, mode=0o700)
        try:
            totals = self._store.snapshot(into)
            self._name_logs(into)
            for item in self._store_folder.iterdir():
                if item.name not in _LEFT_OUT:
                    copy_beside(item, into / item.name)
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise
        return Snapshot(snapshot_id, self._clock(), totals)

    def _name_logs(self, into: Path) -> None:
        """Note the last checkpoint of each transparency log: the copy begins another log, which names it."""
        if self._logs is not None:
            self._logs.keep_cosignatures()
        for tenant in (into / TENANTS).glob("*"):
            if (log_folder(self._store_folder, tenant.name) / CURRENT).exists():
                make_folder(log_folder(into, tenant.name), mode=0o700)
                write_json(log_folder(into, tenant.name) / CURRENT, ended(log_folder(self._store_folder, tenant.name)))

    def remove(self, snapshot_id: str) -> None:
        """Remove a snapshot. Raises NoSuchSnapshotError."""
        matching = [
            item for item in (self._folder.iterdir() if self._folder.is_dir() else ()) if item.name == snapshot_id
        ]
        if not matching:
            raise NoSuchSnapshotError
        shutil.rmtree(matching[0])
