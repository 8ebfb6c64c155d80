"""The documents tell the truth: every row of a table, every command and every error is in them, and generated pages are current."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tools.docs.__main__ import main
from tools.docs.pages import PAGES

from casbah import errors
from casbah.activity.language import FILTERS, OPERATORS
from casbah.errors import operator, request, unavailable
from casbah.settings import SETTINGS
from scenarios import compatibility

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["--check"]) == 0
    assert text(f"docs/{name}").endswith(PAGES[name]())


def test_a_stale_page_is_found_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_compatibility_is_current() -> None:
    assert compatibility.main(["--check"]) == 0


@pytest.mark.slow
def test_a_stale_compatibility_is_found_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compatibility, "PAGE", tmp_path / "compatibility.md")
    assert compatibility.main(["--check"]) == 1
    assert compatibility.main([]) == 0
    assert compatibility.main(["--check"]) == 0


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_documented(name: str) -> None:
    assert all(f"`{each}`" in text("docs/filters.md") for each in (name, *FILTERS[name].aliases))


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_documented(name: str) -> None:
    assert f"| `{name}` |" in text("docs/filters.md")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{SETTINGS[name].variable}` |" in text("docs/settings.md")


@pytest.mark.parametrize("module", [request, unavailable, operator], ids=lambda module: module.__name__)
def test_the_tree_of_errors_is_drawn_as_it_is(module: ModuleType) -> None:
    drawn = re.findall(r"^ {4,}(\w+Error)\b", module.__doc__ or "", re.MULTILINE)
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert sorted(drawn) == sorted(kind.__name__ for kind in kinds if kind.__module__ == module.__name__)


# Packages of which ARCHITECTURE.md says what each module is, without naming all.
UNNAMED = ("cli", "http", "ingest/connectors", "ingest/pull")


def drawn() -> dict[str, set[str]]:
    """The modules that ARCHITECTURE.md's tree names, by folder; the folder of the package itself is "."."""
    tree = text("ARCHITECTURE.md").split("src/casbah/\n")[1].split("\ntests/ ")[0]
    modules: dict[str, set[str]] = {}
    path: list[tuple[int, str]] = []
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip())
        path = [(depth, name) for depth, name in path if depth < indent]
        if begins := re.match(r" *(\w+)/ ", line):
            path.append((indent, begins[1]))
        folder = "/".join(name for _, name in path) or "."
        modules.setdefault(folder, set()).update(re.findall(r"\w+\.py\b", line))
    return modules


def test_every_module_is_in_the_tree_of_the_architecture_and_only_those() -> None:
    source = ROOT / "src" / "casbah"
    modules: dict[str, set[str]] = {}
    for file in source.rglob("*.py"):
        modules.setdefault(file.parent.relative_to(source).as_posix(), set()).add(file.name)
    tree = drawn()
    assert [(folder, name) for folder, names in tree.items() for name in names - modules.get(folder, set())] == []
    missing = {
        folder: names - tree.get(folder, set()) - {"__init__.py", "__main__.py"}
        for folder, names in modules.items()
        if folder not in UNNAMED
    }
    assert {folder: names for folder, names in missing.items() if names} == {}
    assert set(UNNAMED) <= set(tree)


def defined(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """What a module or class defines: functions and classes, `Class.method`, and the names of assignments."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from defined(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def test_every_step_of_the_walks_exists() -> None:
    steps = re.findall(r"`([\w/]+\.py):([\w.]+)`", text("ARCHITECTURE.md"))
    names = {
        file: set(defined(ast.parse((ROOT / "src" / "casbah" / file).read_text(encoding="utf-8")))) for file, _ in steps
    }
    assert len(steps) > 60
    assert [f"{file}:{name}" for file, name in steps if name not in names[file]] == []


def test_every_dependency_earns_its_place() -> None:
    listed = re.findall(
        r'^    "([a-z0-9-]+)[>=]', text("pyproject.toml").split("[project.optional-dependencies]")[0], re.MULTILINE
    )
    assert listed
    table = text("ARCHITECTURE.md").split("## Dependencies")[1]
    assert [name for name in listed if not re.search(rf"^\|[^|]*\b{name}\b[^|]*\|", table, re.MULTILINE)] == []
