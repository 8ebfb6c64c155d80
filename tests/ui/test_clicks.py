"""Ten investigations on the demo's data, from the first page to the answer: their clicks are counted, typing apart.

The questions are those with which a newcomer tried an early version; docs/pages.md has the clicks of then and of now.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from casbah.activity.fields import FIELDS, values
from casbah.activity.matching import matches
from casbah.activity.query import parse
from casbah.activity.record import Reading
from casbah.activity.sentence import plain, sentence
from casbah.compose import Application, wall_clock
from casbah.demo.load import generated_activities, story_activities
from scenarios.server import serving
from ui.acts import expected, filters_of, ids, newest, settled, shows, total
from ui.conftest import TENANT, pages_of

NEWEST, ALL = 4_000, 20_000
DAY = 86_400_000
MOST = 4
FILE = 3
PAGES = Path(__file__).parents[2] / "docs" / "pages.md"
EXTERNAL = "adatum.example"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """A server with the demo's story and its newest activities."""
    now = wall_clock()
    with serving(tmp_path_factory.mktemp("clicks")) as (url, house):
        tenant = house.services.store.tenant(TENANT)
        tenant.insert(story_activities(until_ms=now))
        tenant.insert(generated_activities(ALL, until_ms=now, part=slice(-NEWEST, None)))
        yield url, house


@pytest.fixture
def house(demo: tuple[str, Application]) -> Application:
    return demo[1]


class Analyst:
    """Somebody at the first page, whose clicks are counted."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.clicks = 0

    def click(self, *place: Any, **named: Any) -> None:
        """Click on what has a role and a name, or on a locator."""
        target = self.page.get_by_role(*place, **named) if isinstance(place[0], str) else place[0]
        target.first.click()
        self.clicks += 1

    def search(self, text: str) -> None:
        """Type a search into the box, after a click on it."""
        self.click(self.page.get_by_label("Search", exact=True))
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        settled(self.page)
        assert filters_of(self.page)

    def top(self, title: str) -> list[str]:
        """What the top values of a filter are, each with its number."""
        facet = self.page.locator(".facet", has=self.page.get_by_role("heading", name=title, exact=True))
        return [" ".join(text.split()) for text in facet.locator(".facet-value").all_inner_texts()]


@pytest.fixture
def analyst(chromium: Any, demo: tuple[str, Application], request: pytest.FixtureRequest) -> Iterator[Analyst]:
    """At the end the clicks are few, and as many as the document says of the question."""
    with pages_of(chromium, *demo) as opened:
        somebody = Analyst(opened("/"))
        settled(somebody.page)
        yield somebody
    question = str(request.node.get_closest_marker("question").args[0])
    rows = [row.split("|") for row in PAGES.read_text().splitlines() if row.startswith(f"| {question} |")]
    assert [row[3].strip() for row in rows] == [str(somebody.clicks)], question
    assert somebody.clicks <= MOST


def records(house: Application, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All that matches, newest first, by the plain meaning of the filters."""
    now = house.services.clock()
    scan = house.services.store.tenant(TENANT).scan(parse({"isScan": True, "limit": 5_000}, now=now))
    assert scan.boundary is None
    wanted = parse({"filters": filters}, now=now).predicate
    found = [record for record in map(json.loads, scan.records) if matches(wanted, record)]
    return sorted(found, key=lambda record: -int(record["timestamp"]))


def named(record: Mapping[str, Any], field: str) -> Sequence[Any]:
    return values(FIELDS[field], Reading(record))


def most(found: Sequence[dict[str, Any]], field: str) -> tuple[Any, int]:
    """The most frequent value of a field, and how often it occurs."""
    counts: dict[Any, int] = defaultdict(int)
    for record in found:
        for value in set(named(record, field)):
            counts[value] += 1
    return max(counts.items(), key=lambda item: item[1])


def of(field: str) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    return lambda record: named(record, field)


def files_of(record: Mapping[str, Any]) -> Sequence[str]:
    """The files that an activity names: its objects that are files, and a list item of Microsoft 365, which may be one of them."""
    objects = record.get("mainInfo", {}).get("eventObjects", ())
    item = record.get("rawDataJson", {}).get("ListItemUniqueId")
    return [*(one["id"] for one in objects if one.get("objType") == FILE), *([item] if item else ())]


def grouped(
    found: Sequence[dict[str, Any]], by: str, distinct: Callable[[Mapping[str, Any]], Sequence[str]]
) -> dict[Any, tuple[int, int]]:
    """How many there are for each value of a field, and how many distinct things they name."""
    groups: dict[Any, list[Sequence[Any]]] = defaultdict(list)
    for record in found:
        for value in set(named(record, by)):
            groups[value].append(distinct(record))
    return {value: (len(all_of), len(set().union(*map(set, all_of)))) for value, all_of in groups.items()}


def answered(somebody: Analyst, house: Application, filters: dict[str, Any]) -> list[dict[str, Any]]:
    """The page asks for these filters, and shows how many the plain meaning finds; these."""
    assert {key: value for key, value in filters_of(somebody.page).items() if key != "date"} == filters
    period = {"date": {"gte": newest(house) - 30 * DAY}}
    shows(somebody.page, expected(house, filters | period))
    found = records(house, filters | period)
    assert len(found) == total(somebody.page) > 0
    return found


def first_group(somebody: Analyst) -> list[str]:
    """The texts of the first row of the groups."""
    row = somebody.page.get_by_role("table", name="Groups").locator("tbody tr").first
    settled(somebody.page)
    return [str(text) for text in row.locator("td").all_inner_texts()]


def downloaded(house: Application) -> str:
    """A file that somebody downloaded in the last days."""
    (record, *_) = records(house, {"verb": {"eq": ["download"]}, "fileSelector": {"isset": [True]}})
    return next(str(item["name"]) for item in record["mainInfo"]["eventObjects"] if item.get("part") == "file")


@pytest.mark.question("Who downloaded a file?")
def test_who_downloaded_a_file(analyst: Analyst, house: Application) -> None:
    name = downloaded(house)
    analyst.search(f'file:"{name}" verb:download')
    found = answered(analyst, house, {"fileSelector": {"eq": [name]}, "verb": {"eq": ["download"]}})
    assert " ".join(map(str, most(found, "user_name"))) in analyst.top("User")


@pytest.mark.question("How did a user sign in from a country?")
def test_sign_ins_of_a_user_from_a_country(analyst: Analyst, house: Application) -> None:
    (record, *_) = records(house, {"verb": {"eq": ["sign-in"]}, "location.country": {"isset": [True]}})
    (user,), (country,) = named(record, "user_name"), named(record, "country")
    analyst.search(f"user:{user} country:{country} verb:sign-in")
    wanted = {"user.username": {"eq": [user]}, "location.country": {"eq": [country]}, "verb": {"eq": ["sign-in"]}}
    answered(analyst, house, wanted)


@pytest.mark.question("What did an account do, in the order of time?")
def test_everything_of_an_account_in_order(analyst: Analyst, house: Application) -> None:
    user, _ = most(records(house, {}), "user_name")
    analyst.search(f"user:{user}")
    analyst.click("button", name="All", exact=True)
    settled(analyst.page)
    analyst.click(analyst.page.locator(".log thead button"))
    settled(analyst.page)
    wanted = {"user.username": {"eq": [user]}}
    shows(analyst.page, expected(house, wanted))
    shown = ids(analyst.page)[:50]
    stamps = {record["_id"]: record["timestamp"] for record in records(house, wanted)}
    assert [stamps[name] for name in shown] == sorted(stamps.values())[: len(shown)]


@pytest.mark.question("Who was in two countries at once?")
def test_who_was_in_several_countries(analyst: Analyst, house: Application) -> None:
    analyst.click("link", name="Group by", exact=True)
    analyst.click("link", name="Users from many addresses")
    user, addresses, countries, activities, *_ = first_group(analyst)
    found = records(house, {"date": {"gte": wall_clock() - 30 * DAY}, "service": {"neq": [900_013]}})
    assert grouped(found, "user_name", of("ip"))[user] == (int(activities.replace(",", "")), int(addresses))
    assert grouped(found, "user_name", of("country"))[user][1] == int(countries) > 1


@pytest.mark.question("Which roles were granted?")
def test_which_roles_were_granted(analyst: Analyst, house: Application) -> None:
    analyst.search("verb:grant")
    found = answered(analyst, house, {"verb": {"eq": ["grant"]}})
    assert " ".join(map(str, most(found, "user_name"))) in analyst.top("User")


@pytest.mark.question("Which apps got consent?")
def test_which_apps_got_consent(analyst: Analyst, house: Application) -> None:
    analyst.search("verb:consent")
    newest_one, *_ = answered(analyst, house, {"verb": {"eq": ["consent"]}})
    analyst.click(analyst.page.locator(".log tbody a.open"))
    analyst.page.locator(".drawer .sentence", has_text=plain(sentence(newest_one))).wait_for()
    apps = [item["name"] for item in newest_one["mainInfo"]["eventObjects"] if item.get("part") == "application"]
    assert any(app in plain(sentence(newest_one)) for app in apps)


@pytest.mark.question("Who took many files?")
def test_who_took_many_files(analyst: Analyst, house: Application) -> None:
    analyst.click("link", name="Group by", exact=True)
    analyst.click("link", name="Mass download")
    user, files, activities, *_ = first_group(analyst)
    recent = {"date": {"gte": wall_clock() - 30 * DAY}}
    found = grouped(records(house, {"verb": {"eq": ["download", "export"]}} | recent), "user_name", files_of)
    assert found[user] == (int(activities.replace(",", "")), int(files.replace(",", "")))
    assert found[user][0] == max(count for count, _ in found.values())
    assert all(files <= downloads for downloads, files in found.values())


@pytest.mark.question("Who shared with people outside?")
def test_who_shared_with_people_outside(analyst: Analyst, house: Application) -> None:
    analyst.search(f"verb:share {EXTERNAL}")
    found = answered(analyst, house, {"verb": {"eq": ["share"]}, "text": {"text": [EXTERNAL]}})
    assert " ".join(map(str, most(found, "user_name"))) in analyst.top("User")


@pytest.mark.question("From which address did sign-ins of many users fail?")
def test_which_address_sprayed_passwords(analyst: Analyst, house: Application) -> None:
    analyst.click("link", name="Group by", exact=True)
    analyst.click("link", name="Password spray")
    address, users, failures, *_ = first_group(analyst)
    recent = {"verb": {"eq": ["sign-in-failed"]}, "date": {"gte": wall_clock() - 30 * DAY}}
    found = grouped(records(house, recent), "ip", of("user_name"))
    assert found[address] == (int(failures.replace(",", "")), int(users.replace(",", "")))
    analyst.click("link", name=address)
    shows(analyst.page, found[address][0])


@pytest.mark.question("What did an address do?")
def test_what_an_address_did(analyst: Analyst, house: Application) -> None:
    address, _ = most(records(house, {"verb": {"eq": ["sign-in-failed"]}}), "ip")
    analyst.search(f"ip:{address}")
    answered(analyst, house, {"ip.address": {"eq": [address]}})
    analyst.click("link", name="IP address page")
    analyst.page.get_by_role("heading", name=f"IP address {address}").wait_for()
    count = expected(house, {"ip.address": {"eq": [address]}})
    analyst.page.locator(".counts dd", has_text=f"{count:,}").first.wait_for()
