"""A server in processes of its own, and requests to it over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from faults.logged import NAME
from faults.steps import Answer, Step, encoded

SECONDS = 180
"""After that long without an answer something is wrong, however busy the machine is."""

WORKERS = 2
"""Workers of a server with several processes."""

TIMEOUT = "30s"
"""How long a process may not react before it is replaced."""

SECONDS_TO_END = 20
"""Seconds in which all processes of a server have to end after its supervisor has."""

_TESTS = Path(__file__).parent.parent


class ServerError(Exception):
    """It did not start, or did not stop, or did not do what it should have."""


class Server:
    """A supervisor, whose children are the writer and the workers; or without `children` a single process.

    `pid` is the supervisor, or the single process. `timeout` is how long a child may not react before it is replaced.
    """

    def __init__(
        self,
        store: Path,
        *,
        children: bool = True,
        timeout: str = TIMEOUT,
        tracing: Sequence[str] = (),
        plant: str | None = None,
    ) -> None:
        self._lock = store.resolve() / "lock"
        self._told = store / "server.json"
        self._told.unlink(missing_ok=True)
        self._log: list[bytes] = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = [sys.executable, "-B", "-m", "faults.serving", "--socket", str(theirs.fileno())]
        command += [*(["--plant", plant] if plant else []), *([] if children else ["--alone"])]
        command += ["--", "serve", "--store", str(store), "--host", "127.0.0.1", "--port", "0"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CASBAH_")}
        environment |= {
            "CASBAH_WORKERS": str(WORKERS) if children else "1",
            "CASBAH_WORKER_TIMEOUT": timeout,
            "CASBAH_INGEST_PROCESSES": "0",
            "CASBAH_EXPORT_SPARE": "1",
            "CASBAH_LOG_NAME": NAME,
            "CASBAH_LOG_DELAY": "1",
        }
        self._process = subprocess.Popen(
            [*tracing, *command],
            cwd=_TESTS,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()
        try:
            self.url, self.key, self.pid = self._started()
        except BaseException:
            self.end()
            raise
        self._clients = [self._client() for _ in range(4)]

    def use(self, key: str) -> None:
        """Ask with another key from now on."""
        for client in self._clients:
            client.headers["Authorization"] = f"Token {key}"

    @property
    def log(self) -> str:
        """What it has logged so far; all of it once it has ended."""
        return b"".join(self._log).decode("utf-8", "replace")

    def ask(self, step: Step, *, client: int = 0) -> Answer:
        """Send a request."""
        headers = {"Content-Type": "application/json"}
        body = None if step.body is None else encoded(step.body)
        try:
            answer = self._clients[client].request(step.method, step.path, content=body, headers=headers)
        except httpx.TimeoutException as error:
            raise ServerError(f"{step.method} {step.path}: no answer within {SECONDS} s") from error
        except httpx.TransportError:
            return Answer(None)
        return Answer(answer.status_code, _body(answer))

    def ask_together(self, steps: Sequence[Step]) -> list[Answer]:
        """Send requests at the same time, each over its own connection."""
        with ThreadPoolExecutor(len(steps)) as pool:
            return list(pool.map(lambda pair: self.ask(pair[1], client=pair[0]), enumerate(steps)))

    def get(self, path: str, *, body: Any = None, key: str | None = None) -> httpx.Response:
        """Ask for something, with another key if one is named."""
        headers = {} if key is None else {"Authorization": f"Token {key}"}
        return self._clients[0].request("GET" if body is None else "POST", path, json=body, headers=headers)

    def children(self) -> list[int]:
        """The writer and the workers that run."""
        children: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):
                children += [int(child) for child in task.read_text().split()]
        return [child for child in children if _session(child) is not None]

    def owner(self) -> int:
        """The process that owns the store: the one that has its lock open. Raises ServerError if there is none."""
        for process in (self.pid, *self.children()):
            with suppress(OSError):
                if any(file.readlink() == self._lock for file in Path(f"/proc/{process}/fd").iterdir()):
                    return process
        raise ServerError("no process owns the store")

    def workers(self) -> list[int]:
        """The processes that answer beside the writer."""
        owner = self.owner()
        return [child for child in self.children() if child != owner]

    def await_replaced(self, ended: Sequence[int]) -> None:
        """Wait until other processes have taken the place of these. Raises ServerError."""

        def replaced() -> bool:
            children = self.children()
            return len(children) == 1 + WORKERS and not set(ended) & set(children)

        wait(replaced, "processes that died or hang are not replaced")

    def kill(self) -> None:
        """SIGKILL for the supervisor or the single process. Raises ServerError if another process outlives it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait(SECONDS)
        self._await_end()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            code = self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerError("it does not stop") from None
        if code:
            raise ServerError(f"it stopped with exit code {code}: {self.log[-500:]}")
        self._await_end()

    def end(self) -> None:
        """End whatever of it still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(SECONDS)
        for client in getattr(self, "_clients", ()):
            client.close()

    def _await_end(self) -> None:
        """Wait until no process of its session is left."""

        def ended() -> bool:
            processes = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
            return all(_session(process) != self._process.pid for process in processes)

        wait(ended, "its processes outlive it", seconds=SECONDS_TO_END)

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Token {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=SECONDS, trust_env=False)

    def _started(self) -> tuple[str, str, int]:
        def told() -> bool:
            return self._told.exists() or self._process.poll() is not None

        wait(told, "the server does not start")
        if not self._told.exists():
            self._reader.join(SECONDS)
            raise ServerError(f"the server does not start: {self.log[-500:].strip()}")
        found = json.loads(self._told.read_text())
        return found["url"], found["key"], found["pid"]

    def _read(self, ours: socket.socket) -> None:
        with ours:
            while True:
                try:
                    data = ours.recv(1 << 16)
                except OSError:
                    return
                if not data:
                    return
                self._log.append(data)


@contextmanager
def serving(
    store: Path,
    *,
    children: bool = True,
    timeout: str = TIMEOUT,
    tracing: Sequence[str] = (),
    plant: str | None = None,
) -> Iterator[Server]:
    """A running server, ended at the end."""
    server = Server(store, children=children, timeout=timeout, tracing=tracing, plant=plant)
    try:
        yield server
    finally:
        server.end()


def wait(condition: Callable[[], bool], message: str, *, seconds: float = SECONDS) -> None:
    """Until a condition holds. Raises ServerError."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise ServerError(f"{message} after {seconds} s")
        time.sleep(0.02)


def _session(process: int) -> int | None:
    """The session of a process; None if it has ended (proc(5), stat)."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    state, _, _, session = stat.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else int(session)


def _body(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.content
