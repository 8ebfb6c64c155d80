"""The transparency log under faults: kept while a process stores, and compared afterwards with the store and with all that was signed."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from casbah.activity.tenant import TenantId
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import Logs, log_folder
from casbah.evidence.tenant_log import Signer
from casbah.store.embedded.store import EmbeddedStore
from evidence.auditor import agrees, checked, root_of
from faults.outcome import collected
from making import NOW

NAME = "faults.example.com"
_SECONDS = 0.05


def kept(store: EmbeddedStore, folder: Path) -> Logs:
    """The logs of a store; a thread may keep them up to date, more often than in a server."""
    return Logs(store, partial(log_folder, folder), Signer(NAME, signing_keys(folder)), seconds=_SECONDS)


def disagreement(folder: Path, tenant: str, signed: Iterable[str]) -> list[str]:
    """How the log of a tenant differs from its records, and from the checkpoints that were handed out."""
    return collected(lambda: _disagreement(folder, tenant, signed))


def _disagreement(folder: Path, tenant: str, signed: Iterable[str]) -> Iterator[str]:
    with closing(EmbeddedStore(folder, clock=lambda: NOW)) as store, closing(kept(store, folder)) as logs:
        log = logs.of(tenant)
        log.advance()
        try:
            entries = agrees(log, store.tenant(TenantId(tenant)))
        except AssertionError as error:
            yield f"the log and the store differ: {error}"
            return
        for note in signed:
            checkpoint = checked(note, log.verifier_keys)
            if (checkpoint.origin, root_of(entries[: checkpoint.size])) != (log.origin, checkpoint.root):
                yield f"a fork: {checkpoint.origin} was signed with size {checkpoint.size}, the log does not begin with it"
