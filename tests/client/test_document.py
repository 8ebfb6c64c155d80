"""docs/client.md tells the truth: its examples run, in order, against a server; and the client is as light as it says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from casbah.activity.tenant import TenantId
from casbah.client import errors, operators, where
from making import arrival, record
from scenarios.server import serving

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "casbah" / "client").glob("*.py"))
TEXT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path / "store") as (url, house):
        made = [arrival(record(number, description="Log on", isImpersonated=True)) for number in range(30)]
        house.services.store.tenant(TenantId("default")).insert(made)
        names: dict[str, object] = {}
        assert len(BLOCKS) > 8
        for block in [*BLOCKS, *(block for block in BLOCKS if "resume=saved" in block)]:
            text = block.replace("http://127.0.0.1:8765", url).replace('token="..."', f"token={house.local_key!r}")
            exec(compile(text, "docs/client.md", "exec"), names)  # noqa: S102  what the document shows
        for opened in ("casbah", "patient", "mdca"):
            names[opened].close()  # type: ignore[attr-defined]
    said = capsys.readouterr().out
    assert "20 of 30" in said
    assert "did you mean 'user.domain'?" in said
    assert said.count("30 more") == 1


def test_every_error_is_documented():
    defined = {name for name, each in vars(errors).items() if isinstance(each, type)}
    assert {name for name in defined if f"`{name}`" not in TEXT} == {"ClientError"}
    drawn = re.findall(r"^ {4,}(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(defined)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_module_imports_httpx_the_standard_library_and_nothing_else(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    direct = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    roots = {name.partition(".")[0] for name in (*direct, *named)}
    assert roots <= {*sys.stdlib_module_names, "httpx", "casbah"}


def test_importing_the_client_loads_nothing_of_the_server():
    code = "import sys, casbah.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"starlette", "tantivy", "orjson", "msgspec", "uvicorn", "typer", "joserfc"})
    ours = {name for name in loaded if name.startswith("casbah.") and not name.startswith("casbah.client")}
    assert {name for name in ours if not name.startswith("casbah.errors.")} == {
        "casbah.base",
        "casbah.base.backoff",
        "casbah.errors",
    }


def test_the_generated_modules_are_formatted_and_clean():
    ruff = Path(sys.executable).parent / "ruff"
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *command, operators.__file__, where.__file__], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
