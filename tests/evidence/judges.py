"""Programs that others wrote, which judge Casbah's logs: Go's packages for them, a witness, and a checker of whole logs.

They are built once, into `build/judges`, which git ignores. `go.sum` and Go's checksum database vouch for their sources.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "judges"
PROGRAMS = {
    "litewitness": "filippo.io/torchwood/cmd/litewitness@v0.6.1",
    "fsck": "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4",
}
NEEDED = ["go", "ssh-agent", "ssh-add"]
_SECONDS = 300


def lacking() -> str:
    """What this machine does not have, or an empty string."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else ""


def require(request: pytest.FixtureRequest, *programs: str) -> None:
    """Build programs for a test, all unless named; it is skipped unless it is run by `make evidence`."""
    if not request.config.getoption("--evidence"):
        pytest.skip("make evidence")
    assert not lacking()
    build(programs or tuple(PROGRAMS))


def build(programs: Sequence[str] = tuple(PROGRAMS)) -> None:
    """Install the programs that are not installed yet; `judge` is built again, which is quick."""
    environment = {**os.environ, "GOBIN": str(BUILT), "GOFLAGS": "-mod=readonly -buildvcs=false"}
    for name in programs:
        if not (BUILT / name).exists():
            _run(["go", "install", PROGRAMS[name]], env={**environment, "GOFLAGS": ""})
    _run(["go", "build", "-o", str(BUILT / "judge"), "."], env=environment, cwd=Path(__file__).parent / "judge")


def judge(command: str, **options: Any) -> tuple[int, dict[str, Any], str]:
    """The exit code of `judge`, what it says, and its error. An option may be a list."""
    words = [
        word
        for name, value in options.items()
        for item in (value if isinstance(value, list) else [value])
        for word in (f"--{name}", str(item))
    ]
    done = subprocess.run(
        [BUILT / "judge", command, *words], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def fsck(log: str, key: Path, bearer: str = "") -> str:
    """What tessera's fsck writes. Its exit code says nothing."""
    command = [BUILT / "fsck", "--ui=false", "--storage_url", log, "--public_key", key, "--bearer_token", bearer]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stderr


@dataclass(frozen=True)
class Witness:
    """A running litewitness."""

    url: str
    verifier: str
    database: Path

    @property
    def setting(self) -> str:
        """The witness as CASBAH_LOG_WITNESSES names it."""
        return f"{self.verifier} {self.url}"

    def know(self, origin: str, verifier: str) -> None:
        """Witness this log from now on, as `witnessctl add-log` and `add-key` do."""
        with sqlite3.connect(self.database) as database:
            database.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, b64encode(sha256().digest()).decode()))
            database.execute("INSERT INTO key VALUES (?, ?)", (origin, verifier))
        database.close()

    def size(self, origin: str) -> int:
        """The size of the last tree that it signed."""
        with sqlite3.connect(self.database) as database:
            ((size,),) = database.execute("SELECT tree_size FROM log WHERE origin = ?", (origin,))
        database.close()
        return int(size)


@contextmanager
def witness(name: str = "witness.example/w1") -> Iterator[Witness]:
    """A litewitness with a key of its own, which an ssh-agent holds."""
    with tempfile.TemporaryDirectory(prefix="w") as folder, _agent(Path(folder)) as (agent, fingerprint):
        database, log, port = Path(folder, "w.db"), Path(folder, "log"), _free_port()
        command = [BUILT / "litewitness", "-name", name, "-key", fingerprint, "-ssh-agent", agent]
        with log.open("wb") as errors:
            process = subprocess.Popen([*command, "-db", database, "-listen", f"127.0.0.1:{port}"], stderr=errors)
        try:
            _until(lambda: "msg=listening" in log.read_text(), process)
            (verifier,) = re.findall(r"vkey=(\S+)", log.read_text())
            yield Witness(f"http://127.0.0.1:{port}", verifier, database)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _agent(folder: Path) -> Iterator[tuple[Path, str]]:
    """The socket of an ssh-agent, and the fingerprint of its only key."""
    address, file = folder / "agent", folder / "key"
    key = Ed25519PrivateKey.generate()
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    process = subprocess.Popen([shutil.which("ssh-agent") or "", "-D", "-a", address], stdout=subprocess.DEVNULL)
    try:
        _until(lambda: _listens(address), process)
        _run(["ssh-add", "-q", str(file)], env={**os.environ, "SSH_AUTH_SOCK": str(address)})
        kind, public = b"ssh-ed25519", key.public_key().public_bytes_raw()
        blob = b"".join(len(part).to_bytes(4) + part for part in (kind, public))
        yield address, f"SHA256:{b64encode(sha256(blob).digest()).decode().rstrip('=')}"
    finally:
        process.terminate()
        process.wait()


def _run(command: list[str], **options: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, **options)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _until(condition: Any, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it did not start"
        time.sleep(0.02)


def _listens(address: Path) -> bool:
    """Whether a Unix socket accepts connections, which is a moment after it exists."""
    with socket(AF_UNIX) as client:
        return address.exists() and client.connect_ex(str(address)) == 0


def _free_port() -> int:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
