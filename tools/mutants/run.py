"""Runs the tests of each mutation in a copy of the tree that has this one mutation."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.mutants.mutation import Mutation

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info", "build", "dist"
)
_PASSED, _FAILED = 0, 1
_LINES = 15
_LOOK_SECONDS = 0.2


class Outcome(Enum):
    """What the tests made of a mutation."""

    NOTICED = "noticed"
    TIMED_OUT = "timed out"
    """The tests hang, which nobody overlooks. They passed without a mutation."""

    SURVIVED = "survived"
    BROKEN = "could not be tested"
    """The tests did not run, for example because the mutated module cannot be imported."""


@dataclass(frozen=True, slots=True)
class Result:
    """A mutation's outcome. `output` is the end of what pytest wrote, where that explains it."""

    mutation: Mutation
    outcome: Outcome
    seconds: float
    output: str = ""

    @property
    def is_good(self) -> bool:
        """Whether a developer who ran these tests would know of the bug."""
        return self.outcome in (Outcome.NOTICED, Outcome.TIMED_OUT)


def run(mutations: Sequence[Mutation], tree: Path, *, jobs: int, seconds: float) -> Generator[Result]:
    """The result of each mutation, as they are done; `jobs` run at a time, each for at most `seconds`.

    An interruption ends those under way, and removes their copies of the tree.
    """
    stopping = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_tried, mutation, tree, seconds, stopping) for mutation in mutations]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            stopping.set()
            for waiting in running:
                waiting.cancel()


def unmutated(mutations: Sequence[Mutation]) -> Mutation:
    """All tests of these mutations as one run that changes nothing: unless they pass, a failure proves nothing."""
    tests = dict.fromkeys(test for mutation in mutations for test in mutation.tests)
    first = mutations[0]
    return Mutation("unmutated", first.file, first.text, first.text, tuple(tests), "the tests pass as the code is")


def _tried(mutation: Mutation, tree: Path, seconds: float, stopping: threading.Event) -> Result:
    begin = time.monotonic()
    with TemporaryDirectory(prefix="casbah-mutant-") as folder:
        copy = Path(folder) / "casbah"
        shutil.copytree(tree, copy, ignore=_LEFT_OUT, symlinks=True)
        mutation.apply(copy)
        status, output = _tested(copy, mutation.tests, seconds, stopping)
    outcome = {None: Outcome.TIMED_OUT, _PASSED: Outcome.SURVIVED, _FAILED: Outcome.NOTICED}.get(status, Outcome.BROKEN)
    return Result(mutation, outcome, round(time.monotonic() - begin, 1), output)


def _tested(copy: Path, tests: Sequence[str], seconds: float, stopping: threading.Event) -> tuple[int | None, str]:
    """The exit status of pytest, None if it took too long or was stopped, and the end of its output."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", *tests]
    # The copy comes before the installed package, also in processes that the tests start.
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(copy.parent),
    }
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and not stopping.is_set():
            with suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=_LOOK_SECONDS)
                return process.returncode, "\n".join(output.splitlines()[-_LINES:])
        return None, f"no result after {seconds:.0f} seconds"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
