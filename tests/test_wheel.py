"""The wheel: the same bytes from the same commit, and all that the command needs, without the repository and without network."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def run(*command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    ran = subprocess.run(
        [*map(str, command)], cwd=folder, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def built(folder: Path) -> Path:
    """The wheel that `make wheel` builds, by the same commands, in a copy of the last commit."""
    folder.mkdir()
    venv = Path(sys.prefix)
    run("git", "clone", "--quiet", "--local", ROOT, folder / "casbah", folder=folder)
    (folder / "casbah" / ".venv").symlink_to(venv)
    run("make", "--old-file", ".venv/.ready-to-run", "wheel", folder=folder / "casbah")
    return next((folder / "casbah" / "dist").glob("casbah-*.whl"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs git and its repository")
    folder = tmp_path_factory.mktemp("wheels")
    return built(folder / "one"), built(folder / "another")


def test_the_same_commit_makes_the_same_bytes(wheels: tuple[Path, Path]) -> None:
    one, another = (hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels)
    assert one == another


def test_what_is_in_it(wheels: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    assert {
        "casbah/ui/static/index.html",
        "casbah/demo/generated.ndjson.zst",
        "casbah/demo/story.ndjson.zst",
        "casbah/py.typed",
    } <= names
    assert any(name.startswith("casbah/demo/samples/") for name in names)
    assert "Requires-Python: >=3.11" in metadata
    pages = {f"casbah/{page.relative_to(ROOT)}" for page in (ROOT / "docs").glob("*.md")}
    assert {name for name in names if name.startswith("casbah/docs/")} == pages
    assert "Project-URL" not in metadata  # There is no address yet; one that leads nowhere is worse than none.
    assert "](docs/" not in metadata  # Links of the page of a package lead nowhere if they are relative.


def interpreter(minor: str) -> str:
    """A Python of that version. Skips the test if there is none."""
    known = sorted((Path.home() / ".pyenv" / "versions").glob(f"{minor}.*/bin/python3"))
    python = str(known[0]) if known else shutil.which(f"python{minor}")
    if python is None:
        pytest.skip(f"no Python {minor}")
    return python


def fetched(*command: object, folder: Path) -> None:
    """Run a command that downloads. Skips the test if there is no network."""
    try:
        run(*command, folder=folder)
    except AssertionError as error:
        if "NewConnectionError" in str(error) or "NameResolutionError" in str(error):
            pytest.skip("no network to collect the packages from")
        raise


def collected(pip: Sequence[object], folder: Path) -> Path:
    """A folder with the packages of the lock, for a Python without network."""
    options = ("--quiet", "--no-deps", "--require-hashes", "--dest", "wheels", "-r", ROOT / "requirements.runtime.lock")
    fetched(*pip, "download", *options, folder=folder)
    return folder / "wheels"


@pytest.mark.parametrize("minor", ["3.11", "3.13"])
def test_it_runs_in_an_empty_environment_without_network(minor: str, wheels: tuple[Path, Path], tmp_path: Path) -> None:
    run(interpreter(minor), "-m", "venv", tmp_path / "venv", folder=tmp_path)
    pip = (tmp_path / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    wheelhouse = collected(pip, tmp_path)
    run(*pip, "install", "--no-index", "--find-links", wheelhouse, wheels[0], folder=tmp_path)
    casbah = tmp_path / "venv" / "bin" / "casbah"
    assert run(casbah, "--version", folder=tmp_path).stdout.startswith("casbah ")
    assert run(casbah, "help", "search", folder=tmp_path).stdout.startswith("# Searches")
    ran = run(casbah, "demo", "--once", "--count", "300", "--port", "0", folder=tmp_path)
    assert ran.stdout.count("curl -s -H") == 3
    assert "casbah" in run(casbah, "list", "--limit", "1", "--store", "demo-store", folder=tmp_path).stderr


def test_uv_runs_and_installs_it_without_network(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    python = interpreter("3.13")
    run(python, "-m", "venv", tmp_path / "venv", folder=tmp_path)
    pip = (tmp_path / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    fetched(*pip, "install", "--quiet", "uv", folder=tmp_path)
    wheelhouse = collected(pip, tmp_path)
    bin_ = tmp_path / "venv" / "bin"
    offline = {
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheelhouse),
        "UV_PYTHON": python,
        **{f"UV_{name}_DIR": str(tmp_path / name) for name in ("CACHE", "TOOL", "TOOL_BIN")},
    }
    demo = ("casbah", "demo", "--once", "--count", "300", "--port", "0")
    assert run(bin_ / "uvx", "--from", wheels[0], *demo, folder=tmp_path, **offline).stdout.count("curl -s -H") == 3
    run(bin_ / "uv", "tool", "install", wheels[0], folder=tmp_path, **offline)
    assert run(tmp_path / "TOOL_BIN" / "casbah", "--version", folder=tmp_path).stdout.startswith("casbah ")
