"""Servers as subprocesses, and what the kernel tells of their processes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest

from making import record

STORED = 50
"""Activities that a server has from the start."""

SECONDS = 60
INGEST = "/api/ext/v1/activities?source=mdca"
LIST = "/api/v1/activities/"
_ESTABLISHED, _CONNECTED = "01", "03"

Item = TypeVar("Item")


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until the condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.005)


def only(found: Callable[[], Collection[Item]]) -> Item:
    """The one item that there is, as soon as there is one.

    While other sockets open and close, the kernel's tables may show one twice, or leave it out.
    """
    end = time.monotonic() + SECONDS
    while len(items := found()) != 1:
        assert time.monotonic() < end, f"there is not one, but {items}"
        time.sleep(0.005)
    return next(iter(items))


@dataclass
class Running:
    """A server. Its processes are told apart by the Unix socket, on which the writer alone listens."""

    process: subprocess.Popen[str]
    store: Path
    url: str
    key: str
    log: Path
    certificate: Path | None = None
    _clients: ExitStack = field(default_factory=ExitStack)

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    @property
    def children(self) -> list[int]:
        """Processes that the supervisor has started, in order of start."""
        return children_of(self.process.pid)

    @property
    def writer(self) -> int:
        return only(lambda: [pid for pid in self.children if sockets_of(pid) & set(self._unix(listening=True))])

    @property
    def workers(self) -> list[int]:
        return [pid for pid in self.children if pid != self.writer]

    @property
    def connections(self) -> dict[int, int]:
        """Clients' connections, by process."""
        accepted = tcp_sockets(self.port)
        return {pid: len(sockets_of(pid) & accepted) for pid in self.children}

    @property
    def at_writer(self) -> int:
        """Connections of workers to the writer."""
        return len(sockets_of(self.writer) & set(self._unix(listening=False)))

    @property
    def socket(self) -> Path:
        """The path of the Unix socket."""
        return Path(only(lambda: set(self._unix(listening=True).values())))

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """One connection, kept."""
        bearer = {} if key == "" else {"Authorization": f"Token {key or self.key}"}
        return self._clients.enter_context(
            httpx.Client(
                base_url=self.url,
                headers={**bearer, **headers},
                trust_env=False,
                timeout=SECONDS,
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None),
            )
        )

    def client_of_each(self, key: str | None = None, **headers: str) -> list[httpx.Client]:
        """One connection to each worker; `client_at` says which."""
        clients: dict[int, httpx.Client] = {}
        for _ in range(100):
            client = self.client(key, **headers)
            clients.setdefault(self.client_at(client), client)
            if set(clients) == set(self.workers):
                return list(clients.values())
        raise AssertionError("a worker accepts no connections")

    def client_at(self, client: httpx.Client) -> int:
        """The worker that has accepted a client's connection."""
        with client.stream("GET", "/livez") as response:
            local = response.extensions["network_stream"].get_extra_info("socket").getsockname()[1]
            response.read()
        return only(lambda: [pid for pid in self.children if sockets_of(pid) & tcp_sockets(self.port, peer=local)])

    def tenant(self, name: str, *, count: int = 0, **more: Any) -> str:
        """The key of a new tenant that has so many activities."""
        client = self.client()
        answer = client.post("/api/ext/v1/tokens", json={"name": name, "tenant": name, **more})
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["token"]
        if count:
            stored = self.client(key).post(INGEST, json=[record(n) for n in range(count)])
            assert stored.json()["stored"] == count, stored.text
        return key

    def close_clients(self) -> None:
        self._clients.close()

    @cached_property
    def _socket_path(self) -> str:
        return only(
            lambda: {
                path
                for inode, _, path in _unix_sockets()
                if path.endswith("/writer.sock") and any(inode in sockets_of(pid) for pid in self.children)
            }
        )

    def _unix(self, *, listening: bool) -> dict[int, str]:
        """The Unix sockets of the path, by inode: the one that listens, or those that it has accepted."""
        return {
            inode: path
            for inode, state, path in _unix_sockets()
            if path == self._socket_path and (state != _CONNECTED) == listening
        }


def children_of(pid: int) -> list[int]:
    """Processes that a process has started, in order of start, but for those that have ended."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    return [int(child) for child in listed if is_alive(int(child))]


def is_alive(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def sockets_of(pid: int) -> set[int]:
    """The inodes of a process's sockets."""
    inodes = set()
    try:
        for file in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208  a Path for each would be slow
            try:
                target = os.readlink(f"/proc/{pid}/fd/{file}")  # noqa: PTH115  the same
            except FileNotFoundError:
                continue
            if match := re.fullmatch(r"socket:\[(\d+)\]", target):
                inodes.add(int(match.group(1)))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return inodes


def tcp_sockets(port: int, *, peer: int | None = None) -> set[int]:
    """The inodes of the server's ends of connections to a local port, of all clients or of the one at a port."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        columns = line.split()
        local, remote = (int(columns[place].partition(":")[2], 16) for place in (1, 2))
        if local == port and columns[3] == _ESTABLISHED and peer in (None, remote) and columns[9] != "0":
            inodes.add(int(columns[9]))
    return inodes


def _unix_sockets() -> Iterator[tuple[int, str, str]]:
    """The inode, state and path of each Unix socket that has a path."""
    for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()[1:]:
        columns = line.split(maxsplit=7)
        if len(columns) == 8:
            yield int(columns[6]), columns[5], columns[7]


def announcement(store: Path) -> dict[str, Any]:
    """What a server says about itself in its store; empty while there is none. A killed one leaves it behind."""
    try:
        text: dict[str, Any] = json.loads((store / "server.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return text


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of Casbah."""
    return {name: text for name, text in os.environ.items() if not name.startswith("CASBAH_")} | more


def command(store: Path, **chosen: str) -> list[str]:
    """The command line of a server."""
    chosen = {"workers": "2", "audit": "off", **chosen}
    options = [f"--set={name}={text}" for name, text in chosen.items()]
    return [sys.executable, "-m", "casbah", "serve", "--port", "0", "--store", str(store), *options]


@contextmanager
def serving(store: Path, *, count: int = 0, **chosen: str) -> Iterator[Running]:
    """A running server."""
    log = store.parent / f"{store.name}.log"
    with log.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(command(store, **chosen), stdout=output, stderr=output, text=True, env=environment())
    started: list[int] = []
    running = None
    try:
        until(lambda: announcement(store).get("pid") == process.pid or process.poll() is not None)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        text = announcement(store)
        running = Running(process, store, text["url"], text["key"], log)
        started = running.children
        if count:
            stored = running.client().post(INGEST, json=[record(n) for n in range(count)])
            assert stored.json()["stored"] == count, stored.text
        yield running
    finally:
        if running is not None:
            running.close_clients()
            started += running.children
        process.kill()
        process.wait(SECONDS)
        for pid in started:  # A test may have stopped the mechanism that ends them.
            if is_alive(pid) and b"casbah" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts servers with the settings passed."""
    with ExitStack() as stack:
        yield lambda name="store", **chosen: stack.enter_context(serving(tmp_path / name, **chosen))


@pytest.fixture(scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("kept") / "store", count=STORED) as running:
        yield running


@pytest.fixture
def kept(_kept: Running) -> Iterator[Running]:
    """A server for all tests of a module. They change nothing but in tenants of their own."""
    yield _kept
    _kept.close_clients()


@pytest.fixture(scope="module")
def _single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("single") / "store", count=STORED, workers="1") as running:
        yield running


@pytest.fixture
def single(_single: Running) -> Iterator[Running]:
    """The same of a single process."""
    yield _single
    _single.close_clients()


def copy_of(store: Path, target: Path) -> Path:
    """A copy of the folder of a server that has ended."""
    shutil.copytree(store, target)
    return target
