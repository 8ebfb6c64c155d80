"""Faults that happen to a whole server: its supervisor, the writer that owns the store, the workers, and all that it keeps.

Requests are random (`steps.py`): ingest, feedback, tokens, saved queries, IP ranges, rules, legal holds, exports, deletions.
After the fault the server is started again and compared with what it acknowledged (`checking.py`), and its transparency log with
its records and every checkpoint that it handed out (`logged.py`).

Under a full, broken or read-only disk the server is either a single process, and every call that changes files meets the fault; or it
has several, and `write` is spared, by which processes speak to each other too. Their replacements meet the fault as well.
A power failure is replayed for a single process: the recorder follows only one.

A request that meets a process which dies, hangs or starts may be left without an answer or refused with 503.
"""

import copy
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import kill
from pathlib import Path

from faults import tracing
from faults.checking import findings
from faults.disk import Disk
from faults.logged import disagreement
from faults.model import Model
from faults.outcome import Outcome, collected, described
from faults.recording import CALLS, Call, calls
from faults.server import TIMEOUT, WORKERS, Server, ServerError, serving, wait
from faults.steps import CLIENT, Answer, Step, ingest, sign_in, step

STEPS = 24
TENANT = "default"
_TIMEOUT = "3s"
"""How long a process may not react where processes are stopped. Elsewhere it is longer: on a busy machine all are slow."""


@dataclass(slots=True)
class Client:
    """Sends requests, one after the other, and keeps what is expected after each answer.

    With `history`, `before` are copies of the model: what is possible when so many requests are answered and the next is sent.
    """

    seed: int
    history: bool = False
    model: Model = field(default_factory=Model)
    number: int = 0
    done: int = 0
    refused: int = 0
    unanswered: int = 0
    reasons: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    before: list[Model] = field(default_factory=list)

    def send(self, server: Server, count: int = 1) -> Answer:
        """So many requests; the last answer."""
        answer = Answer(None)
        for _ in range(count):
            answer = self.ask(server, step(self.model, self.seed, self.number))
            self.number += 1
        return answer

    def sign_in(self, server: Server) -> None:
        """Create the token that all other requests are sent with."""
        self.ask(server, sign_in())
        server.use(self.model.items["token", CLIENT].key)

    def ask(self, server: Server, request: Step) -> Answer:
        if self.history:
            possible = copy.deepcopy(self.model)
            request.effect(possible, Answer(None))
            self.before.append(possible)
        answer = server.ask(request)
        self.take(request, answer)
        return answer

    def send_together(self, server: Server, count: int = 4) -> None:
        """Activities over several connections at once, a large body among them."""
        requests = [ingest(self.seed, self.number + place, large=place == 0) for place in range(count)]
        self.number += count
        for request, answer in zip(requests, server.ask_together(requests), strict=True):
            self.take(request, answer)

    def take(self, request: Step, answer: Answer) -> None:
        """Count an answer and draw the conclusions."""
        if answer.status is None:
            self.unanswered += 1
        elif answer.acknowledged:
            self.done += 1
        else:
            self.refused += 1
            self.reasons.add(f"{answer.status} {str(answer.body)[:200]}")
            if answer.status != 503 and not (answer.status == 404 and request.may_be_missing):
                self.wrong.append(
                    f"{request.method} {request.path} is answered {answer.status} {str(answer.body)[:300]}"
                )
        if finding := request.effect(self.model, answer):
            self.wrong.append(finding)

    def outcome(self, kind: str) -> Outcome:
        reasons = sorted(self.reasons)
        return Outcome(kind, self.seed, self.done, self.refused, self.unanswered, reasons, self.wrong)


@dataclass(frozen=True, slots=True)
class ServerKind:
    """`faults` are what strace puts into calls: of a single process, and of a server of several."""

    name: str
    faults: tuple[str, str] | None = None


SERVER_KINDS = (
    ServerKind("server-power"),
    ServerKind("server-kill"),
    ServerKind("server-child"),
    ServerKind(
        "server-full",
        (
            "write,pwrite64,mkdir,rename,renameat:error=ENOSPC",
            "pwrite64,fsync,fdatasync,mkdir,rename,renameat:error=ENOSPC",
        ),
    ),
    ServerKind("server-broken", ("write,pwrite64,fsync,fdatasync:error=EIO", "pwrite64,fsync,fdatasync:error=EIO")),
    ServerKind(
        "server-frozen",
        (f"{tracing.CHANGING}:error=EROFS", f"{tracing.CHANGING.removeprefix('write,')}:error=EROFS"),
    ),
)


def run_server(kind: ServerKind, seed: int, folder: Path, *, places: int = 1) -> list[Outcome]:
    """One cycle; of a power failure as many as there are `places`."""
    client = Client(seed, history=kind.name == "server-power")
    with tempfile.TemporaryDirectory(dir=folder) as room:
        try:
            if kind.name == "server-power":
                return list(_power(client, Path(room), places=places))
            _cycle(kind, client, Path(room))
        except Exception as error:  # noqa: BLE001  a server that cannot be used is what is looked for
            client.wrong.append(described(error))
    return [client.outcome(kind.name)]


def _cycle(kind: ServerKind, client: Client, room: Path) -> None:
    store, dice = room / "store", random.Random(client.seed)
    store.mkdir()
    children = kind.faults is None or dice.random() < 0.5
    timeout = _TIMEOUT if kind.name == "server-child" else TIMEOUT
    with serving(store, children=children, timeout=timeout) as server:
        client.sign_in(server)
        if children:
            client.send_together(server)
        client.send(server, dice.randint(4, STEPS))
        if kind.faults is not None:
            _recover(server, client, kind.faults[children], dice)
        elif kind.name == "server-child":
            _kill_child(server, client, dice)
        else:
            _kill(server, client, dice)
    client.wrong += after(store, client.model, log=server.log, disturbed=kind.faults is not None)


def after(store: Path, model: Model, *, log: str = "", disturbed: bool = False) -> list[str]:
    """Start a server on what is left, and look; it has to stop as well. Then its transparency log has to agree with the store."""

    def look() -> Iterator[str]:
        with serving(store) as server:
            server.use(model.items["token", CLIENT].key)
            yield from findings(server, model, log=log, disturbed=disturbed)
            server.stop()

    return collected(look) + disagreement(store, TENANT, model.signed)


def _kill(server: Server, client: Client, dice: random.Random) -> None:
    """SIGKILL of the supervisor, with which all end, or of the writer, which is replaced, while it has requests."""
    writer = server.owner()
    if dice.random() < 0.5:
        fault = f"{tracing.CHANGING}:signal=KILL:when={dice.randint(1, 60)}"
        with tracing.under([writer], fault):
            client.send(server, dice.choice([1, 3, 6]))
        replaced = [] if writer in server.children() else [writer]
        whole = False
    else:
        whole = dice.random() < 0.5
        request = client.send if dice.random() < 0.5 else client.send_together
        with _sending(request, server, dice):
            _signal([server.pid if whole else writer], signal.SIGKILL)
        replaced = [writer]
    if not whole:
        server.await_replaced(replaced)
        _go_on(server, client)
    server.kill()


def _kill_child(server: Server, client: Client, dice: random.Random) -> None:
    """SIGKILL of workers, or SIGSTOP of a worker or the writer. They are replaced, and the server continues."""
    first = server.children()
    for _ in range(dice.choice([1, 3])):
        started = [child for child in server.children() if child in first]  # One that is starting may take its time.
        if started and dice.random() < 0.5:
            number, children = signal.SIGSTOP, [dice.choice(started)]
        else:
            number, children = signal.SIGKILL, dice.sample(server.workers(), dice.choice([1, 1, WORKERS]))
        with _sending(client.send_together, server, dice):
            _signal(children, number)
        client.send(server, 3)
        server.await_replaced(children)
        _go_on(server, client)
    server.kill()


@contextmanager
def _sending(request: Callable[[Server], object], server: Server, dice: random.Random) -> Iterator[None]:
    """Requests are under way for a random time when this begins, and are answered, or never will be, when it ends."""
    sender = threading.Thread(target=request, args=(server,))
    sender.start()
    time.sleep(dice.uniform(0, 0.2))
    try:
        yield
    finally:
        sender.join()


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            kill(process, number)


def _recover(server: Server, client: Client, fault: str, dice: random.Random) -> None:
    """Some requests under a fault, which every call meets or every few, and then more without."""
    every = dice.choice([1, 2, 7, 40])
    with tracing.under([server.pid, *server.children()], f"{fault}:when={dice.randint(1, every)}+{every}"):
        client.send(server, dice.choice([1, 3, 6, 12]))
    _go_on(server, client)
    client.send(server, 6)
    if dice.random() < 0.5:
        server.stop()
    else:
        server.kill()


def _go_on(server: Server, client: Client) -> None:
    """After a fault the same server stores again."""

    def stored() -> bool:
        client.number += 1
        return client.ask(server, ingest(client.seed, client.number - 1)).acknowledged

    wait(stored, "nothing can be stored though the fault is over")


def _power(client: Client, room: Path, *, places: int) -> Iterator[Outcome]:
    """The power fails at some places of one recording."""
    with recording(client, room) as (server, recorded):
        client.send(server, STEPS - 1)
        server.stop()
    answers = [place for place, call in enumerate(recorded) if _is_answer(call)]
    if len(answers) != STEPS:
        raise ServerError(f"{STEPS} requests have {len(answers)} answers in the recording")
    dice = random.Random(client.seed)
    reasons = sorted(client.reasons)
    for number in range(places):
        left, place = room / f"left-{number}", dice.randint(answers[0] + 1, len(recorded))
        answered = sum(answer < place for answer in answers)
        fail(recorded[:place], room / "store", dice, left)
        wrong = client.wrong + after(left, [*client.before, client.model][answered])
        yield Outcome("server-power", client.seed, answered, client.refused, int(answered < STEPS), reasons, wrong)
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def recording(client: Client, room: Path, *, plant: str | None = None) -> Iterator[tuple[Server, list[Call]]]:
    """A server whose calls are recorded, and a client that is signed in; the list is filled at the end."""
    store, trace = room / "store", room / "trace"
    store.mkdir()
    recorded: list[Call] = []
    command = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    with serving(store, children=False, tracing=command, plant=plant) as server:
        client.sign_in(server)
        yield server, recorded
    with trace.open(encoding="latin-1") as lines:
        recorded += calls(lines)


def fail(recorded: Sequence[Call], store: Path, dice: random.Random, left: Path) -> None:
    """Write what is left when the power fails after that much of a recording."""
    disk = Disk(store)
    for call in recorded:
        disk.apply(call)
    disk.after_power_failure(dice, left)


def _is_answer(call: Call) -> bool:
    """Whether the beginning of an answer has been sent."""
    return call.name == "sendto" and call.ended and bytes(call.arguments[1]).startswith(b"HTTP/1.")
