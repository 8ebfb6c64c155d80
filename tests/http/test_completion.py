"""Completion on the wire: what is suggested is there, its count is exact, and the work is bounded."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.deadline import Deadline
from casbah.activity.search.forms import TARGETS
from casbah.activity.tenant import TenantId
from casbah.http import completion
from making import NOW, arrival, record
from scenarios.inprocess import Asker

SEARCH, COMPLETE = "/api/ext/v1/search", "/api/ext/v1/search/complete"
HOUR = 3_600_000
Record = dict[str, Any]
Holds = Callable[[Record], bool]


def _records(count: int = 300) -> list[Record]:
    dice = random.Random(11)
    names = ["ann", "annette", "ann b", 'ann "x"', "bob"]
    return [
        record(
            number,
            timestamp=NOW - dice.randrange(60) * HOUR,
            appId=dice.choice([11161, 10980, 15600]),
            user={
                "userName": dice.choice(names) + "@contoso.example",
                "userTags": [{"_id": dice.choice(["g1", "g2"])}],
            },
            location={"countryCode": dice.choice(["DE", "FR", "US"]), "category": dice.randrange(4)},
            mainInfo={"rawOperationName": dice.choice(["FileDownloaded", "FileDeleted", "UserLoggedIn"])},
            device={"clientIP": f"203.0.113.{dice.randrange(9)}"},
            isAdminOperation=dice.random() < 0.2,
        )
        for number in range(count)
    ]


RECORDS = _records()


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[compose.Application]:
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store")))) as built:
        built.services.store.tenant(TenantId("default")).insert(map(arrival, RECORDS))
        yield built


@pytest.fixture(scope="module")
def ask(application: compose.Application) -> Asker:
    return Asker(application.app, application.local_key)


def answer(ask: Asker, path: str, **body: Any) -> Any:
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status == 200, reply.json
    return reply.json


def suggested(ask: Asker, q: str, **body: Any) -> dict[str, int | None]:
    return {one["text"]: one["total"] for one in answer(ask, COMPLETE, q=q, **body)["suggestions"]}


def matching(holds: Holds) -> int:
    return sum(map(holds, RECORDS))


def test_values_have_exact_counts_beside_the_rest_of_the_search(ask: Asker) -> None:
    names = [r["user"]["userName"] for r in RECORDS if r["location"]["countryCode"] == "DE"]
    texts = suggested(ask, "country:DE user:ann")
    assert texts == {
        "annette@contoso.example": sum(name.startswith("annette") for name in names),
        "ann@contoso.example": sum(name.startswith("ann@") for name in names),
        '"ann b@contoso.example"': sum(name.startswith("ann b") for name in names),
        '"ann \\"x\\"@contoso.example"': sum(name.startswith('ann "') for name in names),
        "ann*": sum(name.startswith("ann") for name in names),
        "*ann*": sum("ann" in name for name in names),
        "*ann": 0,
    }
    counts = [total for text, total in texts.items() if "*" not in text and total]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        ("country:FR OR country:DE app:{}", "country:DE"),
        ("(app:{} admin:yes", "admin:yes"),
        ("-app:{} admin:yes", "admin:yes"),
        ("app:okta,{} admin:yes", "admin:yes"),
        ("since:24h app:{}", "since:24h"),
    ],
)
def test_a_count_is_what_the_value_would_find(ask: Asker, text: str, beside: str) -> None:
    before, after = text.split("{}")
    found = answer(ask, COMPLETE, q=before + after, cursor=len(before), filters={"date": {"lte": NOW}})
    assert {one["label"] for one in found["suggestions"]} >= {"Office 365", "Okta"}
    for one in found["suggestions"]:
        q = f"{beside} app:{one['text']}"
        assert one["total"] == answer(ask, SEARCH, q=q, filters={"date": {"lte": NOW}})["total"]


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("typed", ["", "1", "a", "g", ">"])
def test_every_suggestion_of_every_field_finds_as_many_as_it_says(ask: Asker, name: str, typed: str) -> None:
    before = f"admin:yes {name}:"
    found = answer(ask, COMPLETE, q=before + typed, limit=20)
    assert (found["start"], found["end"]) == (len(before), len(before + typed))
    for one in found["suggestions"]:
        if one["total"] is not None:
            assert one["total"] == answer(ask, SEARCH, q=before + one["text"])["total"]


def test_a_word_may_be_a_field_or_a_value(ask: Asker) -> None:
    assert next(iter(suggested(ask, "user"))) == "user:"
    okta = matching(lambda r: r["appId"] == 10980)
    assert suggested(ask, "okt")["app:Okta"] == okta
    assert suggested(ask, "germ")["country:de"] == matching(lambda r: r["location"]["countryCode"] == "DE")
    assert suggested(ask, "usr") == {"user:": None, "url:": None}


def test_a_name_that_nothing_has_is_counted_too(ask: Asker) -> None:
    assert suggested(ask, "country:japa") == {"jp": 0}
    assert suggested(ask, "admin:y") == {"yes": matching(lambda r: r["isAdminOperation"])}


def test_any_text_is_completed_or_refused(ask: Asker) -> None:
    dice = random.Random(3)
    parts = [
        "user:",
        "ann",
        '"',
        "(",
        ")",
        " ",
        " OR ",
        "-",
        "*",
        ",",
        "..",
        ">=",
        "app:",
        "since:",
        "\\",
        "é",
        "😀",
        "zz:",
    ]
    for _ in range(150):
        q = "".join(dice.choices(parts, k=dice.randrange(1, 9)))
        reply = ask("POST", COMPLETE, json.dumps({"q": q, "cursor": dice.randrange(len(q) + 1)}).encode())
        assert reply.status == 200 or (reply.status == 400 and reply.json["detail"].startswith("search, character")), q


@pytest.mark.parametrize("path", [SEARCH, COMPLETE])
@pytest.mark.parametrize("filters", [5, [], {"service": 5}, {"all": 5}, {"not": {"service": 5}}])
def test_filters_beside_a_search_may_be_anything(ask: Asker, path: str, filters: Any) -> None:
    assert ask("POST", path, json.dumps({"q": "app:okta a", "filters": filters}).encode()).status == 400


def test_the_number_of_suggestions_is_bounded(ask: Asker) -> None:
    assert len(suggested(ask, "", limit=5_000)) <= completion.MAX_LIMIT
    assert len(suggested(ask, "user:", limit=3)) == 3


def test_counts_that_take_too_long_are_left_out(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "SECONDS", -1)
    found = answer(ask, COMPLETE, q="user:ann")
    assert found["timedOut"]
    assert [(one["text"], one["total"]) for one in found["suggestions"]] == [
        ("ann*", None),
        ("*ann*", None),
        ("*ann", None),
    ]


def test_one_request_counts_a_bounded_number_of_conditions(
    ask: Asker, application: compose.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(application.services.store.tenant(TenantId("default")))
    counts: list[Any] = []
    count = kind.count

    def counted(self: Any, predicate: Any, /, *, deadline: Deadline) -> int:
        counts.append(predicate)
        return count(self, predicate, deadline=deadline)

    monkeypatch.setattr(kind, "count", counted)
    suggested(ask, "country:a", limit=completion.MAX_LIMIT)
    assert 0 < len(counts) <= completion.MAX_LIMIT
