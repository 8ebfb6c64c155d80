"""A cluster of OpenSearch on this machine: nodes from Maven Central, each a process that can be killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

VERSION = "2.19.1"
"""Of the line that runs on Java 11 and newer."""

_ARTIFACT = f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip"
_HEAP = "640m"
_SETTINGS = """\
cluster.name: casbah-test
node.name: {name}
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
path.data: {folder}/data
path.logs: {folder}/logs
path.repo: {folder}/repository
discovery.seed_hosts: [{seeds}]
cluster.initial_cluster_manager_nodes: [{names}]
cluster.routing.allocation.disk.threshold_enabled: false
cluster.max_shards_per_node: 5000
cluster.follower_lag.timeout: 10s
cluster.fault_detection.follower_check.interval: 500ms
cluster.fault_detection.follower_check.timeout: 3s
cluster.fault_detection.leader_check.interval: 500ms
cluster.fault_detection.leader_check.timeout: 3s
bootstrap.memory_lock: false
"""


def lacking() -> str:
    """What is not here that this needs, in words; nothing if all is."""
    missing = [each for each in ("java", "mvn") if shutil.which(each) is None]
    return f"apt install default-jre-headless maven ({' and '.join(missing)} not found)" if missing else ""


class Node:
    """One node. Its data outlives its process."""

    def __init__(self, home: Path, folder: Path, name: str, http: int, transport: int) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = folder
        self.name = name
        self.http = http
        self.transport = transport

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def prepare(self, nodes: Sequence["Node"]) -> None:
        for made in ("data", "logs", "config", "repository"):
            (self.folder / made).mkdir(parents=True, exist_ok=True)
        for each in (self._home / "config").iterdir():
            if each.is_file():
                shutil.copy(each, self.folder / "config" / each.name)
        settings = _SETTINGS.format(
            name=self.name,
            http=self.http,
            transport=self.transport,
            folder=self.folder,
            seeds=", ".join(f'"127.0.0.1:{node.transport}"' for node in nodes),
            names=", ".join(node.name for node in nodes),
        )
        (self.folder / "config" / "opensearch.yml").write_text(settings)
        _give(self.folder)

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "OPENSEARCH_JAVA_OPTS": f"-Xms{_HEAP} -Xmx{_HEAP}",
            "OPENSEARCH_JAVA_HOME": _java_home(),
            "OPENSEARCH_PATH_CONF": str(self.folder / "config"),
        }
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._home / "bin" / "opensearch")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                user="nobody" if os.getuid() == 0 else None,
            )

    def revive(self) -> None:
        """Running and awake, whatever was done to it."""
        if self._process is None:
            self.start()
        else:
            self.pause(on=False)

    def kill(self) -> None:
        """kill -9, at once; what it had not synced is the system's still."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def pause(self, *, on: bool) -> None:
        """A node that does not answer and is not gone."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        os.killpg(self._process.pid, number)
        self._process.wait(60)
        self._process = None


class Nodes:
    """Three nodes, or as many as wanted."""

    def __init__(self, work: Path, *, count: int = 3) -> None:
        self._folder = work / f"nodes-{os.getpid()}"
        home = _unpacked(work)
        ports = _free_ports(2 * count)
        self.nodes = [
            Node(home, self._folder / f"n{at}", f"n{at}", ports[2 * at], ports[2 * at + 1]) for at in range(count)
        ]

    @property
    def hosts(self) -> str:
        return ",".join(f"127.0.0.1:{node.http}" for node in self.nodes)

    def start(self) -> None:
        self._folder.mkdir(parents=True)
        self._folder.chmod(0o755)
        for node in self.nodes:
            node.prepare(self.nodes)
            node.start()
        self.wait(nodes=len(self.nodes))

    def wait(self, *, nodes: int | None = None, status: str = "yellow", seconds: int = 180) -> None:
        """Until so many nodes are there, and every index is as well as `status`."""
        end = time.monotonic() + seconds
        while True:
            health = self.health()
            ranks = ("red", "yellow", "green")
            if (
                health
                and (nodes is None or health["number_of_nodes"] == nodes)
                and ranks.index(health["status"]) >= ranks.index(status)
            ):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"the cluster is not {status} after {seconds} s: {health}; logs in {self._folder}")
            time.sleep(0.5)

    def named(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def health(self) -> Any:
        return self.ask("GET", "/_cluster/health")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of the first node that gives one; None if none does."""
        for node in self.nodes:
            try:
                return httpx.request(method, node.url + path, json=body, timeout=20).json()
            except (httpx.HTTPError, ValueError):
                continue
        return None

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _unpacked(work: Path) -> Path:
    """The distribution, fetched once with Maven, so that whatever the user's Maven is set to applies."""
    home = work / f"opensearch-{VERSION}"
    if not home.exists():
        work.mkdir(parents=True, exist_ok=True)
        command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={work}"]
        subprocess.run(command, check=True, cwd=work)
        with zipfile.ZipFile(work / f"opensearch-{VERSION}.zip") as archive:
            archive.extractall(work / "unpacking")
        for script in (work / "unpacking" / f"opensearch-{VERSION}" / "bin").iterdir():
            script.chmod(0o755)
        (work / "unpacking" / f"opensearch-{VERSION}").rename(home)
        _give(home)
    return home


def _give(folder: Path) -> None:
    """The server does not run as root."""
    if os.getuid() == 0:
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, "nobody")


def _java_home() -> str:
    java = shutil.which("java")
    assert java is not None
    return str(Path(os.path.realpath(java)).parent.parent)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
