"""`casbah help`: the pages of the documentation."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.cli import help as help_module
from command_line import app

ROOT = Path(__file__).parents[2]


def test_every_page_is_listed_and_shown() -> None:
    listed = CliRunner().invoke(app, ["help"], env={"COLUMNS": "200"}).stdout.splitlines()[1:]
    pages = {page.stem: page for page in (ROOT / "docs").glob("*.md") if page.stem != "README"}
    assert [line.split()[0] for line in listed] == sorted(pages)
    for name in ("search", "SEARCH", "search.md"):
        assert CliRunner().invoke(app, ["help", name]).stdout == pages["search"].read_text("utf-8")


@pytest.mark.parametrize(
    ("topic", "says"), [("serch", "did you mean 'search'?"), ("list", "casbah list --help"), ("../x", "no page '../x'")]
)
def test_what_is_no_page(topic: str, says: str) -> None:
    result = CliRunner().invoke(app, ["help", topic])
    assert (result.exit_code, says in str(result.exception)) == (1, True)


def test_without_pages_it_says_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(help_module, "_FOLDERS", ("nowhere",))
    assert "`make wheel`" in str(CliRunner().invoke(app, ["help"]).exception)
