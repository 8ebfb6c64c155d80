"""`casbah-client` by itself: an environment with nothing but its wheel and what the wheel declares, against a running server."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from casbah import __version__

ROOT = Path(__file__).parents[2]
COUNT = 1_300
PROGRAM = """
import asyncio, importlib.metadata, importlib.util, json, sys
from casbah_client import AsyncCasbah, Casbah, NotFoundError, __version__, where

url, token = sys.argv[1:]
with Casbah(url, token=token) as casbah:
    activities = casbah.activities
    page = activities.list(where.user.username.eq("ann@contoso.com"), limit=250)
    first = page.data[0]["_id"]
    try:
        missing = activities.fetch("no such activity")
    except NotFoundError as error:
        missing = error.status
    result = {
        "version": __version__,
        "listed": [len(page.data), page.total],
        "fetched": activities.fetch(first) == page.data[0],
        "missing": missing,
        "scanned": len({record["_id"] for record in activities.scan(page_size=500)}),
        "feedback": activities.feedback(first, text="seen")["_id"] == first,
    }

async def scanned():
    async with AsyncCasbah(url, token=token) as casbah:
        return len([record async for record in casbah.activities.scan()])

result["scanned asynchronously"] = asyncio.run(scanned())
result["installed"] = sorted(each.name.lower() for each in importlib.metadata.distributions())
result["importable"] = [name for name in ("casbah", "tantivy", "pyarrow", "msgspec", "starlette") if importlib.util.find_spec(name)]
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources, beside which a build leaves files."""
    copy = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    for name in ("clients", "src"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "LICENSE", copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", copy / "wheels", copy / "clients" / "python"], check=True)
    (built,) = (copy / "wheels").iterdir()
    return built


def required(by: Distribution) -> Iterator[Distribution]:
    """What a distribution requires, and what that requires, as installed here."""
    for text in by.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed = distribution(requirement.name)
            assert requirement.specifier.contains(needed.version)
            yield needed
            yield from required(needed)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    zipfile.ZipFile(wheel).extractall(packages)
    (info,) = packages.glob("casbah_client-*.dist-info")
    for needed in {each.name: each for each in required(Distribution.at(info))}.values():
        for file in needed.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(needed.locate_file(file)), packages / file)
    return folder / "bin" / "python"


@pytest.mark.casbah(seed=COUNT, ties=40)
def test_the_client_alone_lists_fetches_scans_and_gives_feedback(python: Path, casbah_server, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    arguments = [python, "-I", program, casbah_server.url, casbah_server.token]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    installed = result.pop("installed")
    assert result == {
        "version": __version__,
        "listed": [250, COUNT // 5],
        "fetched": True,
        "missing": 404,
        "scanned": COUNT,
        "feedback": True,
        "scanned asynchronously": COUNT,
        "importable": [],
    }
    assert set(installed) <= {
        "casbah-client",
        "httpx",
        "httpcore",
        "h11",
        "anyio",
        "sniffio",
        "certifi",
        "idna",
        "typing_extensions",
    }
    assert {"casbah-client", "httpx"} <= set(installed)


def test_a_source_distribution_is_refused_in_words(wheel: Path, tmp_path: Path) -> None:
    folder = wheel.parents[1] / "clients" / "python"
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", tmp_path]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode != 0, list(tmp_path.iterdir())) == (True, [])
    assert "build the wheel alone: python -m build --wheel" in done.stderr


def test_the_wheel_is_small_and_complete(wheel: Path) -> None:
    names = {name.removeprefix("casbah_client/") for name in zipfile.ZipFile(wheel).namelist()}
    assert {
        str(file.relative_to(ROOT / "src" / "casbah")) for file in (ROOT / "src/casbah/client").glob("*.py")
    } <= names
    assert {"py.typed", "LICENSE", "__init__.py"} <= names
    assert wheel.stat().st_size < 100_000
