"""What is being typed at a place of a search, and what may be typed there."""

from typing import Any

import pytest

from activity.test_search import NAMES, context
from casbah.activity.language import FILTERS
from casbah.activity.query import where
from casbah.activity.search import grouping
from casbah.activity.search.compiled import filters_of_search
from casbah.activity.search.completion import (
    fields_like,
    forms_of,
    grouped_fields,
    meaning,
    moments_of,
    typed_at,
    value_suggestion,
)
from casbah.activity.search.forms import TARGETS, field_of
from casbah.errors import SearchError
from samples import NOW, telling_values

GERMANY = {"location.country": {"eq": ["DE"]}}

# A search with | at the place; what a suggestion replaces; what was typed of it; the filter; what else must hold.
PLACES: list[tuple[str, str, str, str | None, dict[str, Any]]] = [
    ("|", "", "", None, {}),
    ("us|", "us", "us", None, {}),
    ("country:DE us|", "us", "us", None, GERMANY),
    ("us| country:DE", "us", "us", None, GERMANY),
    ("| country:DE", "", "", None, GERMANY),
    ("country:DE |", "", "", None, GERMANY),
    ("us|er:ann country:DE", "user:", "us", None, GERMANY),
    ("usr:an|", "usr:", "usr", None, {}),
    ("user:|", "", "", "user.username", {}),
    ("user:an|", "an", "an", "user.username", {}),
    ("user:an|nette country:DE", "annette", "an", "user.username", GERMANY),
    ("-user:an| country:DE", "an", "an", "user.username", GERMANY),
    ("user:bob,an|,eve country:DE", "an", "an", "user.username", GERMANY),
    ('user:"a, b|', '"a, b', "a, b", "user.username", {}),
    ('user:"a, b| country:DE', '"a, b', "a, b", "user.username", GERMANY),
    ('user:"a, b|c" country:DE', '"a, bc"', "a, b", "user.username", GERMANY),
    ('file:"a b",c|', "c", "c", "fileSelector", {}),
    ("user:*an|", "*an", "an", "user.username", {}),
    ("ipcategory:>=|", ">=", "", "ip.category", {}),
    ("ipcategory:1..|", "", "", "ip.category", {}),
    ("country:DE OR user:an|", "an", "an", "user.username", {}),
    ("(country:DE user:an|) OR admin:yes", "an", "an", "user.username", GERMANY),
    ("country:DE (admin:yes OR user:an|)", "an", "an", "user.username", GERMANY),
    ("country:DE (admin:yes OR user:an|", "an", "an", "user.username", GERMANY),
    ("country:DE -(admin:yes OR user:an|", "an", "an", "user.username", GERMANY),
    ("(country:DE) us|", "us", "us", None, GERMANY),
    ("(country:DE)|", "", "", None, GERMANY),
    ("country:DE AND |", "", "", None, GERMANY),
    ("file:report(1).p|", "report(1).p", "report(1).p", "fileSelector", {}),
    ("since:to|", "to", "to", "date", {}),
    ("targetgroup:g|", "g", "g", "user.tags", {}),
    ("country:DE by:us|", "us", "us", None, GERMANY),
    ("by:ip distinct:app country:DE us|", "us", "us", None, GERMANY),
]


@pytest.mark.parametrize(("marked", "replaced", "typed", "name", "beside"), PLACES)
def test_what_is_being_typed(marked: str, replaced: str, typed: str, name: str | None, beside: dict[str, Any]) -> None:
    text, cursor = marked.replace("|", ""), marked.index("|")
    read = typed_at(text, cursor, context())
    assert text[read.start : read.end] == replaced
    assert read.text == typed
    assert (read.target.row.name if read.target else None) == name
    assert read.rest == beside


@pytest.mark.parametrize("marked", ["usr:x user:an|", "user:an| usr:x", "app:zzz u|", 'us| app:zzz "b"'])
def test_a_rest_that_cannot_be_read_is_pointed_at(marked: str) -> None:
    text, cursor = marked.replace("|", ""), marked.index("|")
    with pytest.raises(SearchError) as refusal:
        typed_at(text, cursor, context())
    assert text[refusal.value.position : refusal.value.position + refusal.value.length] in ("usr", "zzz")


def test_any_place_of_any_search_is_read_or_refused() -> None:
    texts = ['user:"a, b" OR (app:okta -ip:10.0.0.0/8) "x y"* since:7d..', '((a) -"b', "a:b:c,,*..", '"', "-(", ")"]
    for text, cursor in [(one, place) for one in texts for place in range(len(one) + 1)]:
        try:
            typed = typed_at(text, cursor, context())
        except SearchError as error:
            places = (error.position, error.position + error.length)
        else:
            places = (typed.start, typed.end)
            assert typed.start <= cursor
        assert 0 <= places[0] <= places[1] <= len(text)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("us", "user:"),
        ("country", "country:"),
        ("usr", "user:"),
        ("ISP", "isp:"),
        ("registered", "isp:"),
        ("user.n", "user:"),
    ],
)
def test_fields_are_suggested(text: str, first: str) -> None:
    assert next(fields_like(text)).text == first


def test_every_field_is_suggested_by_its_name() -> None:
    texts = {one.text for one in fields_like("")}
    assert texts >= {f"{field_of(row)}:" for row in FILTERS.values() if row.name != "text"}
    assert texts >= {"since:", "until:", "targetgroup:", "anygroup:"}
    assert all(text[:-1].lower() in grouping.FIELDS for text in texts)


@pytest.mark.parametrize("name", [row.name for row in FILTERS.values() if row.countable])
def test_every_suggested_value_is_read_back(name: str) -> None:
    """Whatever the value: written after its field, it means what is counted."""
    row = FILTERS[name]
    field = f"{field_of(row)}:"
    typed = typed_at(field, len(field), context())
    values = [value for value in telling_values(name, "eq") if not isinstance(value, list)]
    for value in (*values, *(value for value, _ in NAMES.get(name, ()))):
        suggestion = value_suggestion(typed, value, "", context())
        counted = where(meaning(typed, suggestion, context()), now=NOW)
        assert counted == where({name: {"eq": [value]}}, now=NOW)
        assert counted == where(filters_of_search(field + suggestion.text, context()), now=NOW)


@pytest.mark.parametrize("name", sorted({name for name, target in TARGETS.items()}))
@pytest.mark.parametrize("value", ["", "ann", 'a "b", c', "to", "7", "*a"])
def test_every_suggested_form_is_read_back(name: str, value: str) -> None:
    text = f"{name}:{value}" if value.isalnum() or value in ("", "*a") else f'{name}:"{value[:-1]}'
    typed = typed_at(text, len(text), context())
    for suggestion in (*forms_of(typed), *moments_of(typed)):
        written = text[: typed.start] + suggestion.text
        if suggestion.counted:
            assert filters_of_search(written, context()) == meaning(typed, suggestion, context())
        else:
            assert not suggestion.complete
            with pytest.raises(SearchError, match="a value is missing"):
                filters_of_search(written, context())


def test_fields_to_group_by_are_suggested() -> None:
    assert {"by:", "distinct:"} <= {one.text for one in fields_like("")}
    typed = typed_at("by:app,us", 9, context())
    assert (typed.names_field, typed.text) == (True, "us")
    assert [one.text for one in grouped_fields(typed.text)] == ["user"]
    for one in grouped_fields(""):
        grouping.separated(f"by:{one.text}")


def test_times_are_suggested() -> None:
    texts = [one.text for one in moments_of(typed_at("since:", 6, context()))]
    assert texts == ["today", "yesterday", "24h", "7d", "30d", "90d"]
    assert [one.text for one in moments_of(typed_at("date:", 5, context()))] == ["today", "yesterday"]


def test_a_value_of_another_role_says_so() -> None:
    typed = typed_at("targetgroup:", 12, context())
    suggestion = value_suggestion(typed, "g1", "", context())
    assert meaning(typed, suggestion, context()) == {"user.tags": {"eq": ["g1", {"role": 2}]}}
