"""Where values stand in an event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.ingest.mapping.paths import BadPathError, Path

EVENT = {
    "actor": {"email": "a@contoso.com", "Id": 7, "none": None},
    "target": [{"id": "1", "kind": "User"}, {"id": "2", "kind": "app"}, "loose"],
    "parameters": [{"name": "Doc_ID", "value": "d1"}, {"name": "title", "value": "t"}, {"value": "nameless"}],
    "entity": {"file": {"id": "f"}, "user": {"id": "u"}},
    "event_type": {".tag": "login", "a.b": {"c": 1}},
    "Details_dynamic": '{"os": "Windows", "list": [{"x": 1}, {"x": 2}]}',
    "CreatedDateTime [UTC]": "now",
    "broken": '{"os": ',
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("actor.email", ["a@contoso.com"]),
        ("ACTOR.EMAIL", ["a@contoso.com"]),
        ("actor.id", [7]),
        ("actor.none", []),
        ("actor.email.more", []),
        ("target[].id", ["1", "2"]),
        ("target[1].id", ["2"]),
        ("target[9].id", []),
        ("target[kind=USER].id", ["1"]),
        ("parameters[name=doc_id].value", ["d1"]),
        ("entity.*.id", ["f", "u"]),
        ('event_type.".tag"', ["login"]),
        ('event_type."a.b".c', [1]),
        ("details.os", ["Windows"]),
        ("details.list[].x", [1, 2]),
        ("createdDateTime", ["now"]),
        ("broken.os", []),
        ("nothing", []),
    ],
)
def test_every_form_of_a_path(path: str, found: list[Any]) -> None:
    assert Path(path).all(EVENT) == found


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", "a[", "a[x]", "a]", '"a', "a.[b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(BadPathError):
        Path(path)


def test_the_spelling_of_the_path_goes_before_other_letter_case() -> None:
    assert Path("Id").all({"id": 1, "Id": 2}) == [2]
    assert Path("id").all({"ID": None, "Id": 2}) == [2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "A"]) | st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.sampled_from(["a.b", "a[].b", "a[0]", "a[b=c].a", "*.a", "a.*.b", '"a"[]']))
def test_no_event_makes_it_raise(event: Any, path: str) -> None:
    assert None not in Path(path).all(event)
