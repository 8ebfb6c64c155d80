"""The drawer of an activity offers its proof, and says since when it is witnessed; axe-core finds nothing in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from casbah.proof_checker import check
from evidence.witness import FakeWitness, witness
from making import arrival
from scenarios.server import serving
from ui.acts import activity, at, violations
from ui.conftest import TENANT, pages_of

NAME, LATER = "a witnessed one", "a later one"


@pytest.fixture(scope="module")
def witnessed(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, list[FakeWitness]]]:
    """Opens pages of a server whose log two witnesses have cosigned, one with Ed25519 and one with ML-DSA-44; since then they are
    down, and an activity was stored.
    """
    with ExitStack() as stack:
        two = [stack.enter_context(witness(number, kind=kind)) for number, kind in ((1, 4), (2, 6))]
        given = {"log_name": "casbah.example.com", "log_witnesses": ",".join(item.setting for item in two)}
        url, house = stack.enter_context(serving(tmp_path_factory.mktemp("witnessed"), **given))
        house.services.store.tenant(TENANT).insert([arrival(activity(NAME))])
        log = house.writer.logs.of(TENANT.name)  # type: ignore[union-attr]
        log.advance()
        house.writer.logs.ask()  # type: ignore[union-attr]
        for item in two:
            item.broken = 503
        house.services.store.tenant(TENANT).insert([arrival(activity(LATER))])
        yield stack.enter_context(pages_of(chromium, url, house)), log, two


def shown(opened: Callable[..., Any], name: str, **options: Any) -> Any:
    """The page with the proof of an activity."""
    page = opened(at({"activity.id": {"eq": [name]}}, open=name), **options)
    page.locator(".drawer").get_by_role("button", name="Proof", exact=True).click()
    page.get_by_role("dialog", name="Proof").wait_for()
    return page


def rows(page: Any) -> list[tuple[str, str]]:
    modal = page.get_by_role("dialog", name="Proof")
    return list(zip(modal.locator("dt").all_inner_texts(), modal.locator("dd").all_inner_texts(), strict=True))


def test_the_proof_of_an_activity_is_shown_and_downloaded(witnessed: Any) -> None:
    opened, log, two = witnessed
    page = shown(opened, NAME)
    (_, origin), (_, entry), (_, root), *witnesses = rows(page)
    assert (origin, entry) == (log.origin, "0 of 1")
    assert root in log.proof(NAME)
    since = "since 2023-11-14 22:13:20 UTC by"
    assert witnesses == [("Witnessed", f"{since} {item.signer.name}") for item in two]
    files = {}
    for link, suffix in (("Download proof", "tlog-proof"), ("Download record", "json")):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=link).click()
        assert waiting.value.suggested_filename == f"{NAME}.{suffix}"
        files[suffix] = Path(waiting.value.path()).read_bytes()
    proven = check(files["tlog-proof"], files["json"], log.verifier_keys, [item.verifier for item in two])
    assert (proven.index, proven.size) == (0, 1)
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("dialog", name="Proof").wait_for(state="detached")


def test_it_says_that_no_witness_knows_an_activity_yet(witnessed: Any) -> None:
    opened, _, _ = witnessed
    assert rows(shown(opened, LATER))[-1] == ("Witnessed", "not yet")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_the_log_has_its_checkpoint_and_its_keys(witnessed: Any, axe: str, theme: str) -> None:
    opened, log, _ = witnessed
    page = opened("/evidence", color_scheme=theme, bypass_csp=True)
    page.locator("dl.facts").wait_for()
    origin, size, root, *_ = log.checkpoint.split("\n")
    facts = page.locator("dl.facts dd").all_inner_texts()
    assert facts[:3] == [origin, size, root]
    assert page.locator(".page pre").inner_text().splitlines() == list(log.verifier_keys)
    for link, content in (("checkpoint", log.checkpoint), ("keys", "".join(f"{key}\n" for key in log.verifier_keys))):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=f"Download {link}").click()
        assert Path(waiting.value.path()).read_text() == content
    assert violations(page, axe) == []


def test_the_page_of_the_log_says_so_where_there_is_none(opened: Callable[..., Any]) -> None:
    page = opened("/evidence")
    page.get_by_text("This server keeps no transparency log.").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_proof(witnessed: Any, axe: str, theme: str) -> None:
    opened, _, _ = witnessed
    page = shown(opened, NAME, color_scheme=theme, bypass_csp=True)
    assert violations(page, axe) == []


def test_a_server_without_a_log_offers_no_proof(opened: Callable[..., Any]) -> None:
    page = opened()
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer").get_by_role("button", name="Copy link").wait_for()
    assert page.get_by_role("button", name="Proof", exact=True).count() == 0
