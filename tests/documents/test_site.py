"""What `make site` builds: every page of docs is in its navigation, and no link leads out of it."""

from pathlib import Path

import pytest
from tools.site.__main__ import COPIED, configuration

from documents.commands import ROOT
from documents.test_links import links


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [entry for section in configuration()["nav"] for value in section.values() for entry in _listed(value)]
    assert len(set(pages)) == len(pages)
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= set(pages)
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def test_the_sections_are_the_kinds_of_documents() -> None:
    titles = [title for section in configuration()["nav"] for title in section]
    assert titles == ["Casbah", "Documentation", "Tutorial", "How-to guides", "Reference", "Explanation"]


def test_links_stay_within_the_site() -> None:
    pages = [page for name in COPIED for page in _pages(ROOT / name)]
    assert len(pages) > 40
    outside = {
        (page.relative_to(ROOT).as_posix(), target.relative_to(ROOT).as_posix())
        for page in pages
        for target, _ in links(page)
        if not any(target == ROOT / name or (ROOT / name) in target.parents for name in COPIED)
    }
    assert outside == set()


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _pages(path: Path) -> list[Path]:
    if path.is_dir():
        return list(path.rglob("*.md"))
    return [path] if path.suffix == ".md" else []
