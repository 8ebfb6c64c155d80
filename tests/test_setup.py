"""What `make` installs, and what it says if it cannot."""

import os
import re
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from disks import small_disk

ROOT = Path(__file__).parent.parent


def locked(name: str) -> dict[str, str]:
    """The packages of a lock file, each with its version and hashes."""
    blocks = re.split(r"(?m)^(?=[a-z0-9])", (ROOT / name).read_text())[1:]
    pins = {re.match(r"[a-z0-9._-]+", each)[0]: re.sub(r"(?m)^ *#.*\n", "", each) for each in blocks}
    return {package: "".join(pin.split()) for package, pin in pins.items()}


def needed(package: str, known: set[str]) -> set[str]:
    """A package and all that it needs to run, without extras."""
    if package in known:
        return known
    known.add(package)
    for text in requires(package) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed(requirement.name.lower().replace("_", "-"), known)
    return known


def test_what_running_needs_is_in_the_runtime_lock_and_nothing_else() -> None:
    runtime, everything = locked("requirements.runtime.lock"), locked("requirements.lock")
    assert {name: everything.get(name) for name in runtime} == runtime
    assert needed("casbah", set()) - {"casbah"} <= set(runtime)
    assert (
        set(runtime) & {"pytest", "mypy", "ruff", "moto", "playwright", "boto3", "schemathesis", "hypothesis"} == set()
    )
    assert len(runtime) < len(everything) / 2


def test_the_extras_of_the_image_are_in_a_lock_of_their_own() -> None:
    runtime, everything = locked("requirements.runtime.lock"), locked("requirements.lock")
    extras = locked("requirements.extras.lock")
    assert {name: everything.get(name) for name in extras} == extras
    assert set(extras) & set(runtime) == set()
    assert needed("boto3", set()) | needed("opentelemetry-exporter-otlp-proto-http", set()) <= set(extras) | set(
        runtime
    )


FAILURES = [
    pytest.param(
        "NewConnectionError: Failed to establish a new connection", "no network: pip cannot reach", id="no network"
    ),
    pytest.param(
        "NameResolutionError: Temporary failure in name resolution", "no network: pip cannot reach", id="no DNS"
    ),
    pytest.param("OSError: [Errno 28] No space left on device", "the disk is full; free", id="no space"),
    pytest.param("OSError: [Errno 13] Permission denied: '/x'", "give your user write permission", id="no permission"),
    pytest.param("ERROR: hashes do not match", "hashes do not match", id="something else"),
]


@pytest.mark.parametrize(("pip", "helps"), FAILURES)
def test_a_failure_is_named_with_what_helps(pip: str, helps: str, tmp_path: Path) -> None:
    ran = install(tmp_path, f'echo "{pip}" >&2; exit 1')
    assert (ran.returncode, helps in ran.stderr) == (1, True), ran.stderr


def test_progress_is_shown_without_a_terminal(tmp_path: Path) -> None:
    ran = install(
        tmp_path,
        'for n in 1 2 3 4 5; do echo "Collecting p$n==1 (from x)"; done; echo "Installing collected packages: p1"',
    )
    assert ran.returncode == 0, ran.stderr
    assert "] p1 p2 p3 p4 p5" in ran.stdout
    assert "setup: installing them" in ran.stdout


def test_a_disk_without_space_for_the_virtual_environment_is_named_with_what_helps(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", mebibytes=2) as small:
        for name in ("requirements.runtime.lock", "pyproject.toml"):
            (small / name).touch()
        command = ["make", "--file", str(ROOT / "Makefile"), "demo"]
        # The make that runs the tests passes its own variables on, such as VENV.
        own = {name: value for name, value in os.environ.items() if name != "VENV" and "MAKE" not in name}
        ran = subprocess.run(command, cwd=small, env=own, capture_output=True, text=True, check=False)
        assert not (small / ".venv").exists(), "a half would be taken for a whole the next time"
    assert "setup: cannot make .venv; it needs 600 MB of free disk space, and " in ran.stderr
    assert ran.returncode != 0


def install(folder: Path, pip: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a Python whose pip does this."""
    (folder / "bin").mkdir()
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/bash\n[[ $* == *--require-hashes* ]] || exit 0\n{pip}\n")
    python.chmod(0o755)
    command = [ROOT / "tools" / "install.sh", folder, "requirements.runtime.lock"]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
