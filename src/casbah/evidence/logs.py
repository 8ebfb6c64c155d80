"""The logs of all tenants of a store. A thread adds what was stored, so often that no activity waits too long."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from casbah.activity.tenant import TenantId
from casbah.base.checked_json import read_json, write_json
from casbah.base.failure import bug, shown
from casbah.evidence.log_files import STATE
from casbah.evidence.tenant_log import CURRENT, Signer, TenantLog
from casbah.store.sealed import SealedStore

log = logging.getLogger("casbah.evidence")
TENANTS, FOLDER = "tenants", "log"
_LOOKS = 4
"""How often a log looks for new activities in the time that an activity may wait."""

FolderOf = Callable[[str], Path]
"""The folder of a tenant's log."""


def log_folder(store: Path, tenant: str) -> Path:
    """The folder of a tenant's logs in a store."""
    return store / TENANTS / tenant / FOLDER


class Logs:
    """Thread-safe. `seconds` is how long an activity may wait for a signed checkpoint. Close it before the store."""

    def __init__(self, store: SealedStore, folder_of: FolderOf, signer: Signer, *, seconds: float) -> None:
        self._store = store
        self._folder_of = folder_of
        self._signer = signer
        self._pause = seconds / _LOOKS
        self._logs: dict[str, TenantLog] = {}
        self._opening = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casbah-log", daemon=True)
        store.before_deleting = self._before_deleting

    @property
    def delay(self) -> float:
        """How many seconds the activity has waited that waits longest for a checkpoint."""
        return max((item.delay for item in list(self._logs.values())), default=0.0)

    def of(self, tenant: str) -> TenantLog:
        """A tenant's log, begun when it is first asked for."""
        with self._opening:
            if tenant not in self._logs:
                sealed = self._store.tenant(TenantId(tenant))
                self._logs[tenant] = TenantLog(self._folder_of(tenant), tenant, sealed, self._signer)
            return self._logs[tenant]

    def begin(self) -> None:
        """Keep the logs up to date until closed."""
        self._thread.start()

    def close(self) -> None:
        """Stop, after what is being written."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._store.before_deleting = None
        for item in self._logs.values():
            item.close()

    def _run(self) -> None:
        while not self._closing.wait(self._pause):
            for tenant in self._store.tenants():
                try:
                    self.of(tenant).advance(leaving=self._closing.is_set)
                except Exception as error:
                    if not self._closing.is_set():
                        what = tenant, shown(error)
                        log.warning("tenant %s: its log cannot be continued: %s", *what, exc_info=bug(error))

    def _before_deleting(self, tenant: str, numbers: Sequence[int]) -> None:
        self.of(tenant).erase(numbers)


def end_before_deleting(store: SealedStore, folder_of: FolderOf) -> None:
    """Where no log is kept: a deletion ends the log that was, as no entry would account for what is gone."""

    def before_deleting(tenant: str, _: Sequence[int]) -> None:
        if (folder_of(tenant) / CURRENT).exists():
            write_json(folder_of(tenant) / CURRENT, ended(folder_of(tenant)))

    store.before_deleting = before_deleting


def ended(folder: Path) -> dict[str, str]:
    """What `current.json` says once no more is added to the log in a folder: the last checkpoint, for the next log."""
    current = read_json(folder / CURRENT)
    if "checkpoint" in current:
        return current
    return {"checkpoint": read_json(folder / current["log"] / STATE)["checkpoint"]}
