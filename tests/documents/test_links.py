"""Every link of the documents leads somewhere, and each question of a stranger to its page in at most two clicks from README."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from documents.commands import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "scenarios/README.md",
        ROOT / "clients/python/README.md",
    ]
)
_LINK = re.compile(r"!?\[[^][]*(?:\[[^][]*\][^][]*)*\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_MARKUP = re.compile(r"\[([^]]*)\]\([^)]*\)")

CLICKS = 2

QUESTIONS = {
    "How do I connect Microsoft 365?": ("docs/microsoft365.md", "ActivityFeed.Read"),
    "How big a disk do I need?": ("docs/sizing.md", "Disk per year"),
    "How do I upgrade, and how do I go back?": ("docs/upgrade.md", "casbah migrate --roll-back"),
    "What if a disk fails?": ("docs/backup.md", "When the disk has failed"),
    "Can my boss see proof?": ("docs/evidence.md", "casbah check"),
    "How do I back up?": ("docs/backup.md", "casbah backup make"),
    "How do I delete one person's data?": ("docs/retention.md", "casbah delete --filter 'user.username eq"),
    "Is it safe to expose to the internet?": ("docs/production.md", "TLS without a proxy"),
    "How do I move from MDCA?": ("docs/mdca.md", "Move in five steps"),
    "How do I get everything out again?": ("docs/export.md", "every record, whole"),
}
"""What a stranger asks: the page that answers it, and a part of the answer."""


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The links of a page within the repository: file and anchor. Those of the web and of a server are not followed."""
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:|/", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        yield ((page.parent / name).resolve() if name else page), anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    result = set()
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        slug = re.sub(r"[^\w\- ]", "", _MARKUP.sub(r"\1", heading).lower()).replace(" ", "-")
        result.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return result


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{page.name}: there is no {target}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {target.name} has no heading #{anchor}"


def test_every_page_is_in_the_index() -> None:
    index = {target for target, _ in links(ROOT / "docs/README.md")}
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page not in index and page.name != "README.md"] == []


@pytest.mark.parametrize(("page", "answer"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_is_answered_two_clicks_from_the_readme(page: str, answer: str) -> None:
    reached = {ROOT / "README.md"}
    for _ in range(CLICKS):
        reached |= {target for source in reached if source.suffix == ".md" for target, _ in links(source)}
    assert ROOT / page in reached
    assert answer in (ROOT / page).read_text(encoding="utf-8")


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`, three\n# One two three\n[a](other.md#x) [b](https://example.com) ![c](#one-two-three-1)\n```\n[d](e.md)\n```\n"
    )
    assert list(links(page)) == [(tmp_path / "other.md", "x"), (page, "one-two-three-1")]
    assert anchors(page) == {"one-two-three", "one-two-three-1"}
