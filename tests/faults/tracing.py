"""Faults put into the calls of running processes, by strace."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

CHANGING = "write,pwrite64,fsync,fdatasync,rename,renameat,unlink,mkdir,ftruncate"
"""The calls that change the disk."""


@contextmanager
def under(processes: Sequence[int], fault: str) -> Iterator[None]:
    """The calls of processes meet a fault as long as this lasts."""
    attached = [argument for process in processes for argument in ("-p", str(process))]
    command = ["strace", "-f", *attached, "-e", f"trace={fault.partition(':')[0]}", f"--inject={fault}"]
    tracer = subprocess.Popen([*command, "-o", "/dev/null"], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        for _ in processes:
            tracer.stderr.readline()  # "Process N attached": all its threads are.
        yield
    finally:
        _detach(tracer)


def _detach(tracer: "subprocess.Popen[str]") -> None:
    """Where the traced process is dying, strace may wait for a thread of it forever; without it, the kernel lets go."""
    tracer.send_signal(signal.SIGTERM)
    try:
        tracer.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.communicate()
