"""What the transparency log costs: processor time and bytes per record, proofs of a large log, and the speed of `casbah verify`.

    python -m tools.bench.evidence [--records 20000] [--leaves 1000000] [--only records|leaves]

Times are those of the processor (`time.process_time`), so that other work on the machine counts little; each is a median, with the
least and the most. The log of many leaves is of records that are computed when they are asked for, so that no store holds them.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import log_folder
from casbah.evidence.tenant_log import Signer, TenantLog
from casbah.ingest.stored_record import new_activity_of
from casbah.proof_checker import check
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.integrity.verification import verify
from casbah.store.sealed import SealedRecord, SealedRecords
from tools.bench import machine
from tools.bench.__main__ import WORK
from tools.bench.data import UNTIL, made

_ROUNDS = 5
_PROOFS = 200
_BATCH = 5_000
_TENANT = TenantId("default")


class Computed:
    """A tenant whose records follow from their numbers (`SealedTenant`)."""

    def __init__(self, count: int) -> None:
        self._count = count

    def high_water_mark(self) -> int:
        return self._count

    def sealed(self, *, after: int, limit: int) -> SealedRecords:
        numbers = range(after + 1, min(after + limit, self._count) + 1)
        return SealedRecords([self._record(number) for number in numbers], numbers[-1] if numbers else self._count)

    def replaced(self, *, after: int, limit: int) -> SealedRecords:  # noqa: ARG002  the contract
        return SealedRecords([], self._count)

    def sealed_record(self, activity_id: str, /) -> SealedRecord | None:
        return self._record(int(activity_id))

    def _record(self, number: int) -> SealedRecord:
        return SealedRecord(number, number, number.to_bytes(16), 0, b'{"_id":"%d"}' % number)


def of_records(folder: Path, count: int) -> dict[str, Any]:
    """The cost per record of a log of records like those of `make bench`, and the speed of verification of their store."""
    store = folder / "store"
    with closing(EmbeddedStore(store, clock=lambda: UNTIL)) as opened:
        tenant = opened.tenant(_TENANT)
        records = list(made(WORK, count=count, seed=1).records())
        for start in range(0, count, _BATCH):
            tenant.insert([new_activity_of(record) for record in records[start : start + _BATCH]])
        signer, logs = Signer("bench.example.com", signing_keys(folder)), []

        def log() -> None:
            into = folder / f"log-{len(logs)}" if logs else log_folder(store, _TENANT.name)
            logs.append(TenantLog(into, _TENANT.name, tenant, signer))
            logs[-1].advance()

        spent = [_spent(log) / count * 1e6 for _ in range(_ROUNDS)]
        for each in logs:
            each.close()
    size = sum(file.stat().st_size for file in log_folder(store, _TENANT.name).rglob("*") if file.is_file())
    return {
        "records": count,
        "bytes_of_a_record": round(sum(map(len, records)) / count),
        "log_us_per_record": _spread(spent),
        "log_bytes_per_record": round(size / count, 1),
        "verify_mb_per_s": _spread([_verified(store) for _ in range(_ROUNDS)]),
    }


def of_leaves(folder: Path, count: int) -> dict[str, Any]:
    """Proofs of a log of so many entries, made and checked in this process."""
    tenant, dice = Computed(count), random.Random(1)
    with closing(
        TenantLog(folder / "log", "default", tenant, Signer("bench.example.com", signing_keys(folder)))
    ) as log:
        begun = time.process_time()
        log.advance()
        total = time.process_time() - begun
        numbers = [dice.randint(1, count) for _ in range(_PROOFS)]
        proofs: list[str] = []
        making = [_spent(lambda number=number: proofs.append(log.proof(str(number)))) * 1e3 for number in numbers]
        keys, sizes = log.verifier_keys, list(map(len, proofs))
        checking = [
            _spent(lambda number=number, proof=proof: check(proof.encode(), b'{"_id":"%d"}' % number, keys)) * 1e3
            for number, proof in zip(numbers, proofs, strict=True)
        ]
    begun = time.process_time()
    with closing(TenantLog(folder / "log", "default", tenant, Signer("bench.example.com", signing_keys(folder)))):
        opening = time.process_time() - begun
    return {
        "leaves": count,
        "us_per_leaf": round(total / count * 1e6, 2),
        "open_ms": round(opening * 1e3, 1),
        "proof_ms": _spread(making),
        "check_ms": _spread(checking),
        "proof_bytes": max(sizes),
    }


def _verified(store: Path) -> float:
    """The megabytes that one second of processor time verifies."""
    result = []
    spent = _spent(lambda: result.append(verify(store)))
    return result[0].bytes / spent / 1e6


def _spent(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _spread(values: Sequence[float]) -> list[float]:
    """The median, the least and the most."""
    return [round(value, 2) for value in (statistics.median(values), min(values), max(values))]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--records", type=int, default=20_000)
    options.add_argument("--leaves", type=int, default=1_000_000)
    options.add_argument("--only", choices=["records", "leaves"])
    chosen = options.parse_args()
    result: dict[str, Any] = {"machine": machine.described()}
    for name, measure, count in (("records", of_records, chosen.records), ("leaves", of_leaves, chosen.leaves)):
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="casbah-evidence-") as folder:
                result |= measure(Path(folder), count)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
