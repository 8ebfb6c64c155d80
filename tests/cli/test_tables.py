"""Tables have one style, fit the terminal, and lose their least important columns first."""

import re
from pathlib import Path

import pytest

import casbah.cli
from casbah.cli.table import listing, show

FOLDER = Path(casbah.cli.__file__).parent


def test_one_module_makes_tables() -> None:
    makers = {file.name for file in FOLDER.glob("*.py") if re.search(r"\bTable\(", file.read_text())}
    assert makers == {"table.py"}


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["id", "name", "status", "scopes", "created"]),
        (50, ["id", "name", "status", "scopes"]),
        (30, ["id", "name", "status"]),
        (10, ["id", "name", "status"]),
    ],
)
def test_the_least_important_columns_go_first(
    width: int, titles: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table = listing("id", "name", "status", "scopes", "created")
    table.add_row("c8ae9e6d", "demo", "Active", "Investigation.read", "2026-11-29 20:15")
    table.add_row("a817d362", "x", "Revoked", "Admin.manage", "2026-11-29 20:32")
    show(table, least=("created", "scopes"))
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in lines)
    assert width == 10 or lines[0].split() == titles
    if width > 10:
        assert [line.split()[:2] for line in lines[1:]] == [["c8ae9e6d", "demo"], ["a817d362", "x"]]


def test_a_long_text_wraps_and_its_column_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table = listing("setting", "from", "purpose")
    table.add_row("CASBAH_PORT", "default", "The port " * 30)
    show(table, least=("from",))
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0].split(), len(lines) > 3) == (["setting", "from", "purpose"], True)
