"""The table "To add X, edit Y" of ARCHITECTURE.md is true.

Each addition below makes the edits of one row to a copy of the package, and no others; its proof, a script in
`tests/additions/`, then uses what was added in every layer that the row names. On the package as it is the same script fails.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "casbah"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
BOOTSTRAP = "import casbah, runpy, sys; assert casbah.__file__.startswith(sys.argv[2]); runpy.run_path(sys.argv[1], run_name='__main__')"


@dataclass(frozen=True)
class Addition:
    """What is added for a row of the table: new files, and texts that go before another text of a file."""

    row: str
    proof: str
    inserts: tuple[tuple[str, str, str], ...] = ()
    """Each a file, the text that it goes before, and the text."""
    files: Mapping[str, str] = field(default_factory=dict)

    def make(self, package: Path) -> None:
        for name, text in self.files.items():
            assert not (package / name).exists()
            (package / name).write_text(text, encoding="utf-8")
        for name, following, text in self.inserts:
            before = (package / name).read_text("utf-8")
            assert before.count(following) == 1, f"{name} has {following!r} {before.count(following)} times"
            (package / name).write_text(before.replace(following, text + following), encoding="utf-8")

    @property
    def touched(self) -> set[str]:
        return {*self.files, *(name for name, _, _ in self.inserts)}


OPERATOR = """\
    Operator("surrounds", "begins or ends with", "begins or ends with one of the texts", Takes.TEXTS,
             lambda field, values: p.either(_texts(p.Prefix)(field, values), _texts(p.Suffix)(field, values))),
"""

ROUTE = """\
    Route("greet", "sources", ("GET",), f"{EXTENSION}/greeting", acme.greet, Permission.READ, None,
          "Greet the tenant", "Says hello."),
"""

ADDITIONS = (
    Addition(
        "a filter over stored data",
        "a_filter.py",
        (
            (
                "activity/language.py",
                '    Filter("user.domain", ',
                '    Filter("object.tags", "Groups acted on", _F["object_tag"], ("eq", "neq"), "Group ids of those acted on"),\n',
            ),
        ),
    ),
    Addition(
        "an operator",
        "an_operator.py",
        (
            (
                "activity/language.py",
                '    Operator("endswith", ',
                OPERATOR,
            ),
            ("activity/language.py", '"startswithsingle")\n_PATH', '"surrounds", '),
        ),
    ),
    Addition(
        "an indexed field",
        "an_indexed_field.py",
        (
            (
                "activity/fields.py",
                '    Field("organization", ',
                '    Field("city", Kind.TEXT, lambda r: _text(r.location.get("city"))),\n',
            ),
        ),
    ),
    Addition(
        "a source",
        "a_source.py",
        files={
            "ingest/connectors/acme.toml": 'title = "Acme"\nrecognize = [["acme_event", "acme_id"]]\n\n[app]\nid = 990_001\nname = "Acme"\n\n'
            '[activity]\nid = "acme_id"\ntime = "acme_time"\noperation = "acme_event"\nevent_type = "=EVENT_ACME"\n\n'
            '[user]\nname = "acme_user"\n'
        },
    ),
    Addition(
        "a hosted API to pull",
        "a_pull_source.py",
        (
            ("ingest/pull/registry.py", "cloudtrail, github,", "acme, "),
            ("ingest/pull/registry.py", "        cloudtrail.KIND,\n", "        acme.KIND,\n"),
        ),
        {
            "ingest/pull/acme.py": '''"""Acme's events, which fit on one page."""

from dataclasses import dataclass
from typing import Any

import msgspec

from casbah.ingest.pull.credentials import Plain
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import DAY, MINUTE, PullKind, Tools, windowed
from casbah.ingest.pull.web import Web
from casbah.ingest.pull.windows import Read


@dataclass(frozen=True, slots=True)
class Acme:
    web: Web
    connector: str = "acme"

    def read(self, since: int, until: int, token: Any) -> Read:
        events = self.web.get("/events", {"since": since, "until": until}).json(list[msgspec.Raw])
        return Read([bytes(event) for event in events], None)


def _pages(entry: PullEntry, secret: Secret, tools: Tools) -> Acme:
    return Acme(tools.web(entry, "https://api.acme.example", Plain("Bearer", secret)))


KIND = PullKind(
    "acme", windowed(_pages, keeps=30 * DAY, maximum=7 * DAY), overlap=MINUTE,
    data="everything", credential="a key", permission="read",
)
'''
        },
    ),
    Addition(
        "a setting",
        "a_setting.py",
        (
            (
                "settings.py",
                "    session: int | None ",
                '    coffee_breaks: int = setting("3", parse.count, "Breaks of the day")\n',
            ),
        ),
    ),
    Addition(
        "an error",
        "an_error.py",
        (
            (
                "errors/request.py",
                "class MalformedBodyError(",
                'class TeapotError(RequestError):\n    """A request for coffee."""\n\n    status = 418\n\n\n',
            ),
        ),
    ),
    Addition(
        "a page, or part of one",
        "a_page.py",
        (
            (
                "ui/static/index.html",
                '<link rel="modulepreload" href="/ui/api.js">',
                '<link rel="modulepreload" href="/ui/acme.js">\n',
            ),
        ),
        {"ui/static/acme.js": "export const acme = 1;\n"},
    ),
    Addition(
        "a column of exports",
        "a_column.py",
        (
            (
                "outputs/export/columns.py",
                '    Column("device_type", ',
                '    Column("postcode", ColumnType.TEXT, lambda r: _text(r.location.get("postalCode")), "From which postcode"),\n',
            ),
        ),
    ),
    Addition(
        "an endpoint",
        "an_endpoint.py",
        (
            ("http/routes.py", "    activities,\n    activity_types", "    acme,\n"),
            (
                "http/routes.py",
                '    Route("list_sources", ',
                ROUTE,
            ),
        ),
        {
            "http/acme.py": """from typing import Annotated

from msgspec import Meta

from casbah.http.answers import Answer
from casbah.http.context import RequestContext


class Greeting(Answer):
    hello_to: Annotated[str, Meta(description="The name of the tenant")]


async def greet(context: RequestContext) -> Greeting:
    return Greeting(context.tenant_id.name)
"""
        },
    ),
)


def table() -> dict[str, str]:
    """The rows of the table: X, and the text on Y."""
    _, _, text = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("\n## To add X, edit Y\n")
    rows = dict(ROW.findall(text.partition("\n## ")[0]))
    return {name: where for name, where in rows.items() if name not in ("X", "---")}


TABLE = table()


def prove(addition: Addition, source: Path) -> subprocess.CompletedProcess[str]:
    """The result of an addition's proof with the package in `source`."""
    environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT / 'tests'}{os.pathsep}{ROOT}"}
    script = ROOT / "tests" / "additions" / addition.proof
    command = [sys.executable, "-W", "error", "-c", BOOTSTRAP, str(script), str(source)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("row", TABLE)
def test_a_row_names_files_of_the_package(row):
    paths = [name.partition(":")[0] for name in CODE.findall(TABLE[row]) if re.search(r"\.py$|/$|\.py:|\.html$", name)]
    known = [path for path in paths if "<" not in path]
    folders = (PACKAGE, ROOT, PACKAGE / "ui/static")
    assert [path for path in known if not any((folder / path).exists() for folder in folders)] == []


@pytest.mark.slow
@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda addition: addition.row)
def test_an_addition_works_with_the_edits_of_its_row_alone(addition, tmp_path):
    names = CODE.findall(TABLE[addition.row])
    strangers = {
        name
        for name in addition.touched
        if not any(name.startswith(where) or name.endswith(f"/{where}") for where in names)
    }
    assert strangers == set(), "the row does not name these files"
    shutil.copytree(PACKAGE, tmp_path / "casbah", ignore=shutil.ignore_patterns("__pycache__"))
    addition.make(tmp_path / "casbah")
    proof = prove(addition, tmp_path)
    assert proof.returncode == 0, proof.stderr


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda addition: addition.row)
def test_a_proof_fails_without_its_addition(addition):
    assert prove(addition, SOURCE).returncode != 0
