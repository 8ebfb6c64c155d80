"""What a peer is to the bench, and what an engine is to the handler that stands before it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from casbah.activity.query import Query
from tools.bench import columns
from tools.bench.data import Data
from tools.bench.process import Process
from tools.bench.wire import Connection


class Engine(Protocol):
    """A database as the handler asks it, from any thread."""

    def find(self, query: Query, /) -> tuple[Sequence[bytes], int]:
        """The records of a page, and the exact total."""
        ...

    def fetch(self, activity_id: str, /) -> bytes | None:
        """The record of that id."""
        ...


@dataclass(frozen=True, slots=True)
class FreshStore:
    """A store to ingest into, which is empty at first."""

    insert: Callable[[Path], object]
    """Store the rows of a file. Returns once they are on disk, or else `flush` has to."""
    processor: Callable[[], float]
    """Seconds that processors have worked for it."""
    disk: Callable[[], int]
    """Its bytes on disk."""
    flush: Callable[[], None] = lambda: None
    """Return once everything is on disk."""


class Peer(Protocol):
    """A peer in a folder of its own. `layout` is what its tables depend on: a change of it makes the bench load anew."""

    name: ClassVar[str]
    title: ClassVar[str]
    layout: ClassVar[str]
    form: ClassVar[Callable[[bytes, int], bytes]]
    """A record and its number of storing, to the bytes of the row or the line that it stores."""
    durable: ClassVar[bool]
    """Whether what it acknowledges is on disk."""

    def __init__(self, folder: Path) -> None: ...

    @classmethod
    def lacking(cls, work: Path, /) -> str:
        """What must be installed before it can run; nothing if it can. What is fetched for it is kept in `work`."""
        ...

    def version(self) -> str:
        """Which version it is."""
        ...

    def start(self) -> None:
        """Run its server, if it has one, on what is in its folder."""
        ...

    def load(self, data: Data) -> float:
        """Store everything, as quickly as it can; the seconds that it took. Making what it reads does not count."""
        ...

    def serve(self) -> Connection:
        """Answer our requests, here."""
        ...

    def again(self) -> Connection:
        """One more connection to what serves."""
        ...

    def fresh(self) -> AbstractContextManager["FreshStore"]:
        """An empty store beside the loaded one; gone at the end."""
        ...

    def disk(self) -> int:
        """Bytes on disk."""
        ...

    def processes(self) -> Sequence[Process]:
        """What runs, to look at its memory."""
        ...

    def stop(self) -> None:
        """End all that runs."""
        ...


def ready(kind: type[Peer], work: Path, data: Data, *, anew: bool, say: Callable[[str], None]) -> tuple[Peer, float]:
    """A peer that runs and holds the data, and the seconds that loading it took, now or in an earlier run.

    What was loaded in another layout, or not to the end, is removed.
    """
    text = kind.layout + Path(columns.__file__).read_text(encoding="utf-8")
    folder = work / kind.name / f"{data.key}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    note = folder / "loaded.json"
    for other in folder.parent.glob(f"{data.key}-*"):
        if other != folder or anew or not note.exists():
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    peer = kind(folder)
    try:
        peer.start()
        if not note.exists():
            say(f"loading {kind.title}")
            note.write_text(json.dumps({"seconds": peer.load(data)}))
    except BaseException:
        peer.stop()
        raise
    return peer, json.loads(note.read_text())["seconds"]
