"""One flipped bit in one file of a store, a file cut short, a file missing: is any answer silently wrong?

    python -m faults.flips --times 1000 [--seed 1] [--only '*/log/*'] [--json]

A store has every kind of file: several partitions with several segments, deletions that wait for compaction, a compression
dictionary, feedback, a transparency log, and the databases beside the activities. Each cycle damages one file of a copy, opens it, and asks for
everything: every record in each order, the change feed, filters, facets, histograms, feedback, the log with proofs, each row of the databases; then
what is stored already is delivered again. Either the answers are those of the undamaged store, or there is an error, which
names what is damaged, and `casbah verify` reports damage. The kinds of files take turns. Exits 1 if anything is silently wrong.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.tenant import TenantId
from casbah.base import key_value
from casbah.base.key_value import FolderKeyValueStore
from casbah.errors import CasbahError
from casbah.evidence import merkle, replacements
from casbah.evidence.logs import Logs, log_folder
from casbah.evidence.tenant_log import Signer
from casbah.store.contract import FacetQuery, FeedbackEntry, HistogramQuery, Tenant
from casbah.store.embedded import record_codec
from casbah.store.embedded.partitions import PERIODS
from casbah.store.embedded.segment_files import index_files
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.integrity.verification import verify
from making import NOW, arrival, query, record

TENANT = TenantId("default")
COLLECTIONS = (key_value.TOKENS, key_value.QUERIES, key_value.RANGES, key_value.RULES, key_value.REJECTS)
DAY = 86_400_000
RECORDS = 600
NO_CONTENT = frozenset({"lock", "reserve", ".tantivy-meta.lock", ".tantivy-writer.lock"})
REPLACED = (5, 305)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_IMMUTABLE = frozenset({".store", ".idx", ".pos", ".term", ".fast", ".fieldnorm", ".del", ".zdict"})
BAD = ("wrong", "crash", "unnoticed")
_CATEGORIES = ("download", "log on", "edit")


@dataclass(frozen=True, slots=True)
class Damage:
    """`how`: flip, cut or missing; `at`: the bit that is flipped, or the byte at which the file ends."""

    how: str
    file: str
    at: int = 0

    def do(self, store: Path) -> None:
        """Damage a copy of the store. Its file may be a link to the original's, which is left as it is."""
        file = store / self.file
        content = bytearray(file.read_bytes())
        file.unlink()
        if self.how == "flip":
            content[self.at // 8] ^= 1 << self.at % 8
        elif self.how == "cut":
            content = content[: self.at]
        if self.how != "missing":
            file.write_bytes(content)


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of it: `wrong` if answers differ, `error` if there was one, else `same`.

    `crash`: an error that is a bug; `unnoticed`: an error where `casbah verify` reports nothing.
    """

    damage: Damage
    outcome: str
    said: str = ""

    @property
    def kind(self) -> str:
        """What kind of file it was."""
        return kind_of(self.damage.file)


def kind_of(file: str) -> str:
    """The kind of a file: its suffix, or its name if all of that name are alike."""
    path = Path(file)
    return path.name if path.suffix in (".json", ".bloom", ".log", ".db") else path.suffix or path.name


def make(folder: Path) -> Path:
    """The store that is damaged. The same at every call, but for the salts of its records and the ids of its files."""
    store = folder / "store"
    with (
        mock.patch.object(record_codec, "SAMPLES", RECORDS // 3),
        mock.patch.object(replacements, "_IN_MEMORY", 1),
        closing(_opened(store)) as opened,
    ):
        tenant = opened.tenant(TENANT)
        for start in range(0, RECORDS, RECORDS // 4):
            tenant.insert([arrival(_record(number)) for number in range(start, start + RECORDS // 4)])
        for number in range(0, RECORDS, 60):
            entry = FeedbackEntry(NOW + number, "ann", json.dumps({"text": f"seen {number}"}).encode())
            tenant.add_feedback(f"activity-{number}", entry)
        with closing(_logs(opened, store)) as logs:
            logs.of(TENANT.name).advance()
            tenant.replace([arrival({**_record(number), "seen": True}) for number in REPLACED])
            logs.of(TENANT.name).advance()
            logs.of(TENANT.name).proof(f"activity-{REPLACED[0]}")
            tenant.delete(p.Terms(FIELDS["id"], tuple(f"activity-{number}" for number in range(7, RECORDS, 50))))
    for partition in store.glob(f"tenants/*/{PERIODS}/*"):
        used = {file.name for file, _ in index_files(partition)}
        # The engine keeps deletions of before until it commits again; no answer comes from them.
        for file in partition.glob("*.del"):
            if file.name not in used:
                file.unlink()
    for collection in COLLECTIONS:
        with closing(FolderKeyValueStore(store, collection)) as key_values:
            for number in range(40):
                key_values.put(f"space {number % 3}", f"name {number}", {"number": number, "text": f"value {number}"})
            key_values.remove("space 0", "name 3")
    return store


def answers(store: Path) -> Mapping[str, Any]:
    """Everything that the store can be asked for. It is written to: opened, and given again what it has."""
    with closing(_opened(store)) as opened:
        tenant = opened.tenant(TENANT)
        said = {**_read(tenant), "tenants": list(opened.tenants())}
        again = tenant.insert([arrival(_record(number)) for number in range(8, RECORDS, 50)])
        said["log"] = _read_log(opened, store)
        said["again"] = (again.stored, again.duplicates)
    for collection in COLLECTIONS:
        with closing(FolderKeyValueStore(store, collection)) as key_values:
            everything = [(space, entry.name, entry.value) for space, entry in key_values.everything()]
            named = [key_values.get(space, name) for space, name, _ in everything]
            said[collection.name] = (
                everything,
                [entry and entry.value for entry in named],
                list(key_values.namespaces()),
                [[entry.name for entry in key_values.all(space)] for space in ("space 0", "space 1", "space 2")],
            )
    return said


def cycles(store: Path, *, times: int, seed: int, room: Path, only: str = "*") -> Iterator[Seen]:
    """So many flips, and a tenth as many files cut short; then each file is missing once. `only`: a pattern of files."""
    before, dice = answers(_copied(store, room)), random.Random(seed)
    for damage in _damages(store, times=times, dice=dice, only=only):
        yield _tried(store, damage, before, room)


def _damages(store: Path, *, times: int, dice: random.Random, only: str) -> Iterator[Damage]:
    sizes = {
        str(file.relative_to(store)): file.stat().st_size
        for file in sorted(store.rglob("*"))
        if file.is_file() and file.name not in NO_CONTENT and fnmatch(str(file.relative_to(store)), only)
    }
    kinds: dict[str, list[str]] = {}
    for name in filter(sizes.get, sizes):
        kinds.setdefault(kind_of(name), []).append(name)
    turns = list(kinds.values())
    for number in range(times + times // 10):
        file = dice.choice(turns[number % len(turns)])
        how, size = ("flip", sizes[file] * 8) if number < times else ("cut", sizes[file])
        yield Damage(how, file, dice.randrange(size))
    for file in sizes:
        yield Damage("missing", file)


def _tried(store: Path, damage: Damage, before: Mapping[str, Any], room: Path) -> Seen:
    copy = _copied(store, room)
    damage.do(copy)
    try:
        verified = verify(copy)
        after = answers(copy)
    except CasbahError as error:
        return Seen(damage, "error" if verified.damage else "unnoticed", str(error))
    except BaseException as error:  # A panic of the engine is none of Exception.
        if isinstance(error, KeyboardInterrupt):
            raise
        return Seen(damage, "crash", f"{type(error).__name__}: {error}")
    different = sorted(name for name in before if before[name] != after[name])
    return Seen(damage, "wrong" if different else "same", ", ".join(different))


def _copied(store: Path, room: Path) -> Path:
    """A copy of the store; files that never change are links."""
    copy = room / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns(*NO_CONTENT), copy_function=_copy)
    return copy


def _copy(source: str, into: str) -> None:
    (os.link if Path(source).suffix in _IMMUTABLE else shutil.copyfile)(source, into)


def _read(tenant: Tenant) -> dict[str, Any]:
    everything = p.Everything()
    texts = ("report", '"report 17 opened"', "opened")
    filters: Sequence[Mapping[str, Any]] = [
        {"service": {"eq": [11161]}},
        {"service": {"neq": [11161]}},
        {"user.username": {"startswith": "user-1"}},
        {"activity.actionType": {"isset": True}},
        {"ip.address": {"startswith": ["10.1."]}},
        {"date": {"gte": NOW - 20 * DAY}},
        *({"text": {"text": text}} for text in texts),
    ]
    said: dict[str, Any] = {"feedback": [(each, tenant.feedback(each)) for each in tenant.ids_with_feedback()]}
    for number, asked in enumerate(filters):
        page = tenant.find(query(asked, limit=100))
        said[f"filter {number}"] = (page.total, list(page.records), tenant.count(query(asked).predicate))
    for field in ("date", "created"):
        page = tenant.find(query(sortField=field, sortDirection="asc", limit=100, skip=150))
        said[f"page by {field}"] = (page.total, list(page.records))
        width = HistogramQuery(FIELDS[field], everything, NOW - 100 * DAY, NOW + DAY, DAY)
        said[f"histogram of {field}"] = list(tenant.histogram(width).items())
    for field in ("service", "user", "country"):
        if field in FIELDS:
            said[f"facet of {field}"] = list(tenant.top_values(FacetQuery(FIELDS[field], everything, 1_000)))
    said["count"] = tenant.count(everything)
    said["scan"] = list(tenant.scan(query(isScan=True, limit=5_000)).records)
    changes = tenant.changes(everything, after=0, limit=10_000)
    said["feed"] = (list(changes.changes), changes.reached, tenant.high_water_mark())
    said["fetched"] = [tenant.fetch(f"activity-{number}") for number in range(0, RECORDS, 7)]
    return said


def _read_log(opened: EmbeddedStore, store: Path) -> list[Any]:
    with closing(_logs(opened, store)) as logs:
        log = logs.of(TENANT.name)
        full, rest = divmod(log.size, merkle.WIDTH)
        tiles = [(number, merkle.WIDTH) for number in range(full)] + [(full, rest)]
        return [
            log.checkpoint,
            *(log.bundle(*tile) for tile in tiles),
            *(log.tile(0, *tile) for tile in tiles),
            log.tile(0, 0, 9),
            log.tile(1, 0, full),
            *(log.proof(f"activity-{number}") for number in (0, *REPLACED, RECORDS - 1)),
        ]


def _logs(opened: EmbeddedStore, store: Path) -> Logs:
    return Logs(opened, partial(log_folder, store), Signer("casbah.example.com", [KEY]), seconds=5)


def _record(number: int) -> Mapping[str, Any]:
    return record(
        number,
        timestamp=NOW - number * DAY // 8,
        appId=11161 if number % 3 else 20892,
        description=f"report {number} opened",
        user={"userName": f"user-{number % 20}@contoso.com"},
        location={"countryCode": ("DE", "US", "FR")[number % 3]},
        device={"clientIP": f"10.{number % 4}.2.{number % 250}"},
        mainInfo={"type": "basic", "rawOperationName": _CATEGORIES[number % 3]},
    )


def _opened(store: Path) -> EmbeddedStore:
    return EmbeddedStore(store, clock=lambda: NOW)


def table(seen: Sequence[Seen]) -> list[tuple[str, ...]]:
    """A row for each kind of file: of its flips, cuts and losses, how many were noticed, how many had no effect, how many were wrong."""
    counted = Counter((each.kind, each.damage.how, each.outcome) for each in seen)
    outcomes = ("error", "same", "wrong")
    return [
        (kind, *(str(counted[kind, how, outcome]) for how in ("flip", "cut", "missing") for outcome in outcomes))
        for kind in sorted({each.kind for each in seen})
    ]


def main() -> None:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--times", type=int, default=1_000, help="bits to flip")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="*", help="damage only files whose names match")
    options.add_argument("--json", action="store_true", help="what became of each, as JSON lines")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="casbah-flips-") as folder, ExitStack() as stack:
        stack.callback(partial(sys.stdout.flush))
        store, seen = make(Path(folder)), []
        for each in cycles(store, times=chosen.times, seed=chosen.seed, room=Path(folder), only=chosen.only):
            seen.append(each)
            if chosen.json or each.outcome in BAD:
                print(json.dumps([each.damage.how, each.damage.file, each.damage.at, each.outcome, each.said[:200]]))
    for row in table(seen):
        print(("{:16}" + " {:>6}" * 9).format(*row))
    bad = [each for each in seen if each.outcome in BAD]
    print(f"{len(seen)} damaged stores, {len(bad)} silently wrong or without a proper error")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
