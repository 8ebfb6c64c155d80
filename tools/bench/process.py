"""Processes of the peers: started, waited for, looked at, ended."""

import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 120
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Process:
    """A process and those that it started."""

    popen: subprocess.Popen[bytes]

    def memory(self) -> dict[str, int]:
        """Bytes: `held` is memory of its own, `seen` counts with it the pages of files that it has mapped."""
        found = {"held": 0, "seen": 0}
        for pid in _family(self.popen.pid):
            parts = _rollup(pid)
            found["held"] += parts.get("Pss_Anon", 0) + parts.get("Pss_Shmem", 0)
            found["seen"] += parts.get("Pss", 0)
        return found

    def processor(self) -> float:
        """Seconds that processors have worked for it."""
        return processor(self.popen.pid)

    def end(self) -> None:
        """End it, and wait until it is gone."""
        self.popen.terminate()
        try:
            self.popen.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def start(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, user: str | None = None
) -> Process:
    """Start a command that writes to a log; as another user, if one is named."""
    with log.open("ab") as file:
        return Process(
            subprocess.Popen(
                command,
                cwd=log.parent if user else _ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
            )
        )


def python(module: str, *arguments: str, log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Start a module of ours."""
    return start([sys.executable, "-m", module, *arguments], log=log, environment=environment)


def finished(module: str, *arguments: str, out: Path, log: Path) -> tuple[float, float]:
    """Run a module of ours to its end: the seconds that it took, and those that processors worked for it and what it started.

    Raises RuntimeError, with the end of its log, if it fails.
    """
    started = time.perf_counter()
    with out.open("wb") as output, log.open("wb") as errors:
        command = [sys.executable, "-m", module, *arguments]
        running = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{command} failed:\n{log.read_text(errors='replace')[-2_000:]}")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime


def wait(process: Process, ready: Callable[[], bool], *, log: Path) -> None:
    """Wait until it is ready. Raises RuntimeError, with the end of its log, if it is not to be."""
    patience = time.monotonic() + _PATIENCE
    while not ready():
        if process.popen.poll() is not None or time.monotonic() > patience:
            process.end()
            raise RuntimeError(f"{process.popen.args} did not start:\n{log.read_text(errors='replace')[-2_000:]}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def other_user(*names: str) -> str | None:
    """Who runs servers that refuse to run as root: nobody else, or the first of `names` that there is."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in names if name in known)


def give(folder: Path, user: str | None) -> None:
    """Let a user own a folder and all that is in it."""
    if user is not None:
        owner = pwd.getpwnam(user)
        for each in (folder, *folder.rglob("*")):
            os.chown(each, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def size(folder: Path, *, name: str = "*") -> int:
    """The bytes of a folder's files, or of those of that name."""
    return sum(file.stat().st_size for file in folder.rglob(name) if file.is_file())


def processor(pid: int) -> float:
    """Seconds that processors have worked for a process and those that it started."""
    return sum(map(_worked, _family(pid))) / os.sysconf("SC_CLK_TCK")


def _worked(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _family(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(child))]


def _rollup(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
