import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.ingest import json_patch, jsontext

TEXTS = st.text(st.characters(codec=None) | st.sampled_from('{}[]",:\\\n\t '), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=6)
STYLES = st.sampled_from(
    [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}, {"separators": (" ,\r\n", " :\t")}]
)


def written(value, style):
    return json.dumps(value, **style).encode()


@given(OBJECTS, STYLES)
def test_members_are_those_of_json(value, style):
    text = written(value, style)
    found = {member.key: text[member.value.start : member.value.end] for member in json_patch.members(text)}
    assert {key: json.loads(raw) for key, raw in found.items()} == value


@given(st.lists(VALUES, max_size=6), STYLES)
def test_elements_are_those_of_json(value, style):
    text = written(value, style)
    assert [json.loads(text[span.start : span.end]) for span in json_patch.elements(text)] == value


@given(st.lists(st.lists(VALUES, max_size=2) | OBJECTS, max_size=4), STYLES)
def test_values_stand_one_after_another(values, style):
    text = b" \n".join(written(value, style) for value in values)
    assert [json.loads(text[span.start : span.end]) for span in json_patch.values(text)] == values


@given(OBJECTS, STYLES, st.data())
def test_replacing_changes_only_what_is_named(value, style, data):
    text = written(value, style)
    names = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    changed = json_patch.replaced(text, dict.fromkeys(names, b'"new"'))
    assert json.loads(changed) == {**value, **dict.fromkeys(names, "new")}
    if not names:
        assert changed == text


@given(OBJECTS, STYLES, st.data())
def test_taking_out_leaves_the_rest(value, style, data):
    names = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    left = json_patch.without(written(value, style), frozenset(names))
    assert json.loads(left) == {key: item for key, item in value.items() if key not in names}


@given(st.lists(VALUES, max_size=5), STYLES)
def test_a_list_becomes_an_object_of_its_elements_own_bytes(value, style):
    text = written(value, style)
    numbered = json_patch.numbered(text)
    assert json.loads(numbered) == {str(index): item for index, item in enumerate(value)}
    for span in json_patch.elements(text):
        assert text[span.start : span.end] in numbered


@given(st.binary(max_size=40) | st.text('{}[]",:\\ a1', max_size=30).map(str.encode))
def test_any_bytes_are_read_or_refused(text):
    for scan in (json_patch.values, json_patch.elements, json_patch.members):
        try:
            list(scan(text))
        except (json_patch.BrokenTextError, json.JSONDecodeError, UnicodeDecodeError):
            continue


REPEATED = [
    pytest.param(b'{"a":1,"a":null}', b'{"a":1,"a":2}', id="the last of a repeated key is the one that counts"),
    pytest.param(rb'{"\u0061":null}', rb'{"\u0061":2}', id="an escaped key is the same key"),
    pytest.param(b'{"b":{"a":null},"a":null}', b'{"b":{"a":null},"a":2}', id="an inner key is another key"),
    pytest.param(b'{"b":"}\\"a\\":null","a":null}', b'{"b":"}\\"a\\":null","a":2}', id="a string is no structure"),
]


@pytest.mark.parametrize(("text", "expected"), REPEATED)
def test_which_value_is_replaced(text, expected):
    assert json_patch.replaced(text, {"a": b"2"}) == expected


def test_all_of_a_repeated_key_are_taken_out():
    assert json_patch.without(b'{"a":1, "b":2, "a":null}', frozenset({"a"})) == b'{"b":2}'


@given(VALUES)
def test_canonical_is_one_spelling_whatever_the_order_of_keys(value):
    shuffled = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert jsontext.canonical(shuffled) == jsontext.canonical(value)
