"""What is wrong with a store after a fault, in words; nothing if all that was acknowledged is there, once, and no more."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from casbah.activity.predicate import Everything
from casbah.errors import OperatorError
from casbah.store.embedded.store import EmbeddedStore
from faults.acts import SCOPE, Expected, act, expected, made
from faults.outcome import collected
from making import NOW, arrival, query


def wrong(folder: Path, *, seed: int, sent: Iterable[int], done: Iterable[int]) -> list[str]:
    """Open the store, compare it with what was told, deliver everything again, compare again, and open it once more.

    Whatever exception that ends in is one more thing that is wrong.
    """
    return collected(lambda: _wrong(folder, seed, sorted(set(sent)), done))


def _wrong(folder: Path, seed: int, sent: Sequence[int], done: Iterable[int]) -> Iterator[str]:
    what = expected(seed, sent=sent, done=done)
    try:
        store = EmbeddedStore(folder, clock=lambda: NOW)
    except OperatorError as error:
        yield f"the store does not open: {error}"
        return
    try:
        yield from _amiss(store, what)
        everything = {name for number in sent for name in act(seed, number).brings}
        for number in sent:
            brings = act(seed, number).brings
            store.tenant(SCOPE).insert([arrival(made(bring)) for bring in brings])
        if (total := store.tenant(SCOPE).count(Everything())) != len(everything):
            yield f"after delivering all again there are {total} activities, not {len(everything)}"
    finally:
        store.close()
    again = EmbeddedStore(folder, clock=lambda: NOW)
    try:
        yield from (f"opened again: {finding}" for finding in _amiss(again, what, whole=everything))
    finally:
        again.close()


def _amiss(store: EmbeddedStore, what: Expected, *, whole: Iterable[str] = ()) -> Iterator[str]:
    """`whole`: ids that are there for certain, beside those that are expected."""
    changes = store.tenant(SCOPE).changes(Everything(), after=0, limit=1_000_000)
    listed = {json.loads(change.record)["_id"]: change.record for change in changes.changes}
    yield from _doubled("the change feed", [json.loads(change.record)["_id"] for change in changes.changes])
    page = store.tenant(SCOPE).scan(query(limit=1_000_000, isScan=True))
    scanned = [json.loads(each)["_id"] for each in page.records]
    yield from _doubled("a scan", scanned)
    if set(scanned) != set(listed):
        yield f"a scan and the change feed differ in {sorted(set(scanned) ^ set(listed))[:5]}"
    if store.tenant(SCOPE).count(Everything()) != len(listed):
        yield f"the total is {store.tenant(SCOPE).count(Everything())}, {len(listed)} activities are listed"
    for name in sorted({*what.held, *whole} - set(listed)):
        yield f"{name} was acknowledged and is gone"
    for name in sorted(set(listed) - {*what.held, *what.perhaps, *whole}):
        yield f"{name} was never sent and is there"
    for name, record in listed.items():
        # What an act may have deleted has come back as it was first, when everything was delivered again.
        versions = what.held.get(name) or what.perhaps.get(name, set()) | (
            {0} if whole or name not in what.perhaps else set()
        )
        yield from _other(name, record, store.tenant(SCOPE).fetch(name), versions)
    for name, said in what.said:
        if said not in [entry.what for entry in store.tenant(SCOPE).feedback(name)]:
            yield f"feedback on {name} was acknowledged and is gone"


def _other(name: str, record: bytes, fetched: bytes | None, versions: set[int]) -> Iterator[str]:
    """Whether a record is none of the versions that it may be."""
    if json.loads(record) not in [made(name, version=version) for version in versions]:
        yield f"the record of {name} is none of the versions {sorted(versions)}: {record[:80]!r}"
    if fetched != record:
        yield f"{name} is fetched as {fetched!r} and listed as {record!r}"


def _doubled(where: str, names: list[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{where} has {name} {times} times"
