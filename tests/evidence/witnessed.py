"""A store with a log that witnesses are asked about, grown, read back and put back as it was."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from casbah import setting_parsers
from casbah.activity.tenant import TenantId
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import Logs, log_folder
from casbah.evidence.tenant_log import Signer, TenantLog
from casbah.proof_checker import Proven, check
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, record

TENANT = TenantId("acme")


class Asked(Protocol):
    """A witness: as the setting names it, and its verifier key."""

    @property
    def setting(self) -> str: ...
    @property
    def verifier(self) -> str: ...


@contextmanager
def opened(
    folder: Path, *asked: Asked, quorum: int = 1, name: str = "casbah.example.com"
) -> Iterator[tuple[EmbeddedStore, Logs]]:
    addresses = setting_parsers.witnesses(",".join(item.setting for item in asked))
    signer = Signer(name, signing_keys(folder))
    with (
        closing(EmbeddedStore(folder, clock=lambda: NOW)) as store,
        closing(
            Logs(
                store,
                lambda tenant: log_folder(folder, tenant),
                signer,
                seconds=5,
                witnesses=addresses,
                quorum=quorum,
            )
        ) as logs,
    ):
        yield store, logs


def grow(store: EmbeddedStore, logs: Logs, first: int, last: int) -> TenantLog:
    """Store activities, sign, and ask the witnesses."""
    store.tenant(TENANT).insert([arrival(record(number)) for number in range(first, last)])
    log = logs.of("acme")
    log.advance()
    logs.ask()
    return log


def proven(store: EmbeddedStore, log: TenantLog, number: int, *asked: Asked, quorum: int = -1) -> Proven:
    proof, stored = log.proof(f"activity-{number}"), store.tenant(TENANT).fetch(f"activity-{number}")
    keys = [item.verifier for item in asked]
    return check(proof.encode(), stored, log.verifier_keys, keys, quorum=quorum)


def copied(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def put_back(folder: Path, files: dict[Path, bytes]) -> None:
    for file in copied(folder):
        file.unlink()
    for file, content in files.items():
        file.write_bytes(content)
