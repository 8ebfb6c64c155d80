"""Imports go one way, and the table below is that way.

A row imports only earlier rows. Rooms of one row do not import each other; inside one room modules do as they
like, short of a cycle. Imports under TYPE_CHECKING and inside functions count like any other.
"""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

# `casbah.` left out. A name is one module; with `.*` it is a folder and all in it that has no row of its own.
ROWS = (
    ("errors.*", "setting_parsers", "base.backoff", "proof_checker"),
    ("settings", "base.*"),
    (
        "activity.address",
        "activity.forms",
        "activity.record",
        "activity.text",
        "activity.new_activity",
        "activity.tenant",
        "activity.deadline",
    ),
    ("activity.fields",),
    ("activity.predicate", "activity.sentence", "activity.details"),
    ("activity.value", "activity.simplification", "activity.period"),
    ("activity.language",),
    ("activity.query",),
    ("activity.matching",),
    ("activity.search.syntax", "activity.search.moments", "activity.search.forms"),
    ("activity.search.grouping", "activity.search.known"),
    ("activity.search.compiled",),
    ("activity.search.printed",),
    ("activity.search.completion",),
    ("activity.search",),
    ("activity",),
    ("store.contract", "store.sealed", "store.format", "ingest.contract", "identity.*", "operations.saved.*"),
    ("store.*", "ingest.*", "evidence.*", "outputs", "operations", "operations.comparison", "operations.scrub"),
    (
        "ingest.connectors.*",
        "ingest.pull.*",
        "outputs.export.*",
        "operations.audit.*",
        "operations.backup.*",
        "store.migration.*",
        "store.integrity.*",
    ),
    ("operations.retention.*", "outputs.push.*"),
    ("demo.*",),
    ("http.*", "ui.*", "client.*"),
    ("services",),
    ("compose",),
    ("serving.*",),
    ("cli.*", "testing.*"),
    ("__main__",),
)
RANK = {room: rank for rank, row in enumerate(ROWS) for room in row}

# Tighter than the table: all that these rooms may import of us, themselves apart.
ONLY = {
    "client.*": {"errors.*", "base.backoff"},
    "ui.*": {"errors.*", "settings"},
}

# What `compose` and its `services` put together nobody else opens, but gets from `compose` behind its contract. A migration
# is what comes before a store can be opened, and a check is what can be done if it cannot.
OPENED_BY_COMPOSE = {"store.*", "http.*", "ui.*"}
OPENERS = {"services", "compose", "store.migration.*", "store.integrity.*"}


# The aim of the style guide is a half to a tenth of these.
MAX_MODULE, MAX_FUNCTION = 400, 60
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
TABLES = {"http.routes"}


def modules() -> dict[str, str]:
    """Every module of the package with its text, `casbah.` left out; the package itself is ''."""
    return {_name(path): path.read_text("utf-8") for path in sorted(SOURCE.glob("casbah/**/*.py"))}


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE / "casbah").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The name in ROWS under which a module falls."""
    if module in RANK:
        return module
    folders = module.split(".")
    for length in range(len(folders), 0, -1):
        if (name := ".".join([*folders[:length], "*"])) in RANK:
            return name
    raise AssertionError(f"casbah.{module} has no row; give it one in ROWS of tests/test_architecture.py")


def imports(module: str, text: str, known: Mapping[str, str]) -> set[str]:
    """The modules of the package that a text imports, wherever in it the import stands."""
    return {name for name in _ours(module, text, known) if name not in {"", module}}


def _ours(module: str, text: str, known: Mapping[str, str]) -> Iterator[str]:
    for base, names in _statements(module, text):
        inner = base.removeprefix("casbah").removeprefix(".")
        if base != "casbah" and not base.startswith("casbah."):
            continue
        children = {f"{inner}.{name}".removeprefix(".") for name in names}
        yield from children & known.keys()
        if not names or children - known.keys():
            yield inner


def _statements(module: str, text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each import as (what is imported from, the names taken), absolute."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"casbah.{module}:{node.lineno}: relative import; write the whole name"
            yield node.module or "", tuple(alias.name for alias in node.names)


def violations(module: str, text: str, known: Mapping[str, str]) -> list[str]:
    """Every import of a module that goes the wrong way, in words."""
    here = room(module)
    return [
        f"casbah.{module} ({here}) imports casbah.{other}: {reason}"
        for other in sorted(imports(module, text, known))
        if (there := room(other)) != here and (reason := _reason(here, there))
    ]


def _reason(here: str, there: str) -> str | None:
    if RANK[there] > RANK[here]:
        return f"{there} is a later row"
    if RANK[there] == RANK[here]:
        return f"{there} and {here} are siblings"
    if here in ONLY and there not in ONLY[here]:
        return f"{here} imports only {', '.join(sorted(ONLY[here]))}"
    if there in OPENED_BY_COMPOSE and here not in OPENERS:
        return f"{there} is opened by compose alone"
    return None


KNOWN = modules()


@pytest.mark.parametrize("module", [name for name in KNOWN if name])
def test_imports_go_one_way(module):
    assert violations(module, KNOWN[module], KNOWN) == []


@pytest.mark.parametrize("module", [name for name in KNOWN if name not in TABLES])
def test_a_module_has_at_most_400_lines_and_a_function_60(module):
    functions = [node for node in ast.walk(ast.parse(KNOWN[module])) if isinstance(node, FUNCTION)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION]
    assert (KNOWN[module].count("\n") <= MAX_MODULE, long) == (True, [])


def test_the_package_itself_imports_nothing():
    assert imports("", KNOWN[""], KNOWN) == set()


def test_no_cycles():
    graph = {name: imports(name, text, KNOWN) for name, text in KNOWN.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(f"casbah.{name}" for name in error.args[1]))


SAME_ON_THE_WIRE = {"ChangePage", "IpRange"}


def test_a_class_name_has_one_meaning():
    """Classes of the two engines are counterparts, and the client has its own for what the server answers."""
    rooms = defaultdict(set)
    for module, text in KNOWN.items():
        room = "an engine" if module.startswith(("store.embedded.", "store.opensearch.")) else module
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not module.startswith("client."):
                rooms[node.name].add(room)
    several = {name: modules for name, modules in rooms.items() if len(modules) > 1 and not name.startswith("_")}
    assert several.keys() == SAME_ON_THE_WIRE, several


def test_no_member_of_a_plain_enumeration_is_an_empty_tuple():
    """Python 3.11.2, Debian 12's, gives it the value object(). A member of a class that is a tuple, too, is kept."""
    classes = [node for text in KNOWN.values() for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    plain = [node for node in classes if [ast.unparse(base) for base in node.bases] == ["Enum"]]
    assert plain
    members = [line for node in plain for line in node.body if isinstance(line, ast.Assign)]
    assert [ast.unparse(line) for line in members if ast.unparse(line.value) == "()"] == []


@pytest.mark.parametrize("module", [name for name in KNOWN if f"{name}.".startswith("activity.")])
def test_the_language_is_standard_library_alone(module):
    roots = {base.partition(".")[0] for base, _ in _statements(module, KNOWN[module])}
    assert roots - {"casbah"} <= sys.stdlib_module_names


def test_the_language_imports_where_nothing_is_installed():
    names = [f"casbah.{name}" for name in KNOWN if f"{name}.".startswith("activity.")]
    code = f"import sys; sys.path.append({str(SOURCE)!r}); import {', '.join(names)}"
    bare = [sys.executable, "-I", "-S", "-W", "error", "-c", code]
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PLANTED = {
    "": "",
    "errors": "",
    "settings": "",
    "activity": "",
    "activity.fields": "",
    "activity.language": "",
    "store": "",
    "store.contract": "",
    "store.embedded": "",
    "store.embedded.schema": "",
    "ingest": "",
    "ingest.activity_builder": "",
    "http": "",
    "http.app": "",
    "client": "",
    "compose": "",
    "cli": "",
}


@pytest.mark.parametrize(
    ("module", "text"),
    [
        pytest.param("activity.language", "from casbah.http import app", id="upwards"),
        pytest.param("activity.fields", "import casbah.activity.language", id="upwards inside a room"),
        pytest.param("store.contract", "from casbah.store.embedded.schema import X", id="contract on its engine"),
        pytest.param("ingest.activity_builder", "from casbah.store.embedded import Store", id="sibling"),
        pytest.param("errors", "from casbah import settings", id="sibling through the package"),
        pytest.param("errors", "def f():\n    import casbah.cli", id="in a function"),
        pytest.param(
            "errors",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from casbah.compose import app",
            id="for the type checker",
        ),
        pytest.param("client", "from casbah.activity.fields import Field", id="client on the language"),
        pytest.param("http.app", "from casbah.store.embedded import Store", id="http opening a store"),
        pytest.param("cli", "from casbah.http.app import app", id="cli around compose"),
    ],
)
def test_a_planted_violation_is_found(module, text):
    assert len(violations(module, text, PLANTED)) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        pytest.param("activity.language", "from casbah.activity import fields", id="down inside a room"),
        pytest.param("store.embedded.schema", "from casbah.store.contract import Store", id="engine on its contract"),
        pytest.param("store.embedded", "from casbah.store.embedded import schema", id="own folder"),
        pytest.param("compose", "from casbah.http import app\nfrom casbah.store import embedded", id="compose"),
        pytest.param("http.app", "from casbah import __version__", id="the version"),
        pytest.param("cli", "import casbahs.http", id="another package"),
    ],
)
def test_a_proper_import_is_not_found(module, text):
    assert violations(module, text, PLANTED) == []


@pytest.mark.parametrize("module", ["attic", "activity.attic"])
def test_a_module_without_a_row_is_told_where_to_stand(module):
    with pytest.raises(AssertionError, match=r"give it one in ROWS of tests/test_architecture\.py"):
        room(module)


def test_a_room_stands_once():
    assert len(RANK) == sum(len(row) for row in ROWS)
