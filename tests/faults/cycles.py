"""Faults, one after the other: is all that was acknowledged there, once, and does the store open again?

    python -m faults.cycles --times 1000 [--seed 1] [--only power] [--json]

Each cycle has a process store things and keep a transparency log of them, lets one kind of fault happen to it at a random place, and
looks (`looking.py`, `logged.py`).
Kinds, which take turns:

    power     the power fails: what was not synced is gone, in part or whole (`disk.py`); several places of one recording
    kill      SIGKILL, after a random time or on entering one of the calls that change the disk
    full      the disk is full (ENOSPC) for some acts, then has room again
    broken    the disk answers writes and syncs with errors (EIO) for some acts
    frozen    the disk is read-only (EROFS) for some acts
    clock     the clock jumps by years, ahead and back; and the process is killed

Those are of the store in one process. `server-power`, `server-kill`, `server-full`, `server-broken`, `server-frozen` are the same
for a whole server that is asked over HTTP (`server_cycles.py`); `server-kill` kills the supervisor or the writer. `server-child` kills
workers, or stops (SIGSTOP) a worker or the writer, and they are replaced.

A state that cannot be read is a finding of its cycle, whatever exception it ends in. Needs Linux and strace. Exits 1 if anything is amiss.
"""

import argparse
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faults.acts import SCOPE
from faults.disk import Disk
from faults.logged import disagreement
from faults.looking import wrong
from faults.outcome import Outcome, described
from faults.recording import CALLS, Call, calls
from faults.server_cycles import SERVER_KINDS, ServerKind, run_server
from faults.tracing import CHANGING, under

ACTS = 20
PLACES = 10
"""How many places of one recording the power fails at."""

_SECONDS = 60
_TESTS = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Kind:
    """`fault`: what strace puts into calls while the process is under it; none: it is killed."""

    name: str
    fault: str | None = None
    flags: Sequence[str] = ()


KINDS: Sequence[Kind | ServerKind] = (
    Kind("power"),
    Kind("kill"),
    Kind("full", "write,pwrite64,mkdir,rename,renameat:error=ENOSPC"),
    Kind("broken", "write,pwrite64,fsync,fdatasync:error=EIO"),
    Kind("frozen", f"{CHANGING}:error=EROFS"),
    Kind("clock", flags=["--jumps"]),
    *SERVER_KINDS,
)
_RECORDED = ("power", "server-power")


@dataclass(slots=True)
class Told:
    """What a process was asked to do, and what it said of that."""

    sent: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    signed: list[str] = field(default_factory=list)
    """Checkpoints of the transparency log."""

    def hear(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "done":
            number, _, checkpoint = rest.partition(" ")
            self.done.append(int(number))
            if checkpoint != "-":
                self.signed.append(b64decode(checkpoint).decode())
        elif word == "failed":
            number, _, reason = rest.partition(" ")
            self.failed[int(number)] = reason


def lacking() -> str | None:
    """What this machine lacks for it, or None."""
    if sys.platform != "linux" or (strace := shutil.which("strace")) is None:
        return "needs Linux and strace"
    tried = subprocess.run(
        [strace, "-f", "-qq", "-o", "/dev/null", sys.executable, "-V"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.decode().strip()}"


def run(
    *, times: int, seed: int, folder: Path, only: str | None = None, careless: str | None = None
) -> Iterator[Outcome]:
    """So many cycles, the kinds in turn; one recording serves several of them. `careless`: what does not sync (`writing.py`)."""
    kinds = [kind for kind in KINDS if only in (None, kind.name)]
    dice = random.Random(seed)
    turns = [kinds[each % len(kinds)] for each in range(times)]
    for kind in kinds:
        if kind.name in _RECORDED:
            count = turns.count(kind)
            for first in range(0, count, PLACES):
                places = min(PLACES, count - first)
                yield from _cycle(kind, dice.randrange(1 << 30), folder, places=places, careless=careless)
    for kind in turns:
        if kind.name not in _RECORDED:
            yield from _cycle(kind, dice.randrange(1 << 30), folder)


def _cycle(
    kind: Kind | ServerKind, seed: int, folder: Path, *, places: int = 1, careless: str | None = None
) -> Sequence[Outcome]:
    """Whatever stops a cycle is what is wrong with it."""
    if isinstance(kind, ServerKind):
        return run_server(kind, seed, folder, places=places)
    try:
        if kind.name == "power":
            return list(_power(seed, folder, places=places, careless=careless))
        return [_fault(kind, seed, folder)]
    except Exception as error:  # noqa: BLE001  also of the process under test
        return [Outcome(kind.name, seed, 0, 0, 0, [], [described(error)])]


class Process:
    """The process under test, asked for one act at a time."""

    def __init__(self, store: Path, *, seed: int, flags: Sequence[str] = (), tracing: Sequence[str] = ()) -> None:
        store.mkdir()
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_SECONDS)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        command = [sys.executable, "-B", "-m", "faults.writing", "--store", str(store)]
        command += ["--socket", str(its.fileno()), "--seed", str(seed), *flags]
        self._process = subprocess.Popen([*tracing, *command], cwd=_TESTS, pass_fds=[its.fileno()])
        its.close()
        self.told = Told()
        if self._lines.readline() != "ready\n":
            raise RuntimeError("the process under test did not start")

    def go(self, number: int) -> None:
        """Have it do an act, without waiting for the answer."""
        self.told.sent.append(number)
        self._socket.send(f"go {number}\n".encode())

    def hear(self) -> bool:
        """Wait for an answer; False: there is none, the process has ended."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return False
        self.told.hear(line)
        return bool(line)

    def do(self, numbers: Iterable[int]) -> None:
        """Have it do acts, each once the one before is answered."""
        for number in numbers:
            self.go(number)
            self.hear()

    def stop(self) -> None:
        """Let it come to its end."""
        self._socket.send(b"stop\n")
        if self._lines.readline() != "end\n" or self._process.wait(_SECONDS):
            raise RuntimeError("the process under test did not come to its end")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(_SECONDS)

    @property
    def pid(self) -> int:
        return self._process.pid

    def let_go(self) -> None:
        self._lines.close()
        self._socket.close()
        self._process.kill()
        self._process.wait(_SECONDS)


@contextmanager
def _running(store: Path, *, seed: int, flags: Sequence[str] = (), tracing: Sequence[str] = ()) -> Iterator[Process]:
    process = Process(store, seed=seed, flags=flags, tracing=tracing)
    try:
        yield process
    finally:
        process.let_go()


def _power(seed: int, folder: Path, *, places: int, careless: str | None) -> Iterator[Outcome]:
    """The power fails at some places of one recording, which is of a process that nothing happens to."""
    with tempfile.TemporaryDirectory(dir=folder) as room:
        store, trace = Path(room) / "store", Path(room) / "trace"
        tracing = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(trace)]
        with _running(store, seed=seed, tracing=tracing, flags=["--careless", careless] if careless else []) as process:
            process.do(range(ACTS))
            process.stop()
        with trace.open(encoding="latin-1") as lines:
            recorded = list(calls(lines))
        ready = next(place for place, call in enumerate(recorded) if call.name == "sendto" and call.ended)
        dice = random.Random(seed)
        for each in range(places):
            left = Path(room) / f"left-{each}"
            told = _fail_at(recorded[: dice.randint(ready, len(recorded))], store, dice, left)
            yield _outcome("power", seed, left, told)


def _fail_at(recorded: Sequence[Call], store: Path, dice: random.Random, left: Path) -> Told:
    """What is left after that much of a recording, and what the process had said by then."""
    disk, told = Disk(store), Told()
    for call in recorded:
        disk.apply(call)
        if call.name == "sendto" and call.ended:
            assert isinstance(call.arguments[1], bytes)
            told.hear(call.arguments[1].decode())
    told.sent = list(range(min(len(told.done) + len(told.failed) + 1, ACTS)))
    disk.after_power_failure(dice, left)
    return told


def _fault(kind: Kind, seed: int, folder: Path) -> Outcome:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=folder) as room:
        store = Path(room) / "store"
        with _running(store, seed=seed, flags=kind.flags) as process:
            first = dice.randrange(ACTS)
            process.do(range(first))
            if kind.fault is None:
                _kill(process, first, dice)
            else:
                _recover(process, first, kind.fault, dice)
            told = process.told
        return _outcome(kind.name, seed, store, told)


def _kill(process: Process, number: int, dice: random.Random) -> None:
    if dice.random() < 0.5:
        process.go(number)
        time.sleep(dice.uniform(0, 0.05))
        process.kill()
        process.hear()
        return
    with under([process.pid], f"{CHANGING}:signal=KILL:when={dice.randint(1, 60)}"):
        process.do([number])
    process.kill()


def _recover(process: Process, first: int, fault: str, dice: random.Random) -> None:
    """Some acts under a fault, which every call meets or every few, and then the rest without."""
    every = dice.choice([1, 2, 7, 40])
    last = first + dice.choice([1, 1, 3, 6])
    with under([process.pid], f"{fault}:when={dice.randint(1, every)}+{every}"):
        process.do(range(first, last))
    process.do(range(last, ACTS))
    process.stop()


def _outcome(kind: str, seed: int, store: Path, told: Told) -> Outcome:
    unanswered = len(told.sent) - len(told.done) - len(told.failed)
    reasons = sorted(set(told.failed.values()))
    found = disagreement(store, SCOPE.name, told.signed)
    found += wrong(store, seed=seed, sent=told.sent, done=told.done)
    return Outcome(kind, seed, len(told.done), len(told.failed), unanswered, reasons, found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[kind.name for kind in KINDS])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if (lacks := lacking()) is not None:
        print(lacks, file=sys.stderr)
        return 2
    outcomes = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # What was started is ended then, too.
    with tempfile.TemporaryDirectory() as folder:
        for number, each in enumerate(run(times=chosen.times, seed=chosen.seed, folder=Path(folder), only=chosen.only)):
            outcomes.append(each)
            if chosen.json:
                print(json.dumps(asdict(each)), flush=True)
            else:
                said = f"{each.done:2} acknowledged, {each.refused:2} refused, {each.unanswered:2} unanswered"
                print(f"{number + 1:4} {each.kind:13} {said}  {'; '.join(each.wrong) or 'all there'}", flush=True)
    return _summary(outcomes)


def _summary(outcomes: Sequence[Outcome]) -> int:
    print(
        f"\n{'kind':14}{'cycles':>8}{'acknowledged':>14}{'refused':>9}{'unanswered':>12}{'wrong':>7}", file=sys.stderr
    )
    for kind in KINDS:
        ours = [outcome for outcome in outcomes if outcome.kind == kind.name]
        if ours:
            sums = (
                sum(our.done for our in ours),
                sum(our.refused for our in ours),
                sum(our.unanswered for our in ours),
            )
            amiss = sum(bool(our.wrong) for our in ours)
            print(f"{kind.name:14}{len(ours):8}{sums[0]:14}{sums[1]:9}{sums[2]:12}{amiss:7}", file=sys.stderr)
    return int(any(outcome.wrong for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
