"""One run: peers up, asked, and down again."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import track

from tools.bench import asking, enriching, ingesting, load, machine, pages, raw, report
from tools.bench.asking import Figures, Way
from tools.bench.data import Data
from tools.bench.floor import Floor
from tools.bench.peers.casbah import Casbah
from tools.bench.peers.contract import Peer, ready
from tools.bench.peers.table import PEERS
from tools.bench.sample import Sample
from tools.bench.shapes import SHAPES
from tools.bench.wire import Connection

_PER_SHAPE = 2


class Run:
    """The peers that can be run here, up and loaded from entering on."""

    def __init__(
        self, data: Data, *, work: Path, peers: Sequence[str], rounds: int, ingest_rounds: int, anew: Sequence[str]
    ) -> None:
        self._data = data
        self._work = work
        self._rounds = rounds
        self._ingest_rounds = ingest_rounds
        self._wanted = peers
        self._anew = anew
        self._peers: dict[str, Peer] = {}
        self._seconds: dict[str, float] = {}
        self._left_out: dict[str, str] = {}
        self._memory: dict[str, dict[str, int]] = {}
        self._disagreements: list[str] = []
        self._failed: dict[str, str] = {}
        self._console = Console(stderr=True)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for peer in self._peers.values():
            peer.stop()

    def report(self, *, only: str, ask: bool, ingest: bool) -> dict[str, Any]:
        """Everything that is asked for, measured. `only` is a part of the names of the shapes to ask, and to ask nothing else."""
        connections = {name: peer.serve() for name, peer in self._peers.items()}
        ways = {name: asking.over_http(each) for name, each in connections.items()}
        casbah = self._peers.get("casbah")
        bare = Floor(casbah.store) if isinstance(casbah, Casbah) and report.FLOOR in self._wanted else None
        if bare:
            ways[report.FLOOR] = asking.of_floor(bare.ask)
        sample = Sample.of(self._data)
        asked = {shape.name: shape.bodies(sample, self._data.count) for shape in SHAPES if ask and only in shape.name}
        shapes = {
            name: self._shape(bodies, ways) for name, bodies in track(asked.items(), "asking", console=self._console)
        }
        found = {
            "machine": machine.described(),
            "activities": self._data.count,
            "record_bytes": round(self._data.size / self._data.count),
            "rounds": self._rounds,
            "shapes": shapes,
            "ratios": report.ratios(shapes),
        }
        if ask and not only:
            mixed = [body for bodies in asked.values() for body in bodies[:_PER_SHAPE]]
            found |= self._other_reads(mixed, connections, ways, bare)
        if ingest and not only:
            found |= self._writing()
        told = {"disagreements": self._disagreements, "failed": self._failed, "left_out": self._left_out}
        return {**found, **told, "peers": self._facts()}

    def _start(self) -> None:
        for name, kind in PEERS.items():
            if name not in self._wanted:
                continue
            lacking = kind.lacking(self._work)
            if lacking:
                self._left_out[kind.title] = lacking
                self._console.print(f"{kind.title} is left out; to have it: {lacking}", markup=False)
                continue
            anew = name in self._anew
            found, seconds = ready(kind, self._work, self._data, anew=anew, say=self._console.print)
            self._peers[name], self._seconds[name] = found, seconds
        self._look()

    def _shape(self, bodies: Sequence[dict[str, Any]], ways: dict[str, Way]) -> dict[str, Any]:
        figures = {name: Figures() for name in ways}
        totals, differences = asking.agreed(ways, bodies, figures)
        self._disagreements += differences
        asking.in_turn(ways, bodies, figures, rounds=self._rounds)
        self._look()
        return {"totals": totals, "ms": {name: each.summary() for name, each in figures.items()}}

    def _other_reads(
        self,
        bodies: Sequence[dict[str, Any]],
        connections: dict[str, Connection],
        ways: dict[str, Way],
        bare: Floor | None,
    ) -> dict[str, Any]:
        """What is read in other ways."""
        way = next(iter(ways.values()))
        found = {
            **self._tried("fetch", lambda: load.fetches(connections, load.ids_of(way, bodies))),
            **self._tried("clients", lambda: load.clients(connections, bodies, self._peers)),
        }
        if "casbah" in connections:
            found |= self._tried("pages", lambda: pages.views(connections["casbah"], bodies))
        if bare and "casbah" in connections:
            found |= self._tried("scan", lambda: load.scans(connections["casbah"], bare))
        self._look()
        return found

    def _writing(self) -> dict[str, Any]:
        casbah = self._peers.get("casbah")
        self._console.print("storing")
        seed, rounds = self._data.seed, self._ingest_rounds
        found = self._tried("ingest", lambda: ingesting.bulk(self._peers, seed=seed, folder=self._work, rounds=rounds))
        if isinstance(casbah, Casbah):
            found |= self._tried("raw", lambda: raw.costs(seed=seed, folder=self._work, rounds=rounds))
            found |= self._tried("posts", lambda: load.posts(casbah, ingesting.fresh_records(seed)))
            costs = partial(enriching.costs, casbah, seed=self._data.seed, folder=self._work)
            found |= self._tried("enrichment", costs)
        return found

    def _tried(self, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was measured, under its name; what goes wrong is told, and the rest of hours of measuring is not lost."""
        try:
            return {name: measure()}
        except Exception as error:  # noqa: BLE001
            self._failed[name] = f"{type(error).__name__}: {error}"[:300]
            self._console.print(f"{name} failed: {self._failed[name]}", markup=False)
            return {}

    def _look(self) -> None:
        """Remember the most memory that a peer was seen to use."""
        for name, peer in self._peers.items():
            maximum = self._memory.setdefault(name, {"held": 0, "seen": 0})
            now = [process.memory() for process in peer.processes()]
            for kind in maximum:
                maximum[kind] = max(maximum[kind], sum(each[kind] for each in now))

    def _facts(self) -> dict[str, Any]:
        return {
            name: {
                "title": peer.title,
                "version": peer.version(),
                "load_seconds": round(self._seconds[name], 1),
                "bytes_on_disk": peer.disk(),
                **self._memory[name],
            }
            for name, peer in self._peers.items()
        }
