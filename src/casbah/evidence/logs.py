"""The logs of all tenants of a store. A thread adds what was stored, so often that no activity waits too long.

Another one asks the witnesses, so that none of them delays the first.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from casbah.activity.tenant import TENANTS, TenantId
from casbah.base.checked_json import read_json, write_json
from casbah.base.failure import bug, shown
from casbah.errors import LogStoppedError
from casbah.evidence.log_files import STATE
from casbah.evidence.tenant_log import CURRENT, Signer, TenantLog
from casbah.evidence.witnessed_trees import cosigned
from casbah.evidence.witnesses import LATE_SECONDS, Witnesses, WitnessState
from casbah.setting_parsers import WitnessAddress
from casbah.store.sealed import SealedStore

log = logging.getLogger("casbah.evidence")
FOLDER = "log"
_LOOKS = 4
"""How often a log looks for new activities in the time that an activity may wait."""

STOPPED: Final = "a log is stopped"
"""How the problem of a stopped log begins."""

FolderOf = Callable[[str], Path]
"""The folder of a tenant's log."""


def log_folder(store: Path, tenant: str) -> Path:
    """The folder of a tenant's logs in a store."""
    return store / TENANTS / tenant / FOLDER


class Logs:
    """Thread-safe. `seconds` is how long an activity may wait for a signed checkpoint. Close it before the store."""

    def __init__(
        self,
        store: SealedStore,
        folder_of: FolderOf,
        signer: Signer,
        *,
        seconds: float,
        witnesses: Sequence[WitnessAddress] = (),
        quorum: int = 1,
    ) -> None:
        self._store = store
        self._folder_of = folder_of
        self._signer = signer
        self._pause = seconds / _LOOKS
        self._logs: dict[str, TenantLog] = {}
        self._opening = threading.Lock()
        self._closing = threading.Event()
        self._witnesses = Witnesses(witnesses, quorum=quorum, closing=self._closing.is_set)
        self._asker = ThreadPoolExecutor(1, thread_name_prefix="casbah-log-ask")
        self._asking = threading.Lock()
        self._next: Future[None] | None = None
        loops = [self._run, self._ask] if witnesses else [self._run]
        self._threads = [threading.Thread(target=loop, name="casbah-log", daemon=True) for loop in loops]
        store.before_deleting = self._before_deleting

    @property
    def delay(self) -> float:
        """How many seconds the activity has waited that waits longest for a checkpoint."""
        return max((item.delay for item in list(self._logs.values())), default=0.0)

    @property
    def witnesses(self) -> Sequence[WitnessState]:
        """How each witness is doing."""
        return self._witnesses.states

    @property
    def stopped(self) -> int:
        """How many logs are stopped, as a witness knows another history of them."""
        return sum(bool(item.witnessed.conflicts) for item in list(self._logs.values()))

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with logs and witnesses, without the names of tenants."""
        conflicts = [conflict for item in list(self._logs.values()) for conflict in item.witnessed.conflicts]
        disagreeing = {item.witness for item in conflicts}
        late = (
            item
            for item in self.witnesses
            if item.name not in disagreeing and (item.age > LATE_SECONDS or item.problem)
        )
        return [
            *(f"{STOPPED}: {item.problem}" for item in conflicts),
            *(
                f"witness {item.name} is {item.age:,.0f} s behind: {item.problem or 'it has not been asked'}"
                for item in late
            ),
        ]

    def of(self, tenant: str) -> TenantLog:
        """A tenant's log, begun when it is first asked for. Witnesses are asked what they know before anything is signed."""
        known = self._logs.get(tenant)
        return self._opened(tenant) if known is None else known

    def ask(self) -> None:
        """Ask the witnesses to cosign the last checkpoints."""
        self._witnesses.ask([item.witnessed for item in list(self._logs.values())])

    def ask_about(self, log: TenantLog, proof: str) -> Future[None] | None:
        """Ask the witnesses now, if none has cosigned the checkpoint of a proof. Requests that come together share it."""
        if not self._witnesses.names or proof.count("\n\u2014 ") > len(log.verifier_keys):
            return None
        with self._asking:
            if self._next is None or self._next.done() or self._next.running():
                self._next = self._asker.submit(self.ask)
            return self._next

    def keep_cosignatures(self) -> None:
        """Write down the last cosignatures, which are otherwise written from time to time."""
        for item in list(self._logs.values()):
            item.witnessed.keep()

    def begin(self) -> None:
        """Keep the logs up to date until closed."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop, after what is being written."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._asker.shutdown()
        self._witnesses.close()
        self._store.before_deleting = None
        for item in self._logs.values():
            item.close()

    def _opened(self, tenant: str) -> TenantLog:
        with self._opening:
            if tenant not in self._logs:
                sealed = self._store.tenant(TenantId(tenant))
                opened = TenantLog(self._folder_of(tenant), tenant, sealed, self._signer)
                try:
                    self._witnesses.ask([opened.witnessed])
                except BaseException:
                    opened.close()
                    raise
                self._logs[tenant] = opened
            return self._logs[tenant]

    def _run(self) -> None:
        while not self._closing.wait(self._pause):
            for tenant in self._store.tenants():
                try:
                    with suppress(LogStoppedError):  # It was logged when the witness was asked.
                        self.of(tenant).advance(leaving=self._closing.is_set)
                except Exception as error:
                    if not self._closing.is_set():
                        what = tenant, shown(error)
                        log.warning("tenant %s: its log cannot be continued: %s", *what, exc_info=bug(error))

    def _ask(self) -> None:
        while not self._closing.wait(self._pause):
            try:
                self.ask()
            except Exception as error:
                log.warning("the witnesses cannot be asked: %s", shown(error), exc_info=bug(error))

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
    last = read_json(folder / current["log"] / STATE)["checkpoint"]
    return {"checkpoint": cosigned(last, folder / current["log"])}
