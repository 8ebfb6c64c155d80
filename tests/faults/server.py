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

from faults.steps import Answer, Step, encoded

SECONDS = 180
"""After that long without an answer something is wrong, however busy the machine is."""

_TESTS = Path(__file__).parent.parent


class ServerError(Exception):
    """It did not start, or did not stop, or did not do what it should have."""


class Server:
    """`children`: with processes that answer and prepare beside the one that owns the store."""

    def __init__(
        self, store: Path, *, children: bool = True, tracing: Sequence[str] = (), plant: str | None = None
    ) -> None:
        self._told = store / "server.json"
        self._told.unlink(missing_ok=True)
        self._log: list[bytes] = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = [sys.executable, "-B", "-m", "faults.serving", "--socket", str(theirs.fileno())]
        command += [*(["--plant", plant] if plant else []), *([] if children else ["--alone"])]
        command += ["--", "serve", "--store", str(store), "--host", "127.0.0.1", "--port", "0"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CASBAH_")}
        environment |= {
            "CASBAH_SEARCH_PROCESSES": "2" if children else "0",
            "CASBAH_INGEST_PROCESSES": "1" if children else "0",
            "CASBAH_EXPORT_SPARE": "1",
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
        """The processes beside the owner."""
        found = []
        for tasks in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in tasks.read_text().split()]
        return [child for child in found if "spawn_main" in _command(child)]

    def kill(self) -> None:
        """SIGKILL for the owner. Raises ServerError if its children outlive it."""
        children = self.children()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait(SECONDS)
        wait(lambda: not any("spawn_main" in _command(child) for child in children), "its processes outlive it")

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            code = self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerError("it does not stop") from None
        if code:
            raise ServerError(f"it stopped with exit code {code}: {self.log[-500:]}")

    def end(self) -> None:
        """End whatever of it still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(SECONDS)
        for client in getattr(self, "_clients", ()):
            client.close()

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
    store: Path, *, children: bool = True, tracing: Sequence[str] = (), plant: str | None = None
) -> Iterator[Server]:
    """A running server, ended at the end."""
    server = Server(store, children=children, tracing=tracing, plant=plant)
    try:
        yield server
    finally:
        server.end()


def wait(condition: Callable[[], bool], message: str) -> None:
    """Until a condition holds. Raises ServerError."""
    until = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > until:
            raise ServerError(f"{message} after {SECONDS} s")
        time.sleep(0.02)


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _body(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.content
