"""`casbah` as a process of its own, which is killed, stopped, or has a fault in its calls."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SECONDS = 120


def started(*words: str, store: Path, fault: str | None = None) -> subprocess.Popen[str]:
    """A command on a store. `fault`: what strace puts into its calls (`faults.tracing`)."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("CASBAH_")}
    command = [*_tracing(fault), sys.executable, "-B", "-m", "casbah", *words, "--store", str(store)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code (less than 0: the signal that has ended it), and what it has written."""
    output, messages = process.communicate(timeout=SECONDS)
    return process.returncode, output + messages


def killed(process: subprocess.Popen[str], *, after: float) -> bool:
    """Kill it with SIGKILL after so many seconds; False if it has succeeded before that."""
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        return ended(process)[0] != 0
    code, text = ended(process)
    assert code == 0, text
    return False


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Until the process has made a file or folder."""
    end = time.monotonic() + SECONDS
    while not file.exists():
        assert process.poll() is None, ended(process)
        assert time.monotonic() < end
        time.sleep(0.001)


def _tracing(fault: str | None) -> Sequence[str]:
    if fault is None:
        return ()
    calls = fault.partition(":")[0]
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", f"--inject={fault}"]
